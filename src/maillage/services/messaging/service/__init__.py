"""The verbs of messaging, one file a noun."""
