"""The FHIR R4 engine: definitions, validation, search, store, versions, bundles. Knows no user."""
