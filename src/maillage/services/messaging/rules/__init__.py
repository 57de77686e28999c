"""Decisions of messaging, one file a noun. Pure."""
