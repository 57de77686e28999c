"""The guarded door to the records: every call is filtered in SQL for the actor, checked, and left in the trail."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from msgspec.structs import replace

from maillage.access import audit, audit_events, emergency, guards, writes
from maillage.access.actors import Actor, ActorKind
from maillage.access.asking import people_named
from maillage.access.audit import Action, AuditSecret, Entry, Outcome, Trail, query_text
from maillage.access.audit_events import AuditEvents
from maillage.access.bundles import RecordsDoor
from maillage.access.completing import allowed, completed, refuse_new_physicians
from maillage.access.erasing import Erasing
from maillage.access.grants import Written, derive, read_from, says_who_sees
from maillage.access.operations import Operations
from maillage.access.references import grantee
from maillage.access.stays import keep_with_stays
from maillage.access.views import Views
from maillage.access.visibility import seen_by
from maillage.db import Connection, begun, load_queries
from maillage.errors import Forbidden, Gone, Invalid, MaillageError, NotFound, Unavailable
from maillage.fhir import compartment, ids
from maillage.fhir.bundle import Done, Operate, process, single
from maillage.fhir.change import Change, Operation, Stored, Verb
from maillage.fhir.gathering import GatheredReads, there_for_each
from maillage.fhir.holding import hold_rows
from maillage.fhir.index import index
from maillage.fhir.past import Past
from maillage.fhir.reading import EVERY, HistoryPage
from maillage.fhir.record import Changed, Knot, Place, Wanted
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage, parse
from maillage.fhir.store import Page, Store

if TYPE_CHECKING:
    from maillage.access.context import Context

QUERIES = load_queries("maillage.access")

Resource = dict[str, Any]
Params = Sequence[tuple[str, str]] | Mapping[str, str]

_ACTIONS = {Verb.CREATE: Action.CREATE, Verb.UPDATE: Action.UPDATE, Verb.PUT: Action.UPDATE, Verb.DELETE: Action.DELETE}
_DONE = {Operation.CREATE: Action.CREATE, Operation.UPDATE: Action.UPDATE, Operation.DELETE: Action.DELETE}


FEW = 20
"""Rows by which a total is traced to those whom it is about; one of more people tells of a cohort, and names nobody."""


class Records:
    """The records as one actor may see and change them, in one context.

    What the actor may not see does not exist for them: it is NotFound, is in no page and no total, and cannot be reached by a
    chain or an include. Forms named `…_raw` give the stored text unparsed.
    """

    def __init__(
        self,
        ctx: "Context",
        conn: Connection,
        *,
        store: Store,
        trail: Trail,
        secret: AuditSecret,
        gathered: GatheredReads | None = None,
        combined: Callable[[Change], Awaitable[Stored]] | None = None,
    ) -> None:
        self._ctx = ctx
        self._conn = conn
        self._store = store
        self._trail = trail
        self._secret = secret
        self._reads = gathered or store
        self._combined = combined
        self._together: Sequence[Change] = ()
        self.views = Views(ctx.actor, ctx.now)

    @cached_property
    def operations(self) -> Operations:
        """What R4 calls operations."""
        return Operations(self._ctx, self._conn, trail=self._trail, views=self.views)

    @cached_property
    def audit_events(self) -> AuditEvents:
        """The trail, as FHIR tells it."""
        return AuditEvents(self._ctx, self._conn, store=self._store, trail=self._trail, secret=self._secret)

    @cached_property
    def erasing(self) -> Erasing:
        """What a record holds, for who decides about its end, and that end."""
        return Erasing(self._ctx, self._conn, store=self._store, trail=self._trail)

    async def read(self, kind: str, id: str) -> Resource:
        """The current version. NotFound, or Gone when it was deleted."""
        return (await self.read_raw(kind, id)).resource

    async def read_raw(self, kind: str, id: str) -> Stored:
        """The current version as stored."""
        if kind == audit_events.TYPE:
            return await self.audit_events.read(id)
        entry = self._trail.add(Action.READ, kind, id)
        with self._trail.attempt([entry]):
            self.views.require("r", kind)
            return _seen(entry, [await self._reads.read_raw(self._conn, kind, id, scope=self.views.read)])[0]

    async def vread_raw(self, kind: str, id: str, version: int) -> Stored:
        """One version as stored, current or not."""
        if kind == audit_events.TYPE:
            return await self.audit_events.vread(id, version)
        entry = self._trail.add(Action.READ, kind, id, query=f"_history/{version}")
        with self._trail.attempt([entry]):
            self.views.require("r", kind)
            found = await self._store.vread_raw(self._conn, kind, id, version, scope=self.views.read)
            return _seen(entry, [self.views.refuse_version("r", found)])[0]

    async def history(
        self,
        kind: str | None = None,
        id: str | None = None,
        past: Past = EVERY,
    ) -> HistoryPage:
        """The versions of one resource, of a type, or of all, newest first. The trail has none."""
        if kind == audit_events.TYPE:
            raise Invalid(f"{kind}: what is in the trail was written once and has no history")
        entry = self._trail.add(Action.READ, kind or "Resource", id, query="_history")
        with self._trail.attempt([entry]):
            letter = "s" if id is None else "r"
            self.views.require_any(letter) if kind is None else self.views.require(letter, kind)
            page = await self._store.history(self._conn, kind=kind, id=id, scope=self.views.rows(letter), past=past)
            page = self.views.told(letter, page)
            _seen(entry, page.versions)
            return page

    async def histories(self, references: Sequence[str], *, count: int) -> dict[str, list[Stored]]:
        """The versions of each of these resources ("Goal/3") that are to be seen, newest first, at most so many of each; in one statement."""
        names = [(kind, id) for kind, _, id in (one.partition("/") for one in references)]
        found: dict[str, list[Stored]] = {one: [] for one in references}
        kinds = sorted({kind for kind, _ in names})
        entry = self._trail.add(Action.READ, "Resource", query="_history:" + ",".join(kinds))
        with self._trail.attempt([entry]):
            for kind in kinds:
                self.views.require("r", kind)
            versions = await self._store.histories(self._conn, names, count=count, scope=self.views.rows("r"))
            page = self.views.told("r", HistoryPage(versions, None, None))
            for one in _seen(entry, page.versions):
                found[f"{one.type}/{one.id}"].append(one)
            return found

    async def search(self, kind: str, params: Params = ()) -> Page:
        """One page of a search. Unknown parameters are Invalid; `next` goes back in as the parameter `_cursor`."""
        pairs = list(params.items()) if isinstance(params, Mapping) else list(params)
        found = await self.search_raw(parse(kind, pairs))
        return Page([m.resource for m in found.matches], [i.resource for i in found.included], found.next, found.total)

    async def search_raw(self, query: SearchQuery | SeveralQuery) -> StoredPage:
        """One page of a parsed search, of one type or several, as stored."""
        audit_events.refuse_mixed(query)
        if isinstance(query, SearchQuery) and query.kind == audit_events.TYPE:
            return await self.audit_events.search(query)
        asked = [*query.applied, *([("_compartment", query.within)] if query.within else [])]
        entry = self._trail.add(Action.EXECUTE, query.kind, query=query_text(asked, await self._secret(self._conn)))
        with self._trail.attempt([entry]):
            narrowed = self.views.narrowed(query)
            page = await self._store.search_raw(self._conn, narrowed, scope=self.views.searched)
            _seen(entry, [*page.matches, *page.included])
            if not entry.patients and self._ctx.actor.kind is not ActorKind.JOB:
                entry.patients.update(people_named(query) or await self._counted(narrowed, page))
                self._name_the_person(entry)
            return page

    async def _counted(self, query: SearchQuery | SeveralQuery, page: StoredPage) -> set[UUID]:
        """Of whom a total tells that shows nobody, where they are few: in the trail of each, as if they had been shown."""
        if not page.total or page.matches or self._ctx.door != "fhir":
            return set()
        shown = replace(query, count=FEW, total=False, cursor=None, includes=(), revincludes=())
        found = await self._store.search_raw(self._conn, shown, scope=self.views.searched)
        patients = {one.patient for one in found.matches if one.patient}
        return patients if found.next is None or len(patients) == 1 else set()

    def _name_the_person(self, entry: Entry) -> None:
        """What somebody looks for in their own record is in its trail, also where nothing is found."""
        kind, _, id = (self._ctx.actor.reference or "").partition("/")
        own = self._ctx.actor.kind is ActorKind.PATIENT and kind == "Patient" and not writes.without_patient(entry.type)
        if own and not entry.patients:
            entry.patients.add(ids.key(id))

    async def find(self, kind: str, params: Params = ()) -> list[Resource]:
        """The matches of one page of a search, for callers that know they are few."""
        return (await self.search(kind, params)).matches

    async def compartment(self, patients: Sequence[str], limits: Mapping[str, int]) -> dict[str, list[Resource]]:
        """For these Patient ids, the newest resources of each type named in `limits`, at most so many, in one statement."""
        entry = self._trail.add(Action.EXECUTE, "Patient", ",".join(patients), query="compartment:" + ",".join(limits))
        with self._trail.attempt([entry]):
            found = await self._store.compartment(self._conn, patients, limits, scope=self.views.searched)
            for versions in found.values():
                _seen(entry, versions)
            return {kind: [one.resource for one in versions] for kind, versions in found.items()}

    async def thread(self, patients: Sequence[str], wanted: Wanted) -> tuple[list[Knot], str]:
        """A page of one thread of these Patient ids' records by main date, the last first; the second goes back in as `wanted.before`, empty at the end."""
        entry = self._trail.add(Action.EXECUTE, "Patient", ",".join(patients), query="thread")
        with self._trail.attempt([entry]):
            knots, following = await self._store.thread(self._conn, patients, wanted, scope=self.views.searched)
            _seen(entry, [one.stored for one in knots])
            return knots, following

    async def changed(
        self, patients: Sequence[str], types: Collection[str], *, since: Place, most: int
    ) -> tuple[Place, list[Changed]]:
        """What others than whoever acts wrote of these types in these Patient ids' records since a place in the log, the last written first, and
        the place that is now. Of `most` writes at most; what is hidden from them was not written."""
        entry = self._trail.add(Action.EXECUTE, "Patient", ",".join(patients), query="changed")
        with self._trail.attempt([entry]):
            now, found = await self._store.changed(self._conn, patients, types, since=since, most=most, scope=self.views.searched)
            if found and self._ctx.actor.reference:
                own = await QUERIES.own_writes(
                    self._conn, reference=self._ctx.actor.reference, since=since.at, patients=[ids.key(one) for one in patients]
                )
                mine = {(one["type"], one["id"], one["write"]) for one in own}
                found = [
                    one for one in found
                    if not all((one.now.type, one.now.id, int(write) % 2**32) in mine for write in one.writes)
                ]  # fmt: skip
            _seen(entry, [one.now for one in found])
            return now, found

    async def trail(
        self,
        patient: str,
        *,
        kinds: Sequence[ActorKind] = audit.PEOPLE,
        leaving_out: str | None = None,
        document: str | None = None,
        before: audit.Position | None = None,
        count: int = 50,
    ) -> list[dict[str, Any]]:
        """Who touched the record of a patient whom the actor may see ("12" of Patient/12), newest first (`audit.of_patient`).

        Reading the trail leaves a line in it.
        """
        entry = self._trail.add(Action.EXECUTE, "AuditEvent", query="trail")
        with self._trail.attempt([entry]):
            _seen(entry, [await self._store.read_raw(self._conn, "Patient", patient, scope=self.views.read)])
            silent = (
                await audit.kept_from_carers(self._conn, [ids.key(patient)], self._ctx.now)
                if self._ctx.actor.kind is ActorKind.CARER else None
            )  # fmt: skip
            return await audit.of_patient(
                self._conn,
                patient,
                kinds=kinds,
                leaving_out=leaving_out,
                document=document,
                silent=silent,
                before=before,
                count=count,
            )

    @overload
    async def write(self, resource: Resource, /) -> Resource: ...

    @overload
    async def write(self, first: Resource, second: Resource, /, *more: Resource) -> tuple[Resource, ...]: ...

    async def write(self, *resources: Resource) -> Resource | tuple[Resource, ...]:
        """Write all or none. Without id: created. With id and meta.versionId: updates that version, else PreconditionFailed.

        With an id alone: created or written over. Forbidden, Invalid, Conflict and NotFound say which and why.
        """
        written = await self.write_all(resources)
        return written[0] if len(written) == 1 else tuple(written)

    async def write_all(self, resources: Iterable[Resource]) -> list[Resource]:
        """As `write`, for however many: none is none."""
        changes = [_change(resource) for resource in resources]
        return [one.resource for one in await self.write_changes(changes)] if changes else []

    async def delete(self, kind: str, id: str, *, version: int | None = None) -> None:
        """Delete the current version (that `version`, where one is named). Its history stays."""
        await self.write_changes([Change.delete(kind, id, expected=version)])

    async def transaction(
        self, bundle: Resource, *, base: str = "", wants: str = "minimal", operate: Operate | None = None,
        refused: Mapping[int, MaillageError] | None = None,
    ) -> Resource:  # fmt: skip
        """Carry out a Bundle of type transaction or batch, and answer the response Bundle. `base` is this server's own address.

        A transaction that is refused raises: the whole context must then end. `wants`, `refused`: see `fhir.bundle.process`. `operate`
        answers the entries that ask for operations.
        """
        self._ctx.refuse_to_write()
        door = RecordsDoor(self, self._conn, operate)
        return await process(bundle, door, base=base, wants=wants, refused=refused)

    async def carry_out(self, entry: Resource, *, base: str = "") -> Done:
        """Carry out one entry of a bundle (a patch, a conditional request) as a transaction of its own."""
        self._ctx.refuse_to_write()
        return await single(entry, RecordsDoor(self, self._conn), base=base)

    async def load(self, resources: Sequence[Resource]) -> int:
        """Create many resources with ids of their own by COPY: for imports, by jobs and machines of the whole system only.

        They are taken as valid, and no guard sees them: whoever imports has checked them. One line of the trail tells of all.
        """
        self._ctx.refuse_to_write()
        entry = self._trail.add(Action.CREATE, "Bundle", query=f"{len(resources)} resources")
        with self._trail.attempt([entry]):
            if not self.views.loads:
                raise Forbidden(f"{self._ctx.actor.name} may not import")
            written = [_loaded(resource) for resource in resources if says_who_sees(resource)]
            entry.patients.update(one.patient for one in written if one.patient)
            count = await self._store.load(self._conn, resources)
            await derive(self._conn, read_from(written, self._ctx.now))
            return count

    def by_client(self, change: Change) -> Change:
        """A change as whoever acts may ask for it by the FHIR API (`writes.by_client`)."""
        return writes.by_client(self._ctx.actor, change)

    async def write_alone(self, change: Change) -> Stored:
        """Write one change as all that this context does: it is committed when this returns, not when the context ends.

        Those of the same actor that come meanwhile are committed with it (`combining`), and none knows of the others.
        """
        self._ctx.refuse_to_write()
        change = self.by_client(change)
        touched = self._trail.entries or self._ctx.announced or begun(self._conn)
        if self._combined is None or touched or not guards.see_many(str(change.resource.get("resourceType"))):
            return (await self.write_changes([change]))[0]
        try:
            checked = allowed(self._ctx, change)
            await self._ctx.uploads.scan(checked.resource)  # here, where nobody else's write waits for it
        except Unavailable:
            raise
        except MaillageError:
            return (await self.write_changes([change]))[0]  # says so again, and leaves a line in the trail
        return await self._combined(checked)

    async def write_changes(self, changes: Sequence[Change], *, checked: bool = False) -> list[Stored]:
        """Write all changes or none: rights, guards, validation, the store, then what they say of who may see whom.

        `checked`: they come from `completing.allowed`.
        """
        self._ctx.refuse_to_write()
        entries = [self._trail.add(_ACTIONS[c.verb], str(c.resource.get("resourceType")), c.resource.get("id")) for c in changes]
        with self._trail.attempt(entries), self._as_one(changes):
            ready = await self._completed(changes, checked=checked)
            stored = await self._store.write_raw(self._conn, ready, scope=self.views.written)
            self._refuse_records_of_nobody(stored)
            await emergency.refuse_to_stay(self._ctx, self._conn, stored)
            await refuse_new_physicians(self._ctx, self._conn, ready, stored)
            written = list(map(_written, ready, stored))
            await derive(self._conn, read_from(written, self._ctx.now))
            await keep_with_stays(self._conn, written)
            for entry, one in zip(entries, stored, strict=True):
                entry.action, entry.id = _DONE[one.operation], one.id
                _seen(entry, [one])
            return stored

    async def _completed(self, changes: Sequence[Change], *, checked: bool) -> list[Change]:
        """The changes as they will be written, each within the scopes before and after. What the guards look at is the platform's affair."""
        self.views.require_writing(changes)
        with self.views.unbound():
            ready = await completed(self._ctx, self._conn, changes, checked=checked)
        await self.views.refuse_outside(self._conn, ready)
        return ready

    async def absent(self, names: Sequence[tuple[str, str]], *, beside: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """As `Door.absent`, of those that the actor may delete, for them: each that is not there leaves its line."""
        may = [one for one in names if self.views.opens("d", one[0]) and not writes.refusal(self._ctx.actor, Change.delete(*one))]
        gone = set(may) - await hold_rows(self._conn, [*may, *beside], scope=self.views.rows("d")) if may else set()
        for kind, id in gone:
            self._trail.add(Action.DELETE, kind, id).outcome = Outcome.REFUSED
        return gone

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """What is written inside is undone when it raises, and nothing else."""
        return self._ctx.savepoint()

    async def link_opens(self, source: str, record: str) -> bool:
        """Whether saying that two Patients (ids) are one person would let someone see the second who may not see it by itself."""
        found: bool = await QUERIES.link_opens(
            self._conn, source=ids.key(source), record=ids.key(record), oneself=grantee(f"Patient/{source}")
        )
        return found

    async def seen_by(self, asked: Sequence[tuple[Actor, str, str]]) -> list[bool]:
        """Of each of these (actor, type, id) whether that actor would see the record now: for who decides whom to tell of it.

        Forbidden to whoever does not see every row: it would tell them who else does.
        """
        if not self.views.loads:
            raise Forbidden(f"{self._ctx.actor.name} may not ask what others see")
        views = {actor: seen_by(actor, self._ctx.now) for actor, _, _ in asked}
        return await there_for_each(self._conn, [(kind, id, views[actor]) for actor, kind, id in asked])

    async def before(self, change: Change) -> Resource:
        """For guards: what a change writes over, as far as its actor sees it; {} where that is nothing. It is shown to nobody, so that it is not in the trail: the
        change is, and a new record under an id that somebody gave would stand there as an access that was refused."""
        if change.verb is Verb.CREATE or "id" not in change.resource:
            return {}
        try:
            stored = await self._store.read_raw(
                self._conn, change.resource["resourceType"], change.resource["id"], scope=self.views.read
            )
        except (NotFound, Gone):
            return {}
        return stored.resource

    @property
    def together(self) -> Sequence[Change]:
        """For guards: the changes that are being written as one, as they were sent (a transaction's entries)."""
        return self._together

    @contextmanager
    def _as_one(self, changes: Sequence[Change]) -> Iterator[None]:
        before, self._together = self._together, changes
        try:
            yield
        finally:
            self._together = before

    def _refuse_records_of_nobody(self, stored: Iterable[Stored]) -> None:
        if not writes.limited(self._ctx.actor):
            return
        for one in stored:
            if one.patient is None and one.operation is not Operation.DELETE and not writes.without_patient(one.type):
                raise Forbidden(f"{self._ctx.actor.name} may write {one.type} only in the record of a patient")


def _change(resource: Resource) -> Change:
    if "id" not in resource:
        return Change(Verb.CREATE, resource)
    version = resource.get("meta", {}).get("versionId")
    return Change(Verb.UPDATE, resource, int(version)) if version else Change(Verb.PUT, resource)


def _written(change: Change, stored: Stored) -> Written:
    resource = None if change.verb is Verb.DELETE else {**change.resource, "id": stored.id}
    return Written(stored.type, stored.id, resource, stored.patient, first=stored.version == 1)


def _loaded(resource: Resource) -> Written:
    """A resource that will be loaded as it stands."""
    if "id" not in resource:
        raise Invalid(f"a {resource['resourceType']} to be imported needs an id")
    home = compartment.patient_of(index(resource))
    return Written(resource["resourceType"], resource["id"], resource, ids.key(home) if home else None)


def _seen(entry: Entry, versions: Sequence[Stored]) -> Sequence[Stored]:
    entry.patients.update(one.patient for one in versions if one.patient)
    return versions
