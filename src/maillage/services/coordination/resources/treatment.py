"""A treatment of the record (MedicationStatement, MedicationRequest) and what it names as where it was decided."""

from collections.abc import Mapping
from typing import Any

from maillage.access.references import as_list, local

CITES = {"MedicationStatement": "derivedFrom", "MedicationRequest": "supportingInformation"}
"""Where a treatment names the letter by which it was decided."""


def cited(treatment: Mapping[str, Any]) -> set[str]:
    """The records that a treatment names so, as "Type/id"."""
    found = as_list(treatment.get(CITES.get(str(treatment["resourceType"]), ""), []))
    return {reference for one in found if (reference := local(one))}
