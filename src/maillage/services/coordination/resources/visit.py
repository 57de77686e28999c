"""Appointment (FHIR R4 §12.1) ↔ a visit of somebody's round."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Resource = dict[str, Any]

DONE = "fulfilled"
KEPT = frozenset({"booked", "arrived", "checked-in", "pending", DONE})


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit: `what` is to be done, `patient` the id of whom it is for."""

    id: str
    version: str
    patient: str
    at: datetime
    what: str
    done: bool


def visits(appointments: Sequence[Resource]) -> list[Visit]:
    """Those that are kept, with a hour and a person, in the order of the day."""
    return sorted((one for one in map(visit_from, appointments) if one), key=lambda one: (one.at, one.id))


def visit_from(resource: Resource) -> Visit | None:
    """The visit of an Appointment, or None where it is not kept, has no hour, or is for nobody."""
    people = [one.get("actor", {}).get("reference", "") for one in resource.get("participant", [])]
    patient = next((one.removeprefix("Patient/") for one in people if one.startswith("Patient/")), "")
    if resource.get("status") not in KEPT or "start" not in resource or not patient:
        return None
    kinds = [one.get("text") or (one.get("coding") or [{}])[0].get("display", "") for one in resource.get("serviceType", [])]
    what = resource.get("description") or ", ".join(one for one in kinds if one) or "Visite"
    return Visit(
        resource["id"], resource.get("meta", {}).get("versionId", ""), patient, datetime.fromisoformat(resource["start"]), what,
        resource["status"] == DONE,
    )  # fmt: skip
