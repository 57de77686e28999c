"""The verbs of coordination, one file a noun."""
