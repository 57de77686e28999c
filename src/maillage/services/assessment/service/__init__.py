"""The verbs of assessment, one file a noun."""
