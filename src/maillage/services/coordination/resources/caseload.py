"""Stored resources → the few fields that a line of the caseload needs: hundreds of them are read, fifty are shown."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import msgspec
from msgspec import Struct, field

from maillage.access.references import local
from maillage.fhir.change import Stored, fields
from maillage.services.coordination.resources.episode import is_episode
from maillage.services.coordination.resources.level import level_of, programme_of
from maillage.services.coordination.resources.task import TASK_SYSTEM


class Person(Struct, frozen=True):
    """Somebody of the caseload: their id, family name and town ("" where not said), and the stored Patient for the line that is shown."""

    id: str
    family: str
    commune: str
    stored: Stored


class Due(Struct, frozen=True):
    """A task that is still to do: whose, what (a code of TASK_SYSTEM and its words), by when, and about what ("Encounter/3")."""

    patient: str
    code: str
    title: str
    due: datetime
    focus: str
    done: bool = False


class Support(Struct, frozen=True):
    """The support of a person by a team: who manages it ("Practitioner/3", or ""), its level and programme in words."""

    patient: str
    manager: str
    level: str
    programme: str


class _Reference(Struct):
    reference: str = ""


class _Name(Struct):
    family: str = ""


class _Address(Struct):
    city: str = ""


class _Patient(Struct):
    name: list[_Name] = field(default_factory=list)
    address: list[_Address] = field(default_factory=list)


class _Coding(Struct):
    system: str = ""
    code: str | None = None


class _Concept(Struct):
    coding: list[_Coding] = field(default_factory=list)
    text: str | None = None


class _Period(Struct):
    end: str = ""


class _Restriction(Struct):
    period: _Period = field(default_factory=_Period)


class _Task(Struct, rename={"for_": "for", "authored": "authoredOn"}):
    for_: _Reference = field(default_factory=_Reference)
    code: _Concept = field(default_factory=_Concept)
    owner: _Reference = field(default_factory=_Reference)
    focus: _Reference = field(default_factory=_Reference)
    restriction: _Restriction = field(default_factory=_Restriction)
    authored: str = ""


class _Communication(Struct):
    sent: str = ""


class _Document(Struct):
    description: str = ""


class _Episode(Struct, rename="camel"):
    patient: _Reference = field(default_factory=_Reference)
    care_manager: _Reference = field(default_factory=_Reference)
    type: msgspec.Raw = msgspec.Raw(b"[]")


def person_from(stored: Stored) -> Person:
    """The Patient of a line."""
    one = fields(stored, _Patient)
    return Person(stored.id, one.name[0].family if one.name else "", next((at.city for at in one.address if at.city), ""), stored)


def due_from(found: Iterable[Stored]) -> list[Due]:
    """The tasks of these that are planned (`task.is_planned`): other clients write their own, to the same teams."""
    return [due for one in found if (due := _due(fields(one, _Task)))]


def sent_of(stored: Stored) -> str:
    """When a Communication was sent, as it says."""
    return fields(stored, _Communication).sent


def has_title(stored: Stored) -> bool:
    """Whether a DocumentReference has a title of its own, as a letter or a report does, and a note or a picture joined to a message does not."""
    return bool(fields(stored, _Document).description)


def support_from(stored: Stored) -> Support | None:
    """The support of an EpisodeOfCare; None where it is another kind of episode."""
    one = fields(stored, _Episode)
    said = _kind(bytes(one.type))
    if said is None:
        return None
    return Support((local(one.patient.reference) or "").removeprefix("Patient/"), local(one.care_manager.reference) or "", *said)


def _due(one: _Task) -> Due | None:
    code = next((said.code for said in one.code.coding if said.system == TASK_SYSTEM and said.code is not None), None)
    deadline, person = one.restriction.period.end, one.for_.reference
    if code is None or one.code.text is None or "T" not in one.authored or "T" not in deadline:
        return None
    if not person.startswith("Patient/") or not one.owner.reference:
        return None
    return Due(person.removeprefix("Patient/"), code, one.code.text, datetime.fromisoformat(deadline), one.focus.reference)


@lru_cache(maxsize=1000)
def _kind(types: bytes) -> tuple[str, str] | None:
    """The level and programme that the types of an episode say, in words; None where it is no support. Few texts are written thousands of times."""
    episode = {"type": msgspec.json.decode(types)}
    return (level_of(episode), programme_of(episode)) if is_episode(episode) else None
