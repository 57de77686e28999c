"""Reindexing: what resources are found by, made again from their bodies, while the platform runs.

What a resource is found by depends on rules: the definitions of search parameters and types, the units, this code, the stemmer of PostgreSQL.
The store remembers the rules of its last complete reindex (or of its first day); other rules now mean that some resources are not found.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec
from psycopg.errors import DeadlockDetected

from maillage.db import Connection, Database, load_queries
from maillage.fhir import definitions, json, units
from maillage.fhir.change import Change, Verb
from maillage.fhir.rows import rows_of

QUERIES = load_queries("maillage.fhir")

EDITION = 1
"""To be raised with every change of code after which a resource has other index rows (`tests/fhir/test_fhir_reindex.py` notices)."""

BATCH = 200
"""Resources of one transaction: some tenths of a second, in which their writers and the readers of the change feed wait."""

_SIZE = 8_000_000
"""Bytes of their bodies."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """Whether every resource is found by today's rules. A reindex that was begun and did not end has `done` resources; else None."""

    current: bool
    done: int | None


@cache
def _rules() -> str:
    """A digest of what this code reads and of its edition."""
    digest = blake2b(f"{EDITION}".encode(), digest_size=16)
    for path in (*definitions.index_sources(), units.FACTS):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


async def state(conn: Connection) -> Indexed:
    """By which rules the store is indexed, compared with those of this code and server."""
    found = await QUERIES.indexing(conn)
    rules = _on(found["server"])
    done = found["done"] if found["running"] == rules else None
    return Indexed(found["rules"] == rules or not found["filled"], done)


async def count(conn: Connection) -> int:
    """How many resources there are to index."""
    return int(await QUERIES.count_resources(conn))


async def note_rules(dsn: str) -> None:
    """Remembers today's rules in a store that has no resource yet: to be called where a schema is made."""
    async with await Database.open(dsn, size=1) as database, database.transaction() as conn:
        await QUERIES.note_rules(conn, rules=_on((await QUERIES.indexing(conn))["server"]))


def _on(server: int) -> str:
    """The rules with the server's part: the version of its stemmer."""
    return f"{_rules()}-{server}"


async def reindex(database: Database, *, batch: int = BATCH) -> AsyncIterator[int]:
    """Indexes every resource anew, in small transactions; yields how many are done after each.

    Begins where an interrupted one with the same rules ended. Several at once share the work. A resource that is written meanwhile keeps what its
    writer gave it. Versions, times and history stay as they are.
    """
    async with database.transaction() as conn:
        rules = _on((await QUERIES.indexing(conn))["server"])
    while True:
        try:
            async with database.transaction() as conn:
                place = await QUERIES.begin_indexing(conn, rules=rules)
                found = await _batch(conn, place, batch)
                if not found:
                    await QUERIES.end_indexing(conn, rules=rules)
        except DeadlockDetected:
            continue
        if not found:
            return
        yield place["done"] + found


async def _batch(conn: Connection, place: dict[str, Any], batch: int) -> int:
    """Indexes the resources behind the place and moves it; answers how many they were."""
    stored = await QUERIES.unindexed(conn, rt=place["rt"], id=place["id"], limit=batch, size=_SIZE)
    if stored:
        rows = msgspec.json.encode([_row(one) for one in stored]).decode()
        await conn.execute(_STATEMENT, {"rows": rows}, prepare=True)
        await QUERIES.go_on_indexing(conn, rt=stored[-1]["rt"], id=stored[-1]["id"], count=len(stored))
    return len(stored)


def _row(stored: dict[str, Any]) -> dict[str, Any]:
    one = rows_of(Change(Verb.PUT, json.stored(stored["body"].encode())))
    columns = {name: value for name, value in one.row.items() if name not in _OF_A_WRITE}
    return {**columns, "version": stored["version"], "edges": one.edges, "dated": one.dated, "amounts": one.amounts}


_OF_A_WRITE = frozenset({"verb", "expected", "head", "tail"})
_STATEMENT = (
    QUERIES.text("reindex").replace("{found_by}", QUERIES.text("found_by")).replace("{words}", QUERIES.text("words")).encode()
)
