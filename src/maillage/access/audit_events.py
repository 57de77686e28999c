"""AuditEvents: the trail through the guarded door, for the officer, for machines that may, and for each person about their own record."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from maillage.access import audit_search, reach
from maillage.access.actors import Actor, ActorKind
from maillage.access.audit import Action, AuditSecret, Position, Trail, kept_from_carers, query_text
from maillage.access.audit_event import as_stored, seen_by_the_person
from maillage.access.audit_search import Wanted, counted, wanted_by
from maillage.access.habilitation.carers import reads_the_trail
from maillage.access.permissions import Permission, permits
from maillage.db import Connection, load_queries
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Stored
from maillage.fhir.past import foreign_cursor
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage, parse
from maillage.fhir.store import Store

if TYPE_CHECKING:
    from maillage.access.context import Context

QUERIES = load_queries("maillage.access")
TYPE = "AuditEvent"
Lines = Sequence[dict[str, Any]]


def reads_all(actor: Actor) -> bool:
    """Whether an actor reads the whole trail: the officer, jobs, and machines with `system/AuditEvent.rs` (either letter opens its interaction)."""
    if actor.kind is ActorKind.SYSTEM:
        return reach.opens(actor, "r", TYPE) or reach.opens(actor, "s", TYPE)
    return actor.kind is ActorKind.JOB or permits(actor, Permission.AUDIT_READ)


def refuse_mixed(query: SearchQuery | SeveralQuery) -> None:
    """The trail is not in the store: a search that would look for it there finds nothing, so it is refused. Invalid."""
    asked = [f"{name}={value}" for name, value in query.applied]
    named = [
        one for one in asked if one.startswith(("_has:AuditEvent:", "_revinclude=AuditEvent:", "_revinclude:iterate=AuditEvent:"))
    ]
    listed = isinstance(query, SeveralQuery) and any(
        name == "_type" and TYPE in value.split(",") for name, value in query.applied
    )
    if named or listed:
        asked_by = named[0] if named else "_type"
        raise Invalid.at(asked_by.partition("=")[0], f"the trail is searched by itself, at /{TYPE}: not {asked_by}")


class AuditEvents:
    """The trail as one actor may read it, in one context. Each read leaves its own line."""

    def __init__(self, ctx: "Context", conn: Connection, *, store: Store, trail: Trail, secret: AuditSecret) -> None:
        self._ctx = ctx
        self._conn = conn
        self._store = store
        self._trail = trail
        self._secret = secret

    async def read(self, id: str) -> Stored:
        """One AuditEvent. NotFound where there is none, or none that this actor may read; Forbidden to who may read none."""
        entry = self._trail.add(Action.READ, TYPE, id)
        with self._trail.attempt([entry]):
            self._ctx.records.views.require("r", TYPE)
            wanted = await self._allowed(Wanted(places=[id] if audit_search.place_of(id) else []))
            lines, _ = await audit_search.found(self._conn, wanted, count=1)
            if not lines:
                raise NotFound(f"{TYPE}/{id} is not known")
            entry.patients.update(lines[0]["patients"])
            return (await self._told(lines, wanted))[0]

    async def vread(self, id: str, version: int) -> Stored:
        """The only version there is."""
        if version != 1:
            raise NotFound(f"{TYPE}/{id} has no version {version}")
        return await self.read(id)

    async def search(self, query: SearchQuery) -> StoredPage:
        """A page of AuditEvents, newest first; a search that names a person is in the trail of that person."""
        entry = self._trail.add(Action.EXECUTE, TYPE, query=query_text(query.applied, await self._secret(self._conn)))
        with self._trail.attempt([entry]):
            self._ctx.records.views.require("s", TYPE)
            wanted = await self._allowed(wanted_by(query))
            entry.patients.update(wanted.patients or ())
            before = _position(query.cursor) if query.cursor else None
            lines, after = await audit_search.found(self._conn, wanted, count=query.count, before=before)
            total = await counted(self._conn, wanted) if query.total else None
            return StoredPage(await self._told(lines, wanted), next=str(after) if after else None, total=total)

    async def lines(
        self, wanted: Wanted, said: Sequence[tuple[str, str]], *, count: int, before: Position | None = None, door: str = "traces"
    ) -> tuple[Lines, Position | None]:
        """A page of lines as they stand, newest first, and where it ends when there are more: for whoever reads the whole trail.

        `said` is what was asked, for the line that this leaves, `door` how: "traces" looks, "export" takes away.
        """
        query = "&".join(filter(None, (door, query_text(said, await self._secret(self._conn)))))
        entry = self._trail.add(Action.EXECUTE, TYPE, query=query)
        with self._trail.attempt([entry]):
            if not reads_all(self._ctx.actor):
                raise Forbidden(f"{self._ctx.actor.name} may not read the trail of accesses")
            wanted = await self._allowed(wanted)
            entry.patients.update(wanted.patients or ())
            return await audit_search.found(self._conn, wanted, count=count, before=before)

    async def records_called(self, value: str) -> list[UUID]:
        """The records with this identifier (an INS, say) or this id, known or not: the officer looks for accesses to them, not in them."""
        if not reads_all(self._ctx.actor):
            raise Forbidden(f"{self._ctx.actor.name} may not read the trail of accesses")
        query = parse("Patient", [("identifier", value), ("_count", "20")])
        page = await self._store.search_raw(self._conn, query, scope=Scope.all())
        return [ids.key(one.id) for one in page.matches] or ([ids.key(value)] if ids.legal(value) else [])

    async def names_of_records(self, keys: Collection[UUID]) -> dict[UUID, str]:
        """The ids of Patients by their keys, where they are known."""
        names = {key: str(key) for key in keys if not ids.hashed(key)}
        if hashed := set(keys) - names.keys():
            rows = await QUERIES.audit_patient_ids(self._conn, rt=ids.number("Patient"), keys=sorted(hashed))
            names |= {row["key"]: row["id"] for row in rows}
        return names

    async def _allowed(self, wanted: Wanted) -> Wanted:
        """What is wanted, less what this actor may not read, and what was not done in the one record on which their software was opened."""
        wanted = await self._by_rights(wanted)
        if only := reach.only_patient(self._ctx.actor, TYPE):
            own = await self._identities([only])
            wanted.patients = own if wanted.patients is None else [key for key in wanted.patients if key in own]
        return wanted

    async def _by_rights(self, wanted: Wanted) -> Wanted:
        """What is wanted, less what this actor may not read: a person reads what was done in their own record."""
        if reads_all(self._ctx.actor):
            wanted.patients = await self._identities(wanted.patients) if wanted.patients else wanted.patients
            return wanted
        if not permits(self._ctx.actor, Permission.OWN_ACCESS_READ):
            raise Forbidden(f"{self._ctx.actor.name} may not read the trail of accesses")
        own = await self._own()
        if self._ctx.actor.kind is ActorKind.CARER:
            wanted.silent = await kept_from_carers(self._conn, own, self._ctx.now)
        wanted.patients = (
            own if wanted.patients is None else [key for key in own if key in await self._identities(wanted.patients)]
        )
        return wanted

    async def _own(self) -> list[UUID]:
        """The keys of the record that is this actor's, or that of whom they care for as long as they do (NotFound afterwards)."""
        kind, _, id = (self._ctx.actor.reference or "").partition("/")
        with self._ctx.records.views.unbound():
            if self._ctx.actor.kind is ActorKind.CARER:
                relation = await self._ctx.records.read(kind, id)
                if not reads_the_trail(relation):
                    raise Forbidden("this carer was not let see who looked at the record")
                id = str(relation["patient"]["reference"]).removeprefix("Patient/")
            await self._ctx.records.read("Patient", id)
        return await self._identities([ids.key(id)])

    async def _identities(self, keys: Iterable[UUID]) -> list[UUID]:
        rows = await QUERIES.audit_identities(self._conn, patients=list(keys))
        return [row["patient"] for row in rows]

    async def _told(self, lines: Lines, wanted: Wanted) -> list[Stored]:
        if not reads_all(self._ctx.actor):
            lines = [seen_by_the_person(line, wanted.patients or (), self._ctx.actor.reference) for line in lines]
        names = await self.names_of_records({key for line in lines for key in line["patients"]})
        return [as_stored(line, names) for line in lines]


def _position(cursor: str) -> Position:
    try:
        return Position.parse(cursor)
    except Invalid:
        raise foreign_cursor("search") from None
