"""FHIR JSON ↔ the small values of assessment, one file a noun."""
