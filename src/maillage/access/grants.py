"""What the records themselves say about who may see whom.

A care team, an open episode, a general practitioner, a related person: writing such a record writes its grants in the same
transaction (`derive`), so that nobody gains or keeps a sight that no record explains.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from maillage.access import choices
from maillage.access.habilitation.carers import scope_of
from maillage.access.masks import CARER, CLASSED, PROFESSIONAL, Mask, is_conversation, is_for_circle, masks
from maillage.access.periods import ALWAYS, Span, bounds, days, instant, span
from maillage.access.references import ATTENDING, as_list, at_work_in, attending, grantee, local
from maillage.db import Connection, load_queries
from maillage.fhir import ids

QUERIES = load_queries("maillage.access")

Resource = dict[str, Any]

OPEN_ENCOUNTER = frozenset({"planned", "arrived", "triaged", "in-progress", "onleave"})
OPEN_EPISODE = frozenset({"planned", "waitlist", "active", "onhold"})
KEPT_APPOINTMENT = frozenset({"pending", "booked", "arrived", "checked-in"})
LONGEST_APPOINTMENT = timedelta(days=2)
"""An appointment may pass midnight. Where somebody stays longer, the Encounter says who cares for them."""

GIVEN = 0
"""Weight of a sight that the records give; see `access_grant.weight` for those of what takes it away."""

# What is written because of a document (a photograph of a note too), and would tell of it to those from whom it is hidden.
TELLERS = frozenset({"Communication", "Media", "Provenance", "Task"})

PEOPLE = ("Practitioner/", "PractitionerRole/")
ASKED = (*PEOPLE, "Organization/")

# Who signed these goes on seeing them, and no more of the record, when they no longer care for the person.
SIGNED = {
    "Communication": ("sender", "recipient"),
    "Composition": ("author",),
    "DocumentReference": ("author",),
    "MedicationRequest": ("requester",),
    "QuestionnaireResponse": ("author",),
    "ServiceRequest": ("requester", "performer"),
    "Task": ("requester", "owner"),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A grantee ("Organization/3") sees the record's patient from an instant until another; None is without bound."""

    grantee: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A professional acts for an organisation, or as one of their roles, for a time."""

    member: str
    acts_for: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A record as it was written: its resource (None: deleted) and the patient whose compartment the store put it in.

    `first`: no version was before it, which could have said something.
    """

    type: str
    id: str
    resource: Resource | None
    patient: UUID | None
    first: bool = False


@dataclass(slots=True)
class Derived:
    """What one write says, as `derive` hands it to the database."""

    vias: list[UUID] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    masked: list[UUID] = field(default_factory=list)
    masks: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    signed: list[dict[str, Any]] = field(default_factory=list)
    tellings: list[dict[str, Any]] = field(default_factory=list)


def of_care_team(team: Resource) -> Iterator[Grant]:
    """CareTeam: its members, and the organisation that manages it, while it is active."""
    if team.get("status", "active") != "active":
        return
    whole = span(team.get("period"))
    for organization in team.get("managingOrganization", []):
        yield from _grant(organization, whole)
    for participant in team.get("participant", []):
        yield from _grant(participant.get("member"), span(participant.get("period"), whole))


def of_patient(patient: Resource) -> Iterator[Grant]:
    """Patient: the person themself, their general practitioners, the organisation that keeps the record."""
    yield Grant(f"Patient/{patient['id']}")
    for chosen in [*patient.get("generalPractitioner", []), patient.get("managingOrganization")]:
        yield from _grant(chosen, ALWAYS)
    yield from (Grant(attending(one)) for one in physicians(patient))


def physicians(patient: Resource) -> list[str]:
    """Whom a Patient names as their attending physician: a person, or a person in a function, and no structure."""
    named = map(local, patient.get("generalPractitioner", []))
    return [one for one in named if one and one.startswith(PEOPLE)]


def of_encounter(encounter: Resource) -> Iterator[Grant]:
    """Encounter: the organisation and the people who give the care, while it is open."""
    if encounter.get("status") not in OPEN_ENCOUNTER:
        return
    whole = span(encounter.get("period"))
    yield from _grant(encounter.get("serviceProvider"), whole)
    for participant in encounter.get("participant", []):
        yield from _grant(participant.get("individual"), span(participant.get("period"), whole))


def of_episode(episode: Resource) -> Iterator[Grant]:
    """EpisodeOfCare: the organisation and the person responsible, while it is open."""
    if episode.get("status") not in OPEN_EPISODE:
        return
    for responsible in (episode.get("managingOrganization"), episode.get("careManager")):
        yield from _grant(responsible, span(episode.get("period")))


