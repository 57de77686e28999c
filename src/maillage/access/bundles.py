"""Bundles through the guarded door: each entry is filtered, checked and left in the trail as if it came alone."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from msgspec import structs

from maillage.db import Connection
from maillage.errors import TooLarge, Unsupported
from maillage.fhir import holding, json
from maillage.fhir.bundle import Done, Entry, Operate
from maillage.fhir.change import Change, Stored
from maillage.fhir.holding import Hold
from maillage.fhir.past import Past
from maillage.fhir.reading import HistoryPage, was_deleted
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage, parse

if TYPE_CHECKING:
    from maillage.access.records import Records

MOST_READ = 32_000_000
"""Bytes that the reads of one bundle find before no more of them are answered: a short bundle could ask for the same long page thousands of times."""


class RecordsDoor:
    """What `fhir.bundle` works through, for one actor (its protocol `Door`)."""

    def __init__(self, records: "Records", conn: Connection, operate: Operate | None = None) -> None:
        self._records = records
        self._conn = conn
        self._operate = operate
        self._found = 0

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
        return await self._records.write_changes([self._records.by_client(one) for one in changes])

    async def read(self, kind: str, id: str) -> Stored:
        """The current version."""
        self._refuse_more()
        return self._counted([await self._records.read_raw(kind, id)])[0]

    async def vread(self, kind: str, id: str, version: int) -> Stored:
        """One version."""
        self._refuse_more()
        return self._counted([await self._records.vread_raw(kind, id, version)])[0]

    async def history(self, kind: str | None, id: str | None, past: Past) -> HistoryPage:
        """The versions of one resource, of a type, or of all."""
        self._refuse_more()
        page = await self._records.history(kind, id, past)
        self._counted(page.versions)
        return page

    async def search(self, query: SearchQuery | SeveralQuery) -> StoredPage:
        """One page of a search."""
        self._refuse_more()
        page = await self._records.search_raw(query)
        self._counted([*page.matches, *page.included])
        return page

    async def operate(self, entry: Entry) -> Done:
        """What the operation answers, where whoever sent the bundle said how."""
        if self._operate is None:
            raise Unsupported.at("request.url", f"{entry.path}: no operation is answered in this bundle")
        self._refuse_more()
        done = await self._operate(entry)
        self._found += len(json.dumps(done.resource)) if done.resource else 0
        return done

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What is written inside is undone when it raises, and nothing else."""
        return self._records.savepoint()

    def _refuse_more(self) -> None:
        if self._found > MOST_READ:
            raise TooLarge(
                f"The reads before this one found more than the {MOST_READ} bytes that one bundle is answered with: ask again for it."
            )

    def _counted(self, found: Sequence[Stored]) -> Sequence[Stored]:
        self._found += sum(len(one.body) for one in found if one.body is not None)
        return found
