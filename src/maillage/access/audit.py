"""The trace of every access: who, why, what, whose record, with what outcome; chained by hashes, never changed."""

import asyncio
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple, Self
from uuid import UUID

import msgspec

from maillage.access.actors import Actor, ActorKind
from maillage.access.purpose import Purpose
from maillage.db import Connection, Database, load_queries
from maillage.errors import Invalid, MaillageError
from maillage.events import Event, as_json, record
from maillage.fhir import definitions, ids

QUERIES = load_queries("maillage.access")

DOORS = ("sign-in", "sign-out")
"""What stands in the place of a type for those who come in and go out."""
GROUP = 200  # trails committed together at most
PATIENCE = 0.002  # seconds that one which came waits for those that are still being read
_NUMBER = attrgetter("int")  # what UUIDs are ordered by, compared without their own Python
PEOPLE = (ActorKind.PROFESSIONAL, ActorKind.PATIENT, ActorKind.CARER)

# Searched values that name nobody: kept as they are. Anything else (names, national identifiers, birth dates, chains) is hashed.
_SHOWN = frozenset({
    "_count", "_elements", "_id", "_include", "_include:iterate", "_lastUpdated", "_profile", "_revinclude", "_security",
    "_sort", "_summary", "_tag", "_total", "active", "author", "category", "class", "code", "date", "encounter", "intent",
    "organization", "patient", "performer", "practitioner", "recipient", "role", "service-type", "specialty", "status",
    "subject", "type",
})  # fmt: skip
_PLAIN = re.compile(r"^[\w.,:/|\-+ ]{0,120}$")


