"""Appointment (FHIR R4 §12.1) ↔ a visit at home that somebody plans: who goes, to whom, when, where, for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.references import local
from maillage.services.coordination.resources.booking import BUSY
from maillage.services.coordination.resources.telling import appointment_words

Resource = dict[str, Any]
TYPE_SYSTEM, TYPE = "urn:maillage:appointment", "home-visit"
DONE, CANCELLED = "fulfilled", "cancelled"


@dataclass(frozen=True, slots=True)
class HomeVisit:
    """A planned visit. `who` and `patient` are references' ids and names; `place` is empty for the person's own address."""

    id: str
    version: str
    patient: str
    what: str
    start: datetime
    end: datetime
    place: str
    who: tuple[tuple[str, str], ...]
    status: str
    reason: str

    @property
    def to_come(self) -> bool:
        """Whether it is still to be made."""
        return self.status in BUSY

    @property
    def state(self) -> str:
        """Its state in French."""
        return {DONE: "Faite", CANCELLED: "Annulée", "noshow": "Personne absente"}.get(self.status, "Prévue")

    @property
    def owner(self) -> str:
        """The reference of who makes it."""
        return next((reference for reference, _ in self.who if reference), "")


def visit_for(
    *, patient: str, who: Mapping[str, str], what: str, start: datetime, end: datetime, place: str, at: datetime
) -> Resource:
    """The Appointment of a visit. `who` is a FHIR reference with its name."""
    resource: Resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "serviceType": [{"coding": [{"system": TYPE_SYSTEM, "code": TYPE}], "text": "Visite à domicile"}],
        "description": what,
        "start": start.isoformat(timespec="seconds"),
        "end": end.isoformat(timespec="seconds"),
        "created": at.isoformat(timespec="seconds"),
        "participant": [
            {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"},
            {"actor": dict(who), "status": "accepted"},
        ],
    }
    return resource | ({"comment": place} if place else {})


def moved(resource: Resource, *, who: Mapping[str, str], what: str, start: datetime, end: datetime, place: str) -> Resource:
    """The same visit at another time, elsewhere, or by somebody else."""
    patients = [one for one in resource["participant"] if (local(one.get("actor")) or "").startswith("Patient/")]
    kept = {name: value for name, value in resource.items() if name != "comment"}
    said = {
        "description": what,
        "start": start.isoformat(timespec="seconds"),
        "end": end.isoformat(timespec="seconds"),
        "participant": [*patients, {"actor": dict(who), "status": "accepted"}],
    }
    return kept | said | ({"comment": place} if place else {})


def cancelled(resource: Resource, words: str) -> Resource:
    """The same visit, which will not be made, and why."""
    return resource | {"status": CANCELLED, "cancelationReason": {"text": words}}


def is_home_visit(resource: Mapping[str, Any]) -> bool:
    """Whether an Appointment is a visit at somebody's home, as this service plans them."""
    codings = [coding for concept in resource.get("serviceType", []) for coding in concept.get("coding", [])]
    return any(coding.get("system") == TYPE_SYSTEM and coding.get("code") == TYPE for coding in codings)


def home_visit_from(resource: Mapping[str, Any]) -> HomeVisit:
    """The visit of an Appointment that `is_home_visit` and has a start, an end and a person."""
    actors = [one.get("actor", {}) for one in resource.get("participant", [])]
    who = [(local(one) or "", str(one.get("display", ""))) for one in actors]
    start = datetime.fromisoformat(resource["start"])
    return HomeVisit(
        id=str(resource["id"]),
        version=str(resource.get("meta", {}).get("versionId", "")),
        patient=next(reference.removeprefix("Patient/") for reference, _ in who if reference.startswith("Patient/")),
        what=appointment_words(resource),
        start=start,
        end=datetime.fromisoformat(resource["end"]) if "end" in resource else start,
        place=str(resource.get("comment", "")),
        who=tuple(one for one in who if not one[0].startswith("Patient/")),
        status=str(resource.get("status", "")),
        reason=str(resource.get("cancelationReason", {}).get("text", "")),
    )
