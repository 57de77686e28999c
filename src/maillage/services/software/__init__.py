"""Software: see README.md."""