class Action(StrEnum):
    """AuditEvent.action (http://hl7.org/fhir/audit-event-action): a search is an execution."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(StrEnum):
    """AuditEvent.outcome (http://hl7.org/fhir/audit-event-outcome): done, refused, failed."""

    DONE = "0"
    REFUSED = "4"
    FAILED = "8"


@dataclass(slots=True)
class Entry:
    """One access, as it will be written."""

    action: Action
    type: str
    id: str | None = None
    query: str | None = None
    patients: set[UUID] = field(default_factory=set)
    outcome: Outcome = Outcome.DONE


def door_through(door: str, actor: Actor) -> str:
    """The door as the trail names it: of what a software does for a person, with its id ("fhir 7c0e…")."""
    return door if actor.client is None or actor.kind is ActorKind.SYSTEM else f"{door} {actor.client}"


def software_of(door: str) -> str | None:
    """The id of the software through which a line of the trail came, None where a person or a program came by itself."""
    return door.partition(" ")[2] or None


class Trail:
    """What one context did, kept until it is written in one statement."""

    def __init__(self, actor: Actor, purpose: Purpose, *, door: str, at: datetime, origin: str | None = None) -> None:
        self.at = at
        self.kind = actor.kind
        self.reference = actor.reference
        self._head = {
            "at": at,
            "actor": actor.id,
            "kind": actor.kind,
            "name": actor.name,
            "roles": sorted(actor.roles),
            "reference": actor.reference,
            "organizations": actor.organizations,
            "purpose": purpose,
            "door": door_through(door, actor),
            "origin": origin,
        }
        self.entries: list[Entry] = []

    def add(self, action: Action, type: str, id: str | None = None, *, query: str | None = None) -> Entry:
        """A line that stands, whatever happens next."""
        entry = Entry(action, type, id, query)
        self.entries.append(entry)
        return entry

    @contextmanager
    def attempt(self, entries: Sequence[Entry]) -> Iterator[None]:
        """Marks the lines of what is tried inside as refused or failed when it raises."""
        try:
            yield
        except Exception as error:
            for entry in entries:
                entry.outcome = outcome_of(error)
            raise

    def forget_writes(self, after: int) -> None:
        """What was written since the line `after` was taken back on purpose; what was read since was read."""
        self.entries[after:] = [entry for entry in self.entries[after:] if entry.action in (Action.READ, Action.EXECUTE)]

    async def write(self, conn: Connection, events: Sequence[Event] = ()) -> None:
        """Append the lines in the caller's transaction, and write what it announces, in one statement; none where there is nothing."""
        if self.entries and events:
            await QUERIES.end_with(conn, entries=await _lines(conn, [self]), events=as_json(events))
        else:
            await append(conn, [self])
            await record(conn, events)

    def lines(self) -> list[dict[str, Any]]:
        """What will be stored."""
        return [self._line(entry) for entry in self.entries]

    def undo(self) -> None:
        """The transaction was rolled back: what was written is not; what was read was read."""
        for entry in self.entries:
            if entry.action in (Action.CREATE, Action.UPDATE, Action.DELETE) and entry.outcome is Outcome.DONE:
                entry.outcome = Outcome.FAILED

    def _line(self, entry: Entry) -> dict[str, Any]:
        return self._head | {
            "action": entry.action,
            "type": entry.type,
            "id": _storable(entry.id, 200),
            "query": _storable(entry.query, 2_000),
            "patients": sorted(entry.patients, key=_NUMBER),
            "outcome": entry.outcome,
        }


class GroupedTrails:
    """Writes the trails of contexts that only read: whatever waits goes in one statement and one commit, before any answer leaves.

    A commit costs as much as a read, so a group waits until nobody reads any more, for PATIENCE at most; who reads alone does not wait.
    While one group is being committed, the next gathers.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Trail, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._reading = 0
        self._all_came = asyncio.Event()

    @contextmanager
    def to_come(self) -> Iterator[None]:
        """Whoever reads inside comes to `write` next."""
        self._reading += 1
        self._all_came.clear()
        try:
            yield
        finally:
            self._reading -= 1
            if not self._reading:
                self._all_came.set()

    async def write(self, trail: Trail) -> None:
        """Return once these lines are committed, or raise what kept them from being so."""
        if not trail.entries:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((trail, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        while self._waiting:
            if self._reading:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self._all_came.wait()
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            fault = await self._commit([trail for trail, _ in group])
            for trail, done in group:
                # One line that cannot be stored must not take the others with it: each is tried alone.
                own = await self._commit([trail]) if fault and len(group) > 1 else fault
                _tell(done, own)

    async def _commit(self, trails: Sequence[Trail]) -> Exception | None:
        try:
            async with self._database.statements() as conn:
                await append(conn, trails)
        except Exception as fault:  # noqa: BLE001  # told to each of those who wait, who raise it
            return fault
        return None


async def append(conn: Connection, trails: Sequence[Trail]) -> None:
    """Append the lines of these trails to one chain, in one statement; none where nothing was touched."""
    if any(trail.entries for trail in trails):
        await QUERIES.append_audit(conn, entries=await _lines(conn, trails))


async def _lines(conn: Connection, trails: Sequence[Trail]) -> str:
    for trail in trails:
        await _name_whose_door(conn, trail)
        await _name_the_patients_refused(conn, trail.entries)
    return msgspec.json.encode([line for trail in trails for line in trail.lines()]).decode()


class AuditSecret:
    """The key under which searched names are hashed: read once, kept by the database."""

    def __init__(self) -> None:
        self._secret: bytes | None = None

    async def __call__(self, conn: Connection) -> bytes:
        if self._secret is None:
            self._secret = bytes(await QUERIES.audit_secret(conn))
        return self._secret


class Position(NamedTuple):
    """Where a page of the trail ends."""

    at: datetime
    chain: int
    batch: int
    place: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.chain}~{self.batch}~{self.place}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position that `str` wrote; anything else is Invalid."""
        try:
            at, *numbers = text.split("~")
            chain, batch, place = map(int, numbers)
            found = cls(datetime.fromisoformat(at), chain, batch, place)
        except ValueError:
            found = None
        if (
            found is None
            or found.at.tzinfo is None
            or not all(0 <= one < most for one, most in zip(found[1:], _MOST, strict=True))
        ):
            raise Invalid("this place in the trail is not one of ours")
        return found


_MOST = (2**15, 2**63, 2**31)
"""What the columns of a position hold less than: chain, batch, place."""


def query_text(params: Iterable[tuple[str, str]], secret: bytes) -> str:
    """A search as the trail keeps it: "family=#9f86d081884c&status=current".

    A hash says whether a given name was searched, to whoever knows the name and may ask; it tells no reader a name.
    """
    return "&".join(f"{name}={value if _names_nobody(name, value) else pseudonym(value, secret)}" for name, value in params)


def pseudonym(value: str, secret: bytes) -> str:
    """The hash of a searched value (case does not count)."""
    return "#" + hmac.digest(secret, value.strip().lower().encode(), "sha256").hex()[:12]


def outcome_of(error: Exception) -> Outcome:
    """Refused when we said no, failed when it broke."""
    return Outcome.REFUSED if isinstance(error, MaillageError) and error.status < 500 else Outcome.FAILED


async def of_patient(
    conn: Connection,
    patient: str,
    *,
    kinds: Sequence[ActorKind] = PEOPLE,
    leaving_out: str | None = None,
    document: str | None = None,
    silent: Sequence[str] | None = None,
    before: Position | None = None,
    count: int = 50,
) -> list[dict[str, Any]]:
    """Who touched this person's record ("12" of Patient/12, with all linked identities), newest first.

    `leaving_out` is a reference whose own accesses are not wanted; `document` keeps those to one DocumentReference, by id; whoever
    touched what is `silent` ("Type/id") is left out.
    """
    at, chain, batch, place = before or (None, None, None, None)
    rows: list[dict[str, Any]] = await QUERIES.audit_of_patient(
        conn,
        patient=ids.key(patient),
        kinds=list(kinds),
        leaving_out=leaving_out,
        document=document,
        silent=None if silent is None else list(silent),
        count=count,
        before_at=at,
        before_chain=chain,
        before_batch=batch,
        before_place=place,
    )
    return rows


async def _name_whose_door(conn: Connection, trail: Trail) -> None:
    """A patient who signs in or out, or their carer, does so in the trail of that patient."""
    for entry in trail.entries:
        if entry.type in DOORS and not entry.patients and trail.reference and trail.kind in (ActorKind.PATIENT, ActorKind.CARER):
            kind, _, id = trail.reference.partition("/")
            found = await QUERIES.patient_of_row(conn, rt=ids.number(kind), id=ids.key(id))
            entry.patients.update({found} if found else ())


def _before_it_was_made(looked: Entry, entries: Sequence[Entry]) -> bool:
    return any(
        e.action is Action.CREATE and e.outcome is Outcome.DONE and (e.type, e.id) == (looked.type, looked.id)
        for e in entries[next(place for place, e in enumerate(entries) if e is looked) :]
    )


async def _name_the_patients_refused(conn: Connection, entries: Sequence[Entry]) -> None:
    """A refused read gives no patient; the right person's trail must show the attempt all the same. What was looked for before it was made was nobody's then."""
    known = definitions.resource_types()
    refused = [e for e in entries if e.outcome is not Outcome.DONE and e.id and not e.patients and e.type in known]
    refused = [e for e in refused if not _before_it_was_made(e, entries)]
    for entry in refused:
        found = await QUERIES.patient_of_row(conn, rt=ids.number(entry.type), id=ids.key(entry.id or ""))
        entry.patients.update({found} if found else ())


async def kept_from_carers(conn: Connection, patients: Sequence[UUID], now: datetime) -> list[str]:
    """What of these persons' records is kept from who helps or represents them, as "Type/id": that somebody cares for it is told to none of them."""
    return [row["name"] for row in await QUERIES.secrets_of(conn, patients=list(patients), now=now)]


def _names_nobody(name: str, value: str) -> bool:
    base, _, modifier = name.partition(":")
    plain = name in _SHOWN or (
        base in _SHOWN and (modifier in {"missing", "not"} or (modifier[:1].isupper() and modifier.isalnum()))
    )
    return plain and _PLAIN.match(value) is not None


def _tell(done: asyncio.Future[None], fault: Exception | None) -> None:
    if done.done():
        return  # whoever waited has gone
    if fault:
        done.set_exception(fault)
    else:
        done.set_result(None)


def _storable(text: str | None, longest: int) -> str | None:
    """What a caller sent as an id or a search may hold what PostgreSQL does not store, and be of any length."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}") if text else text
