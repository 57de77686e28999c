"""Whose record a fact is of, who says it and when; a whole new fact of the values of its form."""

from datetime import datetime
from typing import Any

from maillage.services.coordination.resources.fact import FACTS, FactKind, fact_from

Resource = dict[str, Any]

_WRITTEN = {
    "Condition": "recordedDate", "AllergyIntolerance": "recordedDate", "MedicationStatement": "dateAsserted", "ServiceRequest": "authoredOn",
    "Communication": "sent", "QuestionnaireResponse": "authored",
}  # fmt: skip
_FIRST = frozenset({"Communication", "ServiceRequest"})
"""Of which who said it first stays the author."""


def signed(kind: FactKind, *, patient: str, by: Resource, at: datetime) -> Resource:
    """What a fact says besides its form: `patient` is the id whose record a new one is of, empty for one that stands already; `by` a FHIR reference."""
    said: Resource = {"resourceType": kind.type, **({kind.subject: {"reference": f"Patient/{patient}"}} if patient else {})}
    if not patient and kind.type in _FIRST:
        return said
    if kind.author:
        said[kind.author] = by
    if kind.type in _WRITTEN:
        said[_WRITTEN[kind.type]] = at.isoformat(timespec="seconds")
    return said


def fact_of(slug: str, *, patient: str, by: Resource, at: datetime, **values: str) -> Resource:
    """A new fact of a kind (of `FACTS`): what is not said of its form is empty."""
    kind = FACTS[slug]
    filled = {field.name: "" for field in kind.fields} | values
    return fact_from(kind, filled, {}) | signed(kind, patient=patient, by=by, at=at)
