"""The systems and extensions of an identity in FHIR (fr-core 2.2.0, SPECS §1) and of our own identifiers."""

CORE = "https://hl7.fr/ig/fhir/core"
RELIABILITY_EXTENSION = f"{CORE}/StructureDefinition/fr-core-identity-reliability"
RELIABILITY_CODES = f"{CORE}/CodeSystem/fr-core-cs-v2-0445"
COLLECTION_CODES = f"{CORE}/CodeSystem/fr-core-cs-method-collection"
BIRTH_GIVEN_NAMES_EXTENSION = f"{CORE}/StructureDefinition/fr-core-patient-birth-list-given-name"
INSEE_CODE_EXTENSION = f"{CORE}/StructureDefinition/fr-core-address-insee-code"
BIRTH_PLACE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
COMMUNES = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
IDENTIFIER_TYPES = f"{CORE}/CodeSystem/fr-core-cs-v2-0203"
HL7_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"

IDENTITY_KIND = "urn:maillage:identity-kind"
"""meta.tag system: `source` for an identity as a source gave it, `regional` for a record of the region."""
SOURCE_TAG = {"system": IDENTITY_KIND, "code": "source", "display": "Identité source"}
REGIONAL_TAG = {"system": IDENTITY_KIND, "code": "regional", "display": "Dossier régional"}

REGIONAL_NUMBER = "urn:maillage:regional-number"
"""Identifier system of the regional record number (type RRI)."""


def facility_system(authority: str) -> str:
    """Identifier system of a facility known by its FINESS or its name only (HL7 CX.4 without an OID)."""
    return f"urn:maillage:facility:{authority}"