def of_appointment(appointment: Resource) -> Iterator[Grant]:
    """Appointment: who said yes to it, on the day (the region's), while it is kept. Whoever is only asked sees nothing by it."""
    if appointment.get("status") not in KEPT_APPOINTMENT or "start" not in appointment:
        return
    since, until = days(appointment["start"], appointment.get("end"))
    during = (since, since + min(until - since, LONGEST_APPOINTMENT))
    for participant in appointment.get("participant", []):
        actor = local(participant.get("actor"))
        if actor and actor.startswith(PEOPLE) and participant.get("status") == "accepted":
            yield Grant(actor, *during)


def of_related_person(carer: Resource) -> Iterator[Grant]:
    """RelatedPerson: the carer themself, while active; who has no scope is a contact, and sees nothing."""
    if carer.get("active", True) and scope_of(carer):
        yield Grant(f"RelatedPerson/{carer['id']}", *span(carer.get("period")))


def memberships(role: Resource) -> Iterator[Membership]:
    """PractitionerRole: the practitioner acts for the organisation, and as that role, while it is active."""
    practitioner = local(role.get("practitioner"))
    if practitioner is None or not role.get("active", True):
        return
    during = span(role.get("period"))
    for acts_for in (local(role.get("organization")), f"PractitionerRole/{role['id']}"):
        if acts_for:
            yield Membership(practitioner, acts_for, *during)


def scoped(carer: Resource) -> Iterator[Membership]:
    """RelatedPerson: the carer stands for their scope, which says what they see, while active."""
    scope = scope_of(carer)
    if scope and carer.get("active", True):
        yield Membership(f"RelatedPerson/{carer['id']}", scope.grantee, *span(carer.get("period")))


def links(patient: Resource) -> list[str]:
    """The other Patient records that this one says are the same person (Patient.link, whatever its type)."""
    others = (local(link.get("other")) for link in patient.get("link", []))
    return [other for other in others if other and other.startswith("Patient/")]


def authors(resource: Resource) -> set[str]:
    """Who goes on seeing this record itself, because they signed it, asked for it or were asked."""
    names = SIGNED.get(resource["resourceType"], ())
    if resource["resourceType"] == "Communication" and (is_for_circle(resource) or is_conversation(resource)):
        names = ("sender",)
    return {
        one
        for name in names
        for one in map(local, as_list(resource.get(name)))
        if one and one.startswith(ASKED if name in ("owner", "performer", "recipient") else PEOPLE)
    }


_GRANTS: dict[str, Callable[[Resource], Iterator[Grant]]] = {
    "Appointment": of_appointment,
    "CareTeam": of_care_team,
    "Encounter": of_encounter,
    "EpisodeOfCare": of_episode,
    "Patient": of_patient,
    "RelatedPerson": of_related_person,
}


def documents_told(value: object) -> set[str]:
    """The ids of the documents to which a resource (or a part) refers, wherever."""
    if isinstance(value, list):
        return set().union(*map(documents_told, value))
    if not isinstance(value, dict):
        return set()
    named = local(value) or ""
    here = {named.removeprefix("DocumentReference/")} if named.startswith("DocumentReference/") else set()
    return here.union(*map(documents_told, value.values()))


def gives_sight(kind: str) -> bool:
    """Whether a record of this type lets somebody see its patient."""
    return kind in _GRANTS


def says_who_sees(resource: Resource) -> bool:
    """Whether a resource that is new says anything about who may see what."""
    kind = resource["resourceType"]
    return kind in _GRANTS or kind in _SAYING or "security" in resource.get("meta", {})


_SAYING = TELLERS | CLASSED | SIGNED.keys() | {"Consent", "PractitionerRole"}


def read_from(written: Iterable[Written], now: datetime) -> Derived:
    """What these resources, written at this instant, and those deleted, say. What was hidden stays hidden in its history."""
    derived = Derived()
    for one in written:
        if one.resource is not None:
            _add(derived, one.resource, one.patient, now, first=one.first)
        elif one.type in _GRANTS or one.type in ("Consent", "PractitionerRole"):
            derived.vias.append(grantee(f"{one.type}/{one.id}"))
            if one.type == "Consent":
                derived.masked.append(derived.vias[-1])
    return derived


async def derive(conn: Connection, derived: Derived) -> None:
    """Replace what those records said before, in one statement, or in none where they say nothing about access.

    What tells of a document takes a statement of its own, once the masks of that document are known.
    """
    if derived.vias or derived.masked or derived.signed:
        await QUERIES.derive(
            conn,
            vias=derived.vias,
            grants=as_json(derived.grants),
            members=as_json(derived.members),
            masked=derived.masked,
            masks=as_json(derived.masks),
            links=as_json(derived.links),
            signed=as_json(derived.signed),
        )
    if derived.tellings:
        await QUERIES.tell(conn, tellings=as_json(derived.tellings))


