"""FHIR directory resources → the small values of circles and of search results. Pure."""
