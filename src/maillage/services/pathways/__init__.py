"""Pathways: protocols that react to what happens. See README.md."""
