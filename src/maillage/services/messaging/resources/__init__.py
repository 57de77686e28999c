"""Communication (FHIR R4 §8.12) ↔ the small values of messaging, one file a noun."""
