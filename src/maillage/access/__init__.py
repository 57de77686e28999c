"""Actors, purposes, permissions, care circle, audit: the guarded door to the records."""
