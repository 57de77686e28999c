"""The verbs of software that is connected."""
