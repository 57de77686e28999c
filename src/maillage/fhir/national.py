"""The systems of the national identifiers of professionals and structures in FHIR (fr-core 2.2.0, annuaire santé; SPECS §2)."""

RPPS = "https://rpps.esante.gouv.fr"
FINESS = "https://finess.esante.gouv.fr"
"""The bare numbers: 11 digits, 9 characters."""

IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
SIRET = "https://sirene.fr"
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
"""The same with a prefix that says which: 8 + RPPS, 0 + ADELI; 1 + FINESS, 3 + SIRET."""
