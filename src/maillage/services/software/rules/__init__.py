"""Decisions about software that is connected: pure."""
