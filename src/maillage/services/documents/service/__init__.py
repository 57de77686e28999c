"""The verbs of documents: receive, withdraw, read."""
