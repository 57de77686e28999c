"""Prints whether the reference documentation is true to the code."""
