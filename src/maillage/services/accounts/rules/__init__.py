"""Decisions about accounts: pure."""
