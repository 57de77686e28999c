"""Professionals, structures, the offer of care, and who is around a person. See README.md."""
