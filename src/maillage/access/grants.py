"""What the records themselves say about who may see whom.

A care team, an open episode, a general practitioner, a related person: writing such a record writes its grants in the same
transaction (`derive`), so that nobody gains or keeps a sight that no record explains.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from maillage.db import Connection, load_queries
from maillage.fhir import dates, ids

QUERIES = load_queries("maillage.access")

Resource = dict[str, Any]
Span = tuple[datetime | None, datetime | None]

ALWAYS: Span = (None, None)
OPEN_ENCOUNTER = frozenset({"planned", "arrived", "triaged", "in-progress", "onleave"})
OPEN_EPISODE = frozenset({"planned", "waitlist", "active", "onhold"})
# ANS TRE_A07-StatutVisibiliteDocument, as DocumentReference.securityLabel carries it (by URL, or by OID in older flows).
VISIBILITY_SYSTEMS = frozenset(
    {
        "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
        "urn:oid:1.2.250.1.213.1.1.4.13",
    }
)
HIDDEN_FROM = {
    "INVISIBLE_PATIENT": ("patient", "carer"),
    "INVISIBLE_REPRESENTANTS_LEGAUX": ("carer",),
    "MASQUE_PS": ("professional",),
}

# What is written because of a document, and would tell of it to those from whom it is hidden.
TELLERS = frozenset({"Communication", "Provenance", "Task"})

_LOCAL = re.compile(r"^(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.\-]{1,64})(/_history/[A-Za-z0-9.\-]+)?$")


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
class Mask:
    """A record kept from an audience, except from its authors."""

    audience: str
    authors: tuple[str, ...]


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
    tellings: list[dict[str, Any]] = field(default_factory=list)


def grantee(reference: str) -> UUID:
    """The name of a reference in the grant tables: the first half of its SHA-256, so that ids of two types never meet."""
    return UUID(bytes=sha256(reference.encode()).digest()[:16])


def local(reference: object) -> str | None:
    """The "Type/id" of a FHIR Reference (or its text) to a record of this store; None for any other."""
    text = reference.get("reference") if isinstance(reference, dict) else reference
    match = _LOCAL.match(text) if isinstance(text, str) else None
    return f"{match['type']}/{match['id']}" if match else None


def span(period: Resource | None, within: Span = ALWAYS) -> Span:
    """The instants of a FHIR Period, cut to those of another."""
    if not period:
        return within
    since = dates.span(period["start"])[0] if "start" in period else None
    until = dates.span(period["end"])[1] if "end" in period else None
    return (_late(since, within[0]), _soon(until, within[1]))


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


def of_related_person(carer: Resource) -> Iterator[Grant]:
    """RelatedPerson: the carer themself, while active."""
    if carer.get("active", True):
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


def links(patient: Resource) -> list[str]:
    """The other Patient records that this one says are the same person (Patient.link, whatever its type)."""
    others = (local(link.get("other")) for link in patient.get("link", []))
    return [other for other in others if other and other.startswith("Patient/")]


def masks(document: Resource) -> list[Mask]:
    """From whom a DocumentReference is kept, by its visibility labels."""
    labels = [coding for concept in document.get("securityLabel", []) for coding in concept.get("coding", [])]
    labels += document.get("meta", {}).get("security", [])
    codes = {label.get("code") for label in labels if label.get("system") in VISIBILITY_SYSTEMS}
    authors = tuple(filter(None, map(local, document.get("author", []))))
    audiences = {audience for code in codes for audience in HIDDEN_FROM.get(code, ())}
    return [Mask(audience, authors) for audience in sorted(audiences)]


_GRANTS: dict[str, Callable[[Resource], Iterator[Grant]]] = {
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


def says_who_sees(kind: str) -> bool:
    """Whether a record of this type says anything about who may see whom."""
    return kind in _GRANTS or kind in TELLERS or kind in ("PractitionerRole", "DocumentReference")


def read_from(written: Iterable[Written]) -> Derived:
    """What these written resources, and those deleted, say. A deleted document stays masked in its history."""
    derived = Derived()
    for one in written:
        if one.resource is not None:
            _add(derived, one.resource, one.patient, first=one.first)
        elif one.type in _GRANTS or one.type == "PractitionerRole":
            derived.vias.append(grantee(f"{one.type}/{one.id}"))
    return derived


async def derive(conn: Connection, derived: Derived) -> None:
    """Replace what those records said before, in one statement, or in none where they say nothing about access.

    What tells of a document takes a statement of its own, once the masks of that document are known.
    """
    if derived.vias or derived.masked:
        await _derive(conn, derived)
    if derived.tellings:
        await QUERIES.tell(conn, tellings=as_json(derived.tellings))


async def _derive(conn: Connection, derived: Derived) -> None:
    await QUERIES.derive(
        conn,
        vias=derived.vias,
        grants=as_json(derived.grants),
        members=as_json(derived.members),
        masked=derived.masked,
        masks=as_json(derived.masks),
        links=as_json(derived.links),
    )


def _add(derived: Derived, resource: Resource, patient: UUID | None, *, first: bool) -> None:
    kind = resource["resourceType"]
    via = grantee(f"{kind}/{resource['id']}")
    grants = [_grant_row(grant, patient, via) for grant in _GRANTS[kind](resource) if patient] if kind in _GRANTS else []
    members = [_member_row(membership, via) for membership in memberships(resource)] if kind == "PractitionerRole" else []
    if grants or members or (not first and (kind in _GRANTS or kind == "PractitionerRole")):
        derived.vias.append(via)
        derived.grants += grants
        derived.members += members
    if kind == "Patient":
        derived.links += [{"via": via, "patient": patient, "other": _patient_key(other)} for other in links(resource)]
    if kind in TELLERS:
        teller = ids.key(resource["id"])
        derived.tellings += [{"teller": teller, "document": ids.key(told)} for told in documents_told(resource)]
    if kind == "DocumentReference":
        key = ids.key(resource["id"])
        said = [{"id": key, "audience": m.audience, "authors": [grantee(a) for a in m.authors]} for m in masks(resource)]
        if said or not first:
            derived.masked.append(key)
            derived.masks += said


def _grant(reference: object, during: Span) -> Iterator[Grant]:
    chosen = local(reference)
    if chosen:
        yield Grant(chosen, *during)


def _grant_row(grant: Grant, patient: UUID, via: UUID) -> dict[str, Any]:
    return {"patient": patient, "grantee": grantee(grant.grantee), "via": via, **_bounds(grant.since, grant.until)}


def _member_row(membership: Membership, via: UUID) -> dict[str, Any]:
    bounds = _bounds(membership.since, membership.until)
    return {"member": grantee(membership.member), "acts_for": grantee(membership.acts_for), "via": via, **bounds}


def _bounds(since: datetime | None, until: datetime | None) -> dict[str, str]:
    return {"since": _instant(since, "-infinity"), "until": _instant(until, "infinity")}


def _instant(at: datetime | None, otherwise: str) -> str:
    return at.astimezone(UTC).isoformat() if at else otherwise


def _patient_key(reference: str) -> UUID:
    return ids.key(reference.removeprefix("Patient/"))


def _late(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _soon(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def as_json(rows: list[dict[str, Any]]) -> str:
    """Rows as the statements of this module take them."""
    return msgspec.json.encode(rows).decode()
