"""Messaging: notices in each person's inbox, and the e-mail that says to look. See README.md."""
