"""Identity: see README.md."""