def _add(derived: Derived, resource: Resource, patient: UUID | None, now: datetime, *, first: bool) -> None:
    kind = resource["resourceType"]
    number, key, via = ids.number(kind), ids.key(resource["id"]), grantee(f"{kind}/{resource['id']}")
    grants = [_grant_row(grant, patient, via) for grant in _GRANTS[kind](resource) if patient] if kind in _GRANTS else []
    if kind == "Consent" and patient:
        grants += [_denial_row(denial, patient, via) for denial in choices.denials(resource)]
    members = (
        _member_rows(resource, via)
        if kind == "PractitionerRole"
        else _scope_rows(resource, via)
        if kind == "RelatedPerson"
        else []
    )
    if grants or members or (not first and (kind in _GRANTS or kind in ("Consent", "PractitionerRole"))):
        derived.vias.append(via)
        derived.grants += grants
        derived.members += members
    if kind == "Patient":
        derived.links += [{"via": via, "patient": patient, "other": _patient_key(other)} for other in links(resource)]
    if kind in TELLERS:
        told = [{"teller": key, "rt": number, "document": ids.key(id)} for id in documents_told(resource)]
        derived.tellings += told or ([{"teller": key, "rt": number, "document": None}] if not first else [])
    hidden = [_mask_row(mask, number, key, via) for mask in masks(resource, now)]
    if kind == "Consent" and patient:
        hidden += [row for hiding in choices.hidings(resource) if (row := _hiding_row(hiding, patient, via))]
    if hidden or not first:
        derived.masked.append(via)
        derived.masks += hidden
    if kind in SIGNED and patient:
        derived.signed.append(
            {"rt": number, "id": key, "patient": patient, "authors": [grantee(one) for one in sorted(authors(resource))]}
        )


def _grant(reference: object, during: Span) -> Iterator[Grant]:
    chosen = local(reference)
    if chosen:
        yield Grant(chosen, *during)


def _grant_row(grant: Grant, patient: UUID, via: UUID) -> dict[str, Any]:
    return {
        "patient": patient,
        "grantee": grantee(grant.grantee),
        "via": via,
        "weight": GIVEN,
        **bounds((grant.since, grant.until)),
    }


def _denial_row(denial: choices.Denial, patient: UUID, via: UUID) -> dict[str, Any]:
    return {"patient": patient, "grantee": grantee(denial.grantee), "via": via, "weight": denial.weight, **bounds(denial.during)}


def _member_rows(role: Resource, via: UUID) -> list[dict[str, Any]]:
    """The practitioner's memberships; and, for who works in this role now, the same and the practitioner: all of them end with the role.

    Who is named as attending physician by this role is so by their own name too.
    """
    rows = []
    for one in memberships(role):
        during, at_work = bounds((one.since, one.until)), at_work_in(f"PractitionerRole/{role['id']}")
        for member, acts_for in (
            (grantee(one.member), grantee(one.acts_for)),
            (at_work, grantee(one.acts_for)),
            (at_work, grantee(one.member)),
            *([(grantee(attending(one.member)), grantee(attending(one.acts_for)))] if one.acts_for.startswith(PEOPLE) else []),
        ):
            row = {"member": member, "acts_for": acts_for, "via": via, **during}
            rows += [row] if row not in rows else []
    return rows


def _scope_rows(carer: Resource, via: UUID) -> list[dict[str, Any]]:
    return [
        {"member": grantee(one.member), "acts_for": grantee(one.acts_for), "via": via, **bounds((one.since, one.until))}
        for one in scoped(carer)
    ]


def _mask_row(mask: Mask, number: int, key: UUID, via: UUID) -> dict[str, Any]:
    excepted = [grantee(author) for author in mask.authors]
    return {
        "rt": number, "id": key, "via": via, "audience": mask.audience, "authors": excepted, "until": instant(mask.until, "infinity"),
    }  # fmt: skip


def _hiding_row(hiding: choices.Hiding, patient: UUID, via: UUID) -> dict[str, Any] | None:
    """The database knows the authors of the record, and whether it is this person's."""
    kind, _, id = hiding.record.partition("/")
    if kind not in ids.TYPES:
        return None
    mask = Mask(CARER, (), hiding.until) if hiding.from_carers else Mask(PROFESSIONAL, (ATTENDING,), hiding.until)
    return _mask_row(mask, ids.number(kind), ids.key(id), via) | {"patient": patient}


def _patient_key(reference: str) -> UUID:
    return ids.key(reference.removeprefix("Patient/"))


def as_json(rows: list[dict[str, Any]]) -> str:
    """Rows as the statements of this module take them."""
    return msgspec.json.encode(rows).decode()
