"""Assessment: see README.md."""
