"""The domains of the platform, one folder each, one shape."""
