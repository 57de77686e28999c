"""Erasing what a person may have erased (RGPD art. 17): what their record holds, told without contents, and its end in every table.

Who decides sees no record: they are told types, dates and who wrote it. Jobs alone erase, what a decision named (`services/rights`).
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from maillage.access.actors import ActorKind
from maillage.access.audit import Action, Trail
from maillage.access.choices import CHOICES
from maillage.access.grants import Written, as_json, derive, read_from
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.access.permissions import Permission
from maillage.access.references import grantee
from maillage.db import Connection, load_queries
from maillage.errors import Forbidden, NotFound
from maillage.fhir import ids
from maillage.fhir.erasing import Erased
from maillage.fhir.store import Store

if TYPE_CHECKING:
    from maillage.access.context import Context

__all__ = ["Erased", "Erasing", "Item", "Life", "Lived", "forgets"]

QUERIES = load_queries("maillage.access")

BYTES_AT_ONCE = 50
_WHO_COMES_IN = ("Patient", "RelatedPerson")

Forget = Callable[["Context", Sequence[Erased]], Awaitable[Sequence[str]]]
_FORGETS: list[Forget] = []


def forgets(function: Forget) -> Forget:
    """Declare what a service does of its own tables when resources are erased, in the same transaction; it answers the digests of the documents
    whose bytes nothing names any more."""
    if function not in _FORGETS:
        _FORGETS.append(function)
    return function


@dataclass(frozen=True, slots=True)
class Item:
    """One resource of a record, without contents. `begins`, `ends`: its main date, None where it has none; `going_on`: it has begun and has no end.

    `author` is "person" (they wrote it), "choice" (what they chose, whom they named), "platform" (written because of `about`) or "care";
    `ended` where a choice is over; `about`, `used_by` are references: what it was written because of, what refers to it.
    """

    type: str
    id: str
    begins: date | None
    ends: date | None
    going_on: bool
    written: date
    author: str
    ended: bool
    about: frozenset[str]
    used_by: frozenset[str]
    deleted: bool = False

    @property
    def name(self) -> str:
        """Its reference."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Life:
    """When a person was born and when they died, as their record writes it: a day, a month or a year, None where it does not say."""

    born: str | None
    died: str | None


@dataclass(frozen=True, slots=True)
class Lived:
    """A record (the id of its Patient): the day of the last that was done for the person, and whether a stay goes on."""

    record: str
    life: Life
    last: date
    going_on: bool


