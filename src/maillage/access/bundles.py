"""Bundles through the guarded door: each entry is filtered, checked and left in the trail as if it came alone."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from msgspec import structs

from maillage.db import Connection
from maillage.errors import Unsupported
from maillage.fhir import holding
from maillage.fhir.bundle import Done, Entry, Operate
from maillage.fhir.change import Change, Stored
from maillage.fhir.holding import Hold
from maillage.fhir.past import Past
from maillage.fhir.reading import HistoryPage, was_deleted
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage, parse

if TYPE_CHECKING:
    from maillage.access.records import Records


class RecordsDoor:
    """What `fhir.bundle` works through, for one actor (its protocol `Door`)."""

    def __init__(self, records: "Records", conn: Connection, operate: Operate | None = None) -> None:
        self._records = records
        self._conn = conn
        self._operate = operate

    async def find(self, kind: str, params: Sequence[tuple[str, str]]) -> Sequence[Stored]:
        """At most two visible matches."""
        return (await self._records.search_raw(structs.replace(parse(kind, params), count=2))).matches

    async def hold(self, holds: Iterable[Hold]) -> None:
        """Keeps what is found by criteria as it is until the transaction ends."""
        await holding.hold(self._conn, holds)

    async def hold_row(self, kind: str, id: str) -> int | None:
        """Keeps a visible resource as it is until the transaction ends; its version."""
        return await holding.hold_row(self._conn, kind, id, scope=self._records.views.touched)

    async def was_deleted(self, kind: str, id: str) -> bool:
        """Whether a resource that is not there was there once, and this actor may know it."""
        return await was_deleted(self._conn, kind, id, scope=self._records.views.touched)

    async def absent(self, names: Sequence[tuple[str, str]], *, beside: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these that this actor would delete and that are not there for them; each attempt leaves its line in the trail."""
        return await self._records.absent(names, beside=beside)

    async def write_changes(self, changes: Sequence[Change]) -> list[Stored]:
        """All or none, as one write of the actor's."""
        return await self._records.write_changes(changes)

    async def read(self, kind: str, id: str) -> Stored:
        """The current version."""
        return await self._records.read_raw(kind, id)

    async def vread(self, kind: str, id: str, version: int) -> Stored:
        """One version."""
        return await self._records.vread_raw(kind, id, version)

    async def history(self, kind: str | None, id: str | None, past: Past) -> HistoryPage:
        """The versions of one resource, of a type, or of all."""
        return await self._records.history(kind, id, past)

    async def search(self, query: SearchQuery | SeveralQuery) -> StoredPage:
        """One page of a search."""
        return await self._records.search_raw(query)

    async def operate(self, entry: Entry) -> Done:
        """What the operation answers, where whoever sent the bundle said how."""
        if self._operate is None:
            raise Unsupported.at("request.url", f"{entry.path}: no operation is answered in this bundle")
        return await self._operate(entry)

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What is written inside is undone when it raises, and nothing else."""
        return self._records.savepoint()
