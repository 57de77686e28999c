"""The verbs of accounts, a file for each noun."""
