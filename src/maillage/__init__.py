"""Maillage: the digital health space of a French region, on one store of FHIR R4 records."""

__version__ = "0.1.0"
