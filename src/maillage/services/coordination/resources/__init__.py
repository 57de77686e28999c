"""FHIR JSON ↔ the small values of coordination, one file a noun."""
