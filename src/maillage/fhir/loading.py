"""Bulk loading: many new resources at once, by COPY. For seeds and imports, with no guard but the database's keys."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from psycopg.errors import UniqueViolation

from maillage.db import Connection, load_queries
from maillage.errors import Conflict
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.rows import Rows, rows_of
from maillage.fhir.writing import body

QUERIES = load_queries("maillage.fhir")
_WORDS = QUERIES.text("load_words").replace("{words}", QUERIES.text("words")).encode()
_BATCH = 2_000
_PIECE = 50
_NULL = r"\N"


async def load(conn: Connection, resources: Iterable[Resource]) -> int:
    """Creates all these resources as version 1 and refreshes the statistics; answers how many.

    Resources without an id get one; an id that exists already is Conflict and undoes the whole transaction. Readers of the change
    feed wait for the transaction to end: load in several transactions where that matters.
    """
    at = await QUERIES.written_at(conn)
    loaded, source = 0, iter(resources)
    try:
        while batch := list(islice(source, _BATCH)):
            await _copy(conn, batch, at)
            loaded += len(batch)
    except UniqueViolation as fault:
        raise Conflict("one of the loaded resources exists already") from fault
    await QUERIES.analyze(conn)
    return loaded


async def _copy(conn: Connection, batch: list[Resource], at: datetime) -> None:
    """Small pieces of the first table: the server works on one while the next is made."""
    made: list[Rows] = []
    async with conn.cursor() as cursor, cursor.copy(QUERIES.text("load_res").encode()) as copy:
        for start in range(0, len(batch), _PIECE):
            piece = [rows_of(Change(Verb.CREATE, resource)) for resource in batch[start : start + _PIECE]]
            await copy.write("".join(_line(_res(one, at)) for one in piece))
            made += piece
    tables: list[tuple[str, Iterator[tuple[Any, ...]]]] = [
        ("load_ver", ((at, one.row["rt"], one.row["id"], 1, "c", one.row["patient"]) for one in made)),
        (
            "load_refs",
            ((_shard(one), one.row["id"], e["dst"], e["p"], one.row["rt"], e["dt"]) for one in made for e in one.edges),
        ),
        ("load_hot", (_hot(one, pair) for one in made for pair in one.dated)),
        ("load_amount", (_amount(one, amount) for one in made for amount in one.amounts)),
    ]
    for name, lines in tables:
        async with conn.cursor() as cursor, cursor.copy(QUERIES.text(name).encode()) as copy:
            await copy.write("".join(map(_line, lines)))
    await conn.execute(_WORDS, {"rows": msgspec.json.encode([_words(one) for one in made if _speaks(one)]).decode()})


def _speaks(one: Rows) -> bool:
    return bool(one.row["narrative"] or one.row["content"])


def _words(one: Rows) -> dict[str, Any]:
    return {name: one.row[name] for name in ("rt", "id", "patient", "narrative", "content")}


def _res(one: Rows, at: datetime) -> tuple[Any, ...]:
    row = one.row
    return (
        _shard(one), row["rt"], row["id"], 1, at, row["patient"], row["d0"], row["d1"], body(one, 1, at), _array(row["tok"]), _array(row["has"]), row["str"],
    )  # fmt: skip


def _hot(one: Rows, pair: dict[str, Any]) -> tuple[Any, ...]:
    return _shard(one), pair["k"], pair["d0"], pair["d1"], one.row["id"], one.row["rt"], one.row["patient"]


def _amount(one: Rows, amount: dict[str, Any]) -> tuple[Any, ...]:
    return (
        _shard(one), amount["k"], amount["lo"], amount["hi"], amount["p"], amount["raw_lo"], amount["raw_hi"], _array(amount["tok"]), one.row["id"], one.row["rt"],
    )  # fmt: skip


def _shard(one: Rows) -> str:
    """As the write statement decides it: the patient, else the row's own id."""
    shard: str = one.row["patient"] or one.row["id"]
    return shard


def _array(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _line(values: tuple[Any, ...]) -> str:
    """A line of COPY's text format."""
    return "\t".join(_NULL if value is None else _escaped(value) for value in values) + "\n"


def _escaped(value: Any) -> str:
    if isinstance(value, datetime):
        return _time(value)
    if not isinstance(value, str):
        return str(value)
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    text: str = value.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return text


@lru_cache(maxsize=16_384)
def _time(value: datetime) -> str:
    return value.isoformat()
