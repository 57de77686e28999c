"""Reads by id that are asked for at the same time go in one statement, each within its own scope (docs/adr/0019-gathered-reads.md)."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from maillage.db import Connection, Database, count_one, fetch, load_queries
from maillage.fhir import reading
from maillage.fhir.change import Stored
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")

GROUP = 64  # reads in one statement at most


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: str
    id: str
    scope: Scope
    answer: asyncio.Future[Stored | None]


class GatheredReads:
    """The reads of one process. There is no timer: while one statement is under way, the next gathers.

    Only for callers without a transaction of their own: a read sees what is committed when its statement begins.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Wanted] = []
        self._reader: asyncio.Task[None] | None = None

    async def read_raw(self, conn: Connection, kind: str, id: str, *, scope: Scope) -> Stored:
        """The current version. Deleted is Gone; unknown or out of scope is NotFound (`conn` is asked which)."""
        reading.place(kind, id)
        wanted = _Wanted(kind, id, scope, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        if self._reader is None or self._reader.done():
            # A context of its own: it works for all, not for the one who came first.
            self._reader = asyncio.create_task(self._read_all(), context=Context())
        count_one()
        found = await wanted.answer
        if found is None:
            raise await reading.absence(conn, kind, id, scope)
        return found

    async def _read_all(self) -> None:
        while self._waiting:
            groups: dict[str, list[_Wanted]] = defaultdict(list)
            for wanted in self._waiting[:GROUP]:
                groups[wanted.scope.text].append(wanted)
            del self._waiting[:GROUP]
            for group in groups.values():
                await self._read(group)

    async def _read(self, group: Sequence[_Wanted]) -> None:
        try:
            async with self._database.reading() as conn:
                found = await _read_each(conn, group)
        except Exception as fault:  # noqa: BLE001  # told to each of those who wait, who raise it
            for wanted in group:
                if not wanted.answer.done():
                    wanted.answer.set_exception(fault)
            return
        for wanted, stored in zip(group, found, strict=True):
            if not wanted.answer.done():  # whoever waited may have gone
                wanted.answer.set_result(stored)


async def there_for_each(conn: Connection, asked: Sequence[tuple[str, str, Scope]]) -> list[bool]:
    """Of each of these (type, id, scope) whether there is such a resource within that scope: a statement for each text of a scope."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, (_, _, scope) in enumerate(asked):
        groups[scope.text].append(place)
    there = [False] * len(asked)
    for places in groups.values():
        scope = asked[places[0]][2]
        rows = [_row(place, *asked[place]) for place in places]
        wanted = {"asked": msgspec.json.encode(rows).decode()}
        for row in await fetch(conn, _text("there_for_each", scope.text, scope.types), wanted, binary=True):
            there[row["i"]] = True
    return there


async def _read_each(conn: Connection, group: Sequence[_Wanted]) -> list[Stored | None]:
    scope = group[0].scope
    asked = [_row(place, wanted.kind, wanted.id, wanted.scope) for place, wanted in enumerate(group)]
    wanted_rows = {"asked": msgspec.json.encode(asked).decode()}
    found = await fetch(conn, _text("read_each", scope.text, scope.types), wanted_rows, binary=True)
    rows = {row["i"]: row for row in found}
    return [reading.current(w.kind, w.id, rows[place]) if place in rows else None for place, w in enumerate(group)]


def _row(place: int, kind: str, id: str, scope: Scope) -> dict[str, Any]:
    number, key = reading.place(kind, id)
    return {"i": place, "rt": number, "id": key, **scope.params}


@lru_cache(maxsize=256)
def _text(statement: str, scope: str, types: tuple[tuple[str, str], ...]) -> bytes:
    """The statement for rows of one scope: what the scope takes as parameters are columns here, a value for each read."""
    columns = "".join(f", {name} {kind}" for name, kind in types)
    row = Scope(scope).sql("r")
    for name, _ in types:
        row = row.replace(f"%({name})s", f"w.{name}")
    return QUERIES.text(statement).replace("{columns}", columns).replace("{row}", row).encode()
