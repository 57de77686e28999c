"""From the bytes of a clinical document to small values, safe HTML and FHIR, and back to nothing else. Pure."""