class Erasing:
    """What a record holds and the end of it, for one actor in one context."""

    def __init__(self, ctx: "Context", conn: Connection, *, store: Store, trail: Trail) -> None:
        self._ctx = ctx
        self._conn = conn
        self._store = store
        self._trail = trail

    async def inventory(self, patient: str) -> tuple[Life, list[Item]]:
        """All that the record of a Patient (its id) holds, with what is linked to it. NotFound where there is none."""
        self._require()
        entry = self._trail.add(Action.EXECUTE, "Patient", patient, query="inventory")
        entry.patients.add(ids.key(patient))
        people: list[dict[str, Any]] = await QUERIES.people_of(self._conn, patient=ids.key(patient), rt=ids.number("Patient"))
        if not people:
            raise NotFound(f"no record {patient}")
        rows = await QUERIES.inventory(
            self._conn, patients=[one["id"] for one in people], names=[f"Patient/{one['name']}" for one in people],
            choices=CHOICES, carer_scope=CARER_SCOPE,
        )  # fmt: skip
        deleted = await QUERIES.deleted_of(self._conn, patients=[one["id"] for one in people])
        binaries = await self._carried([one["id"] for one in people])
        life = Life(*(next((one[name] for one in people if one[name]), None) for name in ("born", "died")))
        return life, [*map(_item, rows), *map(_deleted, deleted), *binaries]

    async def left_behind(self, erased: Sequence[Erased]) -> bool:
        """Whether something was written meanwhile into the record of a Patient who is erased."""
        gone = [ids.key(one.id) for one in erased if one.type == "Patient"]
        return bool(gone and await QUERIES.left_behind(self._conn, patients=gone))

    async def _carried(self, patients: Sequence[UUID]) -> list[Item]:
        """Binaries that are in no record, and belong to what names them in an attachment."""
        about: dict[str, set[str]] = {}
        for row in await QUERIES.carried(self._conn, patients=list(patients)):
            about.setdefault(row["binary"], set()).add(row["name"])
        rows = await QUERIES.binaries(self._conn, rt=ids.number("Binary"), ids=[ids.key(one) for one in about])
        found = [(row["name"].partition("/")[2], row["updated"].date()) for row in rows]
        return [
            Item("Binary", id, day, day, False, day, "platform", False, frozenset(about[id]), frozenset()) for id, day in found
        ]

    async def last_care(self, patients: Sequence[UUID], *, stays: Collection[str], aside: Collection[str]) -> list[Lived]:
        """Of these Patients (keys), their life and the last that was done for them; types `aside` are no care, and one of `stays` may go on."""
        self._require()
        rows = await QUERIES.last_care(
            self._conn, patients=list(patients), rt=ids.number("Patient"), stays=[ids.number(one) for one in stays],
            aside=[ids.number(one) for one in aside],
        )  # fmt: skip
        return [Lived(row["name"], Life(row["born"], row["died"]), row["last"].date(), row["going_on"]) for row in rows]

    async def next_records(self, after: UUID | None, count: int) -> list[UUID]:
        """The keys of the Patients behind one, in their order."""
        self._require()
        rows = await QUERIES.next_records(self._conn, rt=ids.number("Patient"), after=after or UUID(int=0), count=count)
        return [row["id"] for row in rows]

    async def erase(self, patient: str, names: Sequence[tuple[str, str]], *, because: str) -> list[Erased]:
        """Erases these resources (type and id) and all that is known of them, in one transaction; each leaves a line that says `because`.

        For jobs. Those that are erased already are passed over.
        """
        if self._ctx.actor.kind is not ActorKind.JOB:
            raise Forbidden("a job erases what was decided")
        self._ctx.refuse_to_write()
        erased = await self._store.erase(self._conn, names)
        for one in erased:
            entry = self._trail.add(Action.DELETE, one.type, one.id, query=f"erased={because}")
            entry.patients.add(one.patient or ids.key(patient))
        await derive(self._conn, read_from([Written(one.type, one.id, None, one.patient) for one in erased], self._ctx.now))
        await QUERIES.forget_access(
            self._conn,
            gone=as_json([{"rt": ids.number(one.type), "id": ids.key(one.id), "via": grantee(one.name)} for one in erased]),
            patients=[ids.key(one.id) for one in erased if one.type == "Patient"],
            references=[one.name for one in erased if one.type in _WHO_COMES_IN],
        )
        for forget in _FORGETS:
            await QUERIES.note_unnamed(self._conn, digests=list(await forget(self._ctx, erased)))
        return erased

    async def remove_bytes(self) -> int:
        """Removes the bytes of documents that nothing names since they were erased; how many, 0 when none is left. Again changes nothing."""
        rows = await QUERIES.unnamed(self._conn, count=BYTES_AT_ONCE)
        digests = [row["sha256"] for row in rows]
        for digest in digests:
            await self._ctx.files.remove(digest)
        await QUERIES.forget_unnamed(self._conn, digests=digests)
        return len(digests)

    def _require(self) -> None:
        if self._ctx.actor.kind is not ActorKind.JOB:
            self._ctx.require(Permission.ERASURE_DECIDE)


def _item(row: dict[str, Any]) -> Item:
    return Item(
        type=ids.kind(row["rt"]), id=row["name"], begins=_day(row["d0"]), ends=None if row["going_on"] else _day(row["d1"]),
        going_on=row["going_on"], written=row["updated"].date(), author=row["author"], ended=row["ended"],
        about=frozenset(row["about"]), used_by=frozenset(row["used_by"]),
    )  # fmt: skip


def _deleted(row: dict[str, Any]) -> Item:
    day = row["at"].date()
    return Item(ids.kind(row["rt"]), row["name"], day, day, False, day, "care", True, frozenset(), frozenset(), deleted=True)


def _day(instant: datetime | None) -> date | None:
    return instant.date() if instant else None
