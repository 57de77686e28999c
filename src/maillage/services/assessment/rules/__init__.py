"""Decisions of assessment: what is asked, what is computed, what an answer may be. Pure."""
