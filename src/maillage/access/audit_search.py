"""What of the trail is wanted: from the parameters of a FHIR search, or from a form, to the values of one statement."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from maillage.access.audit import Position
from maillage.access.audit_event import SUBTYPES
from maillage.db import Connection, execute_planned_anew, load_queries
from maillage.errors import Invalid, Issue
from maillage.fhir import ids
from maillage.fhir.dates import span
from maillage.fhir.search import SearchQuery

QUERIES = load_queries("maillage.access")

_REFERENCE = re.compile(r"(?:(?P<type>[A-Z][A-Za-z]+)/)?(?P<id>[A-Za-z0-9\-.]{1,64})")
_DATE = re.compile(r"(?P<prefix>eq|ge|gt|sa|le|lt|eb)?(?P<date>\d.*)")
_PLACE = re.compile(r"(\d{1,5})-(\d{1,18})-(\d{1,9})")
_RESULT = frozenset({"_count", "_total", "_summary", "_sort"})
_OWNERS = {"Patient": "patient", "Practitioner": "agent", "Device": "agent", "RelatedPerson": "agent"}


@dataclass(slots=True)
class Wanted:
    """Lines from `since` to before `until`, and of these (each a list of alternatives, None for all): who, whose, what, how it ended."""

    since: datetime | None = None
    until: datetime | None = None
    references: list[str] | None = None
    actors: list[str] | None = None
    patients: list[UUID] | None = None
    kinds: list[str] | None = None
    actions: list[str] | None = None
    outcomes: list[str] | None = None
    purposes: list[str] | None = None
    origins: list[str] | None = None
    entities: list[str] | None = None
    """As `DocumentReference/12`."""
    places: list[str] | None = None
    """As `12-3456-1`: chain, batch, place."""
    sorts: list[str] | None = None
    """As AuditEvent.type: rest, 110106 (taken out of the platform), 110114 (came in or went out)."""
    name: str | None = None
    """What the name of who acted contains; case does not count."""
    silent: list[str] | None = None
    """What is kept from who asks, as `DocumentReference/12`: whoever touched it in the records of `patients` is left out with all that they did there."""

    def narrow(self, field: str, values: Sequence[Any]) -> None:
        """Only these, of those that were wanted already."""
        before = getattr(self, field)
        setattr(self, field, [one for one in values if before is None or one in before])


async def found(
    conn: Connection, wanted: Wanted, *, count: int, before: Position | None = None
) -> tuple[list[dict[str, Any]], Position | None]:
    """A page of lines, newest first, and where it ends when there are more. Planned for its values: a period, a person, or one who acts."""
    at, chain, batch, place = before or (None, None, None, None)
    where = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
    where |= {
        "name": _contained(wanted.name),
        "before_at": at,
        "before_chain": chain,
        "before_batch": batch,
        "before_place": place,
    }
    cursor = await execute_planned_anew(conn, _text("audit_search"), where | {"count": count + 1})
    rows = await cursor.fetchall()
    last = rows[count - 1] if 0 < count < len(rows) else None
    return rows[:count], Position(last["at"], last["chain"], last["batch"], last["place"]) if last else None


async def counted(conn: Connection, wanted: Wanted) -> int:
    """How many lines there are."""
    where = {one.name: getattr(wanted, one.name) for one in fields(wanted)} | {"name": _contained(wanted.name)}
    row = await (await execute_planned_anew(conn, _text("audit_count"), where)).fetchone()
    return int(row["lines"]) if row else 0


def _text(name: str) -> str:
    return QUERIES.text(name).replace("{found}", QUERIES.text("audit_found"))


def _contained(name: str | None) -> str | None:
    return re.sub(r"([\\%_])", r"\\\1", name) if name else None


@dataclass(slots=True)
class _Draft:
    wanted: Wanted = field(default_factory=Wanted)

    def dates(self, name: str, value: str) -> None:
        match = _DATE.fullmatch(value)
        if match is None:
            raise _refused(name, f"{value!r} is not a date with one of the prefixes eq ge gt sa le lt eb or none")
        try:
            start, end = span(match["date"])
        except Invalid as fault:
            raise Invalid.at(name, f"{name}: {fault}") from None
        prefix = match["prefix"] or "eq"
        since = {"eq": start, "ge": start, "gt": end, "sa": end}.get(prefix)
        until = {"eq": end, "le": end, "lt": start, "eb": start}.get(prefix)
        self.wanted.since = max(filter(None, (self.wanted.since, since)), default=None)
        self.wanted.until = min(filter(None, (self.wanted.until, until)), default=None)

    def patients(self, name: str, value: str) -> None:
        self.wanted.narrow("patients", [ids.key(id) for _, id in _references(name, value, "Patient")])

    def agents(self, name: str, value: str) -> None:
        self.wanted.narrow("references", [f"{kind}/{id}" for kind, id in _references(name, value)])

    def entities(self, name: str, value: str) -> None:
        pairs = _references(name, value)
        if persons := [id for kind, id in pairs if kind == "Patient"]:
            if len(persons) < len(pairs):
                raise _refused(name, "patients are searched apart from other entities")
            self.wanted.narrow("patients", [ids.key(id) for id in persons])
        else:
            self.wanted.narrow("entities", [f"{kind}/{id}" for kind, id in pairs])

    def types(self, name: str, value: str) -> None:
        self.wanted.narrow("sorts", _codes(value))

    def subtypes(self, name: str, value: str) -> None:
        codes = {"search-type" if code == "search" else code for code in _codes(value)}
        self.wanted.narrow("actions", [action for action, code in SUBTYPES.items() if code in codes])
        self.wanted.narrow("sorts", ["rest"])

    def places(self, name: str, value: str) -> None:
        self.wanted.narrow("places", [one for one in value.split(",") if place_of(one)])

    def name(self, name: str, value: str) -> None:
        self.wanted.name = value


def _plain(field: str) -> Callable[[_Draft, str, str], None]:
    return lambda draft, _, value: draft.wanted.narrow(field, _codes(value))


_READERS: dict[str, Callable[[_Draft, str, str], None]] = {
    "_id": _Draft.places,
    "_lastUpdated": _Draft.dates,
    "action": _plain("actions"),
    "address": _plain("origins"),
    "agent": _Draft.agents,
    "agent-name": _Draft.name,
    "altid": _plain("actors"),
    "date": _Draft.dates,
    "entity": _Draft.entities,
    "outcome": _plain("outcomes"),
    "patient": _Draft.patients,
    "subtype": _Draft.subtypes,
    "type": _Draft.types,
}
SEARCHED = frozenset(_READERS)
"""The search parameters of AuditEvent that the trail answers."""


def wanted_by(query: SearchQuery) -> Wanted:
    """What a FHIR search of AuditEvent asks for. Invalid for what the trail does not answer: it says so rather than find less or more."""
    draft = _Draft()
    if query.within:
        kind = query.within.partition("/")[0]
        if kind not in _OWNERS:
            raise _refused("AuditEvent", f"the trail is not searched in the compartment of a {kind}")
        _READERS[_OWNERS[kind]](draft, _OWNERS[kind], query.within)
    for name, value in query.applied:
        if name in _RESULT:
            if name == "_sort" and value != "-date":
                raise _refused(name, "the trail is told newest first: -date")
        elif name in _READERS:
            _READERS[name](draft, name, value)
        else:
            raise _refused(name, f"the trail is searched by {', '.join(sorted(SEARCHED))}")
    return draft.wanted


def place_of(id: str) -> tuple[int, int, int] | None:
    """Chain, batch and place of the line that an AuditEvent's id names; None for the id of no line."""
    match = _PLACE.fullmatch(id)
    chain, batch, place = (int(part) for part in match.groups()) if match else (0, 0, 0)
    return (chain, batch, place) if match and chain < 2**15 and place < 2**31 else None


def _references(name: str, value: str, usual: str = "") -> list[tuple[str, str]]:
    found = []
    for part in value.split(","):
        match = _REFERENCE.fullmatch(part)
        if match is None or not (kind := match["type"] or usual) or (usual and kind != usual):
            raise _refused(name, f"{part!r} is not a reference like {usual or 'Practitioner'}/12")
        found.append((kind, match["id"]))
    return found


def _codes(value: str) -> list[str]:
    return [part.rpartition("|")[2] for part in value.split(",")]


def _refused(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", issues=[Issue("not-supported", f"{name}: {message}", name)])
