"""Code systems of CDA documents (OIDs) as FHIR systems, and the class of a document from its type."""

from collections.abc import Mapping
from typing import Any

from maillage.services.documents.resources.header import Code

NOS = "https://mos.esante.gouv.fr/NOS"
VISIBILITY = f"{NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
DOCUMENT_CLASS = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
LOINC = "http://loinc.org"

SYSTEMS = {
    "2.16.840.1.113883.6.1": LOINC,
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.5.4": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "2.16.840.1.113883.5.25": CONFIDENTIALITY,
    "1.2.250.1.213.1.1.4.12": f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire",
    "1.2.250.1.213.1.1.4.13": VISIBILITY,
    "1.2.250.1.213.1.1.4.9": f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice",
    "1.2.250.1.71.4.2.4": f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite",
}
"""OID → canonical of the FHIR CodeSystem; an OID that is not here stays `urn:oid:…`."""

REPORT = Code("10", DOCUMENT_CLASS, "Compte rendu")
SYNTHESIS = Code("11", DOCUMENT_CLASS, "Synthèse")
PRESCRIPTION = Code("42", DOCUMENT_CLASS, "Prescription")
DISPENSATION = Code("43", DOCUMENT_CLASS, "Dispensation")
CARE_PLAN = Code("44", DOCUMENT_CLASS, "Plan de soins, protocole de soins")
MANAGEMENT = Code("95", DOCUMENT_CLASS, "Document de gestion")

CLASSES = {
    "11488-4": REPORT,
    "11502-2": REPORT,
    "15507-7": REPORT,
    "18748-4": REPORT,
    "34112-3": REPORT,
    "85208-7": REPORT,
    "34133-9": REPORT,
    "60591-5": SYNTHESIS,
    "57833-6": PRESCRIPTION,
    "60593-1": DISPENSATION,
    "18776-5": CARE_PLAN,
    "EXPORT_DUI": MANAGEMENT,
}
"""Document type → class (TRE_A03), where a published example or the type's own words say it; the table ASS_X04 that would say
it for all types is not public data here, so a type that is not listed gets no class."""


TYPE_WORDS: Mapping[str, str] = {
    "11488-4": "Compte rendu de consultation",
    "11490-0": "Lettre de liaison à la sortie",
    "11502-2": "Compte rendu de biologie",
    "11526-1": "Compte rendu d’anatomopathologie",
    "15507-7": "Compte rendu de passage aux urgences",
    "18725-2": "Compte rendu de microbiologie",
    "18748-4": "Compte rendu d’imagerie",
    "18776-5": "Plan personnalisé",
    "34112-3": "Compte rendu hospitalier",
    "34133-9": "Résumé de soins",
    "57833-6": "Prescription de médicaments",
    "60591-5": "Volet de synthèse médicale",
    "60593-1": "Dispensation de médicaments",
    "85208-7": "Compte rendu de téléconsultation",
    "87273-9": "Note de vaccination",
    "EXPORT_DUI": "Export de dossier social",
    "concertation": "Compte rendu de concertation",
}
"""The types that the screens name, by code (JDV_J07, LOINC)."""


def coding(code: Code) -> dict[str, Any]:
    """A FHIR Coding."""
    system = SYSTEMS.get(code.system) or (f"urn:oid:{code.system}" if code.system[:1].isdigit() else code.system)
    parts = {"system": system, "code": code.code, "display": code.display}
    return {name: value for name, value in parts.items() if value}


def concept(code: Code) -> dict[str, Any]:
    """A FHIR CodeableConcept of one coding."""
    return {"coding": [coding(code)]}
