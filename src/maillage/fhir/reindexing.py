"""Reindexing: what resources are found by, made again from their bodies, while the platform runs.

What a resource is found by depends on rules: the definitions of search parameters and types, the units, this code, the stemmer of PostgreSQL.
The store remembers the rules of its last complete reindex (or of its first day); other rules now mean that some resources are not found.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from psycopg.errors import DataError, DeadlockDetected, ProgramLimitExceeded

from maillage.db import Connection, Database, load_queries
from maillage.fhir import definitions, ids, json, units
from maillage.fhir.change import Change, Verb
from maillage.fhir.reading import text_id
from maillage.fhir.rows import rows_of
from maillage.logs import frames_of

QUERIES = load_queries("maillage.fhir")
log = structlog.get_logger(__name__)

EDITION = 4
"""To be raised with every change of code after which a resource has other index rows (`tests/fhir/test_fhir_reindex.py` notices)."""

BATCH = 200
"""Resources of one transaction: some tenths of a second, in which their writers and the readers of the change feed wait."""

_SIZE = 8_000_000
"""Bytes of their bodies."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """Whether every resource is found by today's rules. A reindex that was begun and did not end has `done` resources; else None.

    `failed`: how many the last reindex could not index, or the one under way so far.
    """

    current: bool
    done: int | None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How many resources a reindex is past, and how many of them it could not index: those are found as before."""

    done: int
    failed: int


class _Read(NamedTuple):
    """A stored resource, and the rows that today's rules make of it."""

    stored: dict[str, Any]
    rows: dict[str, Any]


_REFUSED = (DataError, ProgramLimitExceeded)
"""What PostgreSQL raises about the values of one resource, whoever writes them and whenever."""


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
    return Indexed(found["rules"] == rules or not found["filled"], done, found["failed"] or 0)


async def count(conn: Connection) -> int:
    """How many resources there are to index."""
    return int(await QUERIES.count_resources(conn))


async def left(conn: Connection, *, most: int) -> int:
    """How many resources a reindex has before it, of which `most` are counted at most."""
    found = await QUERIES.indexing(conn)
    rt, id = (found["rt"], found["id"]) if found["running"] == _on(found["server"]) else (0, UUID(int=0))
    return int(await QUERIES.left_to_index(conn, rt=rt, id=id, most=most))


async def note_rules(dsn: str) -> None:
    """Remembers today's rules in a store that has no resource yet: to be called where a schema is made."""
    async with await Database.open(dsn, size=1) as database, database.transaction() as conn:
        await QUERIES.note_rules(conn, rules=_on((await QUERIES.indexing(conn))["server"]))


def _on(server: int) -> str:
    """The rules with the server's part: the version of its stemmer."""
    return f"{_rules()}-{server}"


async def reindex(database: Database, *, batch: int = BATCH) -> AsyncIterator[Progress]:
    """Indexes every resource anew, in small transactions; yields how far it is after each.

    Begins where an interrupted one with the same rules ended. Several at once share the work. A resource that is written meanwhile keeps what its
    writer gave it. Versions, times and history stay as they are. A resource that cannot be read, or whose rows PostgreSQL
    refuses, is named in the log and counted, and the store is then not taken as indexed.
    """
    async with database.transaction() as conn:
        rules = _on((await QUERIES.indexing(conn))["server"])
    while True:
        try:
            async with database.transaction() as conn:
                place = await QUERIES.begin_indexing(conn, rules=rules)
                found = await _batch(conn, place, batch)
                if not found.done:
                    await QUERIES.end_indexing(conn, rules=rules)
        except DeadlockDetected:
            continue
        if not found.done:
            return
        yield Progress(place["done"] + found.done, place["failed"] + found.failed)


async def _batch(conn: Connection, place: dict[str, Any], batch: int) -> Progress:
    """Indexes the resources behind the place and moves it; answers how many they were."""
    stored = await QUERIES.unindexed(conn, rt=place["rt"], id=place["id"], limit=batch, size=_SIZE)
    if not stored:
        return Progress(0, 0)
    read = [_Read(one, row) for one in stored if (row := _read(one)) is not None]
    failed = len(stored) - (await _indexed(conn, read) if read else 0)
    await QUERIES.go_on_indexing(conn, rt=stored[-1]["rt"], id=stored[-1]["id"], count=len(stored), failed=failed)
    return Progress(len(stored), failed)


async def _indexed(conn: Connection, read: Sequence[_Read]) -> int:
    """Writes their rows and answers of how many; one whose rows are refused is found by halves, and named in the log."""
    try:
        async with conn.transaction():
            await conn.execute(_STATEMENT, {"rows": msgspec.json.encode([one.rows for one in read]).decode()}, prepare=True)
    except _REFUSED as fault:
        if len(read) == 1:
            _log(read[0].stored, fault)
            return 0
        half = len(read) // 2
        return await _indexed(conn, read[:half]) + await _indexed(conn, read[half:])
    return len(read)


def _read(stored: dict[str, Any]) -> dict[str, Any] | None:
    """The rows of a resource; None, and a line in the log that names it, where today's rules cannot read it."""
    try:
        return _row(stored)
    except Exception as fault:  # noqa: BLE001  # whatever is wrong with one body, all others are to be found
        _log(stored, fault)
        return None


def _log(stored: dict[str, Any], fault: Exception) -> None:
    """Names the resource and where the fault is, without its message, which may hold what the resource says."""
    log.error("not_indexed", resource=_name(stored), error=type(fault).__name__, frames=frames_of(fault.__traceback__))


def _name(stored: dict[str, Any]) -> str:
    try:
        return f"{ids.kind(stored['rt'])}/{text_id(stored['body'].encode())}"
    except ValueError:  # not even its id
        return f"{ids.kind(stored['rt'])}/{stored['id']}"


def _row(stored: dict[str, Any]) -> dict[str, Any]:
    one = rows_of(Change(Verb.PUT, json.stored(stored["body"].encode())))
    columns = {name: value for name, value in one.row.items() if name not in _OF_A_WRITE}
    return {**columns, "version": stored["version"], "edges": one.edges, "dated": one.dated, "amounts": one.amounts}


_OF_A_WRITE = frozenset({"verb", "expected", "head", "tail"})
_STATEMENT = (
    QUERIES.text("reindex").replace("{found_by}", QUERIES.text("found_by")).replace("{words}", QUERIES.text("words")).encode()
)
