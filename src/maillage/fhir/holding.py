"""Holding what a decision rests on until its transaction ends: what criteria may find, and a resource that is read to be changed.

Two writers that look for the same thing (`If-None-Exist: identifier=…`) must not both find nothing and both create it. Each holds the identifiers
that it asks for and those that it may write, so that they come one after the other; criteria without an identifier hold the whole type.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg.errors import DeadlockDetected

from maillage.db import Connection, load_queries
from maillage.errors import Conflict, Invalid
from maillage.fhir import ids
from maillage.fhir.change import Resource
from maillage.fhir.scope import Scope
from maillage.fhir.search.values import split, unescape
from maillage.fhir.tokens import hash64

QUERIES = load_queries("maillage.fhir")

MAX_VALUES = 200
"""Identifiers held by one transaction; beyond, their types are held as a whole (the server's table of locks is finite)."""

Hold = tuple[str, str | None]
"""A type and the value of an identifier; None is every resource of the type."""


def holds_of(kind: str, criteria: Sequence[tuple[str, str]], resource: Resource | None) -> set[Hold]:
    """What must be held to decide by these criteria whether `resource` is to be written."""
    asked = {value for name, text in criteria if name == "identifier" for value in _values(text)}
    if not asked or "" in asked:
        return {(kind, None)}
    return {(kind, value) for value in asked | _identifiers(resource)}


async def hold(conn: Connection, holds: Iterable[Hold]) -> None:
    """Waits for all of them and holds them to the end of the transaction. Conflict when two transactions wait for each other."""
    wanted = set(holds)
    whole = {kind for kind, value in wanted if value is None}
    if len(wanted) - len(whole) > MAX_VALUES:
        whole = {kind for kind, _ in wanted}
    rows = [{"key": _key(kind, ""), "shared": kind not in whole} for kind in {kind for kind, _ in wanted}]
    rows += [{"key": _key(kind, value), "shared": False} for kind, value in wanted if value is not None and kind not in whole]
    if not rows:
        return
    try:
        await QUERIES.hold_keys(conn, holds=msgspec.json.encode(rows).decode())
    except DeadlockDetected as fault:
        raise _busy() from fault


async def hold_row(conn: Connection, kind: str, id: str, *, scope: Scope) -> int | None:
    """Waits for other writers of a resource and holds it; its version, None when there is none in the scope."""
    if not ids.legal(id):
        return None
    statement = QUERIES.text("hold_row").replace("{row}", scope.sql("r")).encode()
    parameters: dict[str, Any] = {"rt": ids.number(kind), "id": ids.key(id), **scope.params}
    try:
        row = await (await conn.execute(statement, parameters)).fetchone()
    except DeadlockDetected as fault:
        raise _busy() from fault
    return row["version"] if row else None


async def hold_rows(conn: Connection, names: Sequence[tuple[str, str]], *, scope: Scope) -> set[tuple[str, str]]:
    """Waits for other writers of these resources (type and id) and holds them; those that are there, in the scope."""
    types, keys = [ids.number(kind) for kind, _ in names], [ids.key(id) for _, id in names]
    statement = QUERIES.text("hold_rows").replace("{row}", scope.sql("r")).encode()
    try:
        rows = await (await conn.execute(statement, {"types": types, "ids": keys, **scope.params})).fetchall()
    except DeadlockDetected as fault:
        raise _busy() from fault
    return {names[row["place"] - 1] for row in rows}


def _busy() -> Conflict:
    return Conflict("another writer changes the same resources at the same time: try again")


def _key(kind: str, value: str) -> int:
    return hash64(f"hold|{kind}|{value}")


def _values(text: str) -> list[str]:
    """The values of `system|value,…` without their systems; an empty one is any of a system."""
    try:
        return [unescape(split(part, "|")[-1]) for part in split(text, ",")]
    except Invalid:
        return [""]  # the search itself refuses it


def _identifiers(resource: Resource | None) -> set[str]:
    found = (resource or {}).get("identifier", [])
    listed = found if isinstance(found, list) else [found]
    values = (one.get("value") for one in listed if isinstance(one, dict))
    return {value for value in values if isinstance(value, str)}
