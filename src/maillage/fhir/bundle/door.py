"""What a bundle is carried out through: the guarded records of an actor, or the bare store."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec import structs

from maillage.db import Connection
from maillage.errors import Unsupported
from maillage.fhir import holding
from maillage.fhir.bundle.answers import Done
from maillage.fhir.bundle.entries import Entry
from maillage.fhir.change import Change, Stored
from maillage.fhir.holding import Hold
from maillage.fhir.past import Past
from maillage.fhir.reading import HistoryPage, was_deleted
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage, parse
from maillage.fhir.store import Store

Operate = Callable[[Entry], Awaitable[Done]]
"""Answers the entry that asks for an operation."""


class Door(Protocol):
    """The records as bundles need them, in one transaction."""

    async def find(self, kind: str, params: Sequence[tuple[str, str]]) -> Sequence[Stored]:
        """At most two of the resources that match: enough to know that there is more than one."""
        ...

    async def hold(self, holds: Iterable[Hold]) -> None:
        """Keeps what is found by criteria as it is until the transaction ends (`holding.hold`)."""
        ...

    async def hold_row(self, kind: str, id: str) -> int | None:
        """Keeps a resource as it is until the transaction ends; its version, None when there is none to write."""
        ...

    async def was_deleted(self, kind: str, id: str) -> bool:
        """Whether a resource that is not there was there once."""
        ...

    async def absent(self, names: Sequence[tuple[str, str]], *, beside: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these resources (type and id), about to be deleted, that are not there.

        Keeps the others, and those that are about to be written `beside`, as they are until the transaction ends.
        """
        ...

    async def write_changes(self, changes: Sequence[Change]) -> list[Stored]:
        """Writes all or none. A fault of the i-th change has issues whose expression begins with `change[i]`."""
        ...

    async def read(self, kind: str, id: str) -> Stored: ...

    async def vread(self, kind: str, id: str, version: int) -> Stored: ...

    async def history(self, kind: str | None, id: str | None, past: Past) -> HistoryPage: ...

    async def search(self, query: SearchQuery | SeveralQuery) -> StoredPage: ...

    async def operate(self, entry: Entry) -> Done:
        """What the operation answers that this entry asks for."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What is written inside is undone when it raises, and nothing else."""
        ...


@dataclass(slots=True)
class StoreDoor:
    """The bare store in one transaction and scope."""

    conn: Connection
    scope: Scope
    store: Store

    async def find(self, kind: str, params: Sequence[tuple[str, str]]) -> Sequence[Stored]:
        return (await self.search(structs.replace(parse(kind, params), count=2))).matches

    async def hold(self, holds: Iterable[Hold]) -> None:
        await holding.hold(self.conn, holds)

    async def hold_row(self, kind: str, id: str) -> int | None:
        return await holding.hold_row(self.conn, kind, id, scope=self.scope)

    async def was_deleted(self, kind: str, id: str) -> bool:
        return await was_deleted(self.conn, kind, id, scope=self.scope)

    async def absent(self, names: Sequence[tuple[str, str]], *, beside: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        return set(names) - await holding.hold_rows(self.conn, [*names, *beside], scope=self.scope)

    async def write_changes(self, changes: Sequence[Change]) -> list[Stored]:
        return await self.store.write_raw(self.conn, changes, scope=self.scope)

    async def read(self, kind: str, id: str) -> Stored:
        return await self.store.read_raw(self.conn, kind, id, scope=self.scope)

    async def vread(self, kind: str, id: str, version: int) -> Stored:
        return await self.store.vread_raw(self.conn, kind, id, version, scope=self.scope)

    async def history(self, kind: str | None, id: str | None, past: Past) -> HistoryPage:
        return await self.store.history(self.conn, kind=kind, id=id, scope=self.scope, past=past)

    async def search(self, query: SearchQuery | SeveralQuery) -> StoredPage:
        return await self.store.search_raw(self.conn, query, scope=self.scope)

    async def operate(self, entry: Entry) -> Done:
        raise Unsupported.at("request.url", f"{entry.path}: the bare store knows no operations")

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self.conn.transaction()
