"""The store of FHIR resources: one object for writing, reading, searching and loading them. It knows no user, only a scope.

Methods ending in `_raw` answer `Stored` values with the JSON text as it is held; the others parse it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from maillage.db import Connection
from maillage.fhir import erasing, loading, reading, record, search, writing
from maillage.fhir.change import Change, Resource, Stored
from maillage.fhir.past import Past
from maillage.fhir.reading import HistoryPage
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage


@dataclass(frozen=True, slots=True)
class Page:
    """A page of resources. `next` is the cursor of the page after; `total` is exact, where asked for."""

    matches: list[Resource]
    included: list[Resource]
    next: str | None
    total: int | None


class Store:
    """Every method takes the connection whose transaction it works in, and the scope it may touch."""

    async def write(self, conn: Connection, changes: Sequence[Change], *, scope: Scope) -> list[Resource]:
        """Writes all changes or none (see `writing.write`); of a deletion only type, id and meta come back."""
        return [stored.resource for stored in await self.write_raw(conn, changes, scope=scope)]

    async def write_raw(self, conn: Connection, changes: Sequence[Change], *, scope: Scope) -> list[Stored]:
        return await writing.write(conn, changes, scope=scope)

    async def read(self, conn: Connection, kind: str, id: str, *, scope: Scope) -> Resource:
        """The current version; NotFound, or Gone where it was deleted."""
        return (await self.read_raw(conn, kind, id, scope=scope)).resource

    async def read_raw(self, conn: Connection, kind: str, id: str, *, scope: Scope) -> Stored:
        return await reading.read(conn, kind, id, scope=scope)

    async def erase(self, conn: Connection, names: Sequence[tuple[str, str]]) -> list[erasing.Erased]:
        """Erases these resources with all their versions (see `erasing.erase`)."""
        return await erasing.erase(conn, names)

    async def vread(self, conn: Connection, kind: str, id: str, version: int, *, scope: Scope) -> Resource:
        """One version, also of a resource that was deleted later."""
        return (await self.vread_raw(conn, kind, id, version, scope=scope)).resource

    async def vread_raw(self, conn: Connection, kind: str, id: str, version: int, *, scope: Scope) -> Stored:
        return await reading.vread(conn, kind, id, version, scope=scope)

    async def history(
        self, conn: Connection, *, kind: str | None = None, id: str | None = None, scope: Scope, past: Past = reading.EVERY
    ) -> HistoryPage:
        """The versions of one resource, of a type or of everything, newest first."""
        return await reading.history(conn, kind=kind, id=id, scope=scope, past=past)

    async def histories(self, conn: Connection, names: Sequence[tuple[str, str]], *, count: int, scope: Scope) -> list[Stored]:
        """The newest versions of each of these resources (type, id), at most so many of each, in one statement."""
        return await reading.histories(conn, names, count=count, scope=scope)

    async def search(self, conn: Connection, query: SearchQuery | SeveralQuery, *, scope: Scope) -> Page:
        """One page of what the query finds."""
        page = await self.search_raw(conn, query, scope=scope)
        return Page([one.resource for one in page.matches], [one.resource for one in page.included], page.next, page.total)

    async def search_raw(self, conn: Connection, query: SearchQuery | SeveralQuery, *, scope: Scope) -> StoredPage:
        if isinstance(query, SeveralQuery):
            return await search.search_several(conn, query, scope=scope)
        return await search.search(conn, query, scope=scope)

    async def compartment(
        self, conn: Connection, patients: Sequence[str], limits: Mapping[str, int], *, scope: Scope
    ) -> dict[str, list[Stored]]:
        """The newest resources of some types in these patients' records (see `record.compartment`)."""
        return await record.compartment(conn, patients, limits, scope=scope)

    async def thread(
        self, conn: Connection, patients: Sequence[str], wanted: record.Wanted, *, scope: Scope
    ) -> tuple[list[record.Knot], str]:
        """A page of one thread of these patients' records (see `record.thread`)."""
        return await record.thread(conn, patients, wanted, scope=scope)

    async def changed(
        self, conn: Connection, patients: Sequence[str], types: Collection[str], *, since: record.Place, most: int, scope: Scope
    ) -> tuple[record.Place, list[record.Changed]]:
        """What was written in these patients' records since a place in the log (see `record.changed`)."""
        return await record.changed(conn, patients, types, since=since, most=most, scope=scope)

    async def load(self, conn: Connection, resources: Iterable[Resource]) -> int:
        """Creates many resources at once (see `loading.load`)."""
        return await loading.load(conn, resources)
