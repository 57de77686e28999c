"""Reading by id: the current version, one version, the history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from maillage.db import Connection, fetch, load_queries
from maillage.errors import Gone, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Operation, Stored
from maillage.fhir.past import Past, foreign_cursor
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")
_OPERATIONS = {"c": Operation.CREATE, "u": Operation.UPDATE, "d": Operation.DELETE}
EVERY = Past()
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_ID = b'"id":"'
HEAD = 200
"""Characters of a stored text that hold its id: it stands second."""
_NEWEST: dict[str, Any] = {"before": 2**31 - 1, "at": LAST, "seq": 2**63 - 1}
_BY_TIME = "v.at desc, v.seq desc"


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Versions, newest first; `next` is the cursor of the page after, `total` how many there are where asked."""

    versions: list[Stored]
    next: str | None
    total: int | None


async def read(conn: Connection, kind: str, id: str, *, scope: Scope) -> Stored:
    """The current version. Deleted is Gone; unknown or out of scope is NotFound."""
    number, key = place(kind, id)
    rows = await fetch(conn, _text("read", scope.sql("r")), {"rt": number, "id": key, **scope.params}, binary=True)
    if not rows:
        raise await absence(conn, kind, id, scope)
    return current(kind, id, rows[0])


async def vread(conn: Connection, kind: str, id: str, version: int, *, scope: Scope) -> Stored:
    """One version, also of a deleted resource. The version that deleted it is Gone."""
    number, key = place(kind, id)
    parameters = {"rt": number, "id": key, "version": version, **scope.params}
    cursor = await conn.execute(QUERIES.text("vread").replace("{seen}", _seen(scope)).encode(), parameters)
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"{kind}/{id} has no version {version}")
    if row["op"] == "d":
        raise Gone(f"{kind}/{id} was deleted by version {version}")
    return _version(kind, id, row)


async def was_deleted(conn: Connection, kind: str, id: str, *, scope: Scope) -> bool:
    """Whether what is not there was there once, for whoever may know it."""
    return isinstance(await absence(conn, kind, id, scope), Gone)


async def history(
    conn: Connection, *, kind: str | None = None, id: str | None = None, scope: Scope, past: Past = EVERY
) -> HistoryPage:  # fmt: skip
    """The versions of one resource, of a type, or of all, newest first."""
    statement, parameters = _asked(kind, id, scope, past)
    if past.cursor:
        parameters |= _after(past.cursor)
    found = await (await conn.execute(statement("history"), parameters)).fetchall()
    if id and not found and past == replace(EVERY, count=past.count, total=past.total):
        raise NotFound(f"{kind}/{id} is not known")
    page = [
        _version(ids.kind(row["rt"]), id or text_id((row["body"] or row["was"])[:HEAD].encode()), row)
        for row in found[: past.count]
    ]
    counted = await _counted(conn, statement("history_count"), {**parameters, **_NEWEST}) if past.total else None
    return HistoryPage(page, _place_of(found[past.count - 1]) if len(found) > past.count else None, counted)


async def histories(conn: Connection, names: Sequence[tuple[str, str]], *, count: int, scope: Scope) -> list[Stored]:
    """The newest versions of each of these resources (type, id), at most so many of each, in their order; in one statement. Of one that is not known, none."""
    if not names:
        return []
    keys = [place(kind, id) for kind, id in names]
    one = _history("history", scope, "of_named", "v.version desc", "any_time")
    statement = QUERIES.text("history_of_each").encode().replace(b"{history}", one)
    parameters = {"rts": [rt for rt, _ in keys], "ids": [id for _, id in keys], "limit": count, "since": FIRST, **scope.params}
    found = await (await conn.execute(statement, parameters)).fetchall()
    known = dict(zip(keys, names, strict=True))
    return [_version(kind, id, row) for row in found for kind, id in [known[row["rt"], row["id"]]]]


def _asked(kind: str | None, id: str | None, scope: Scope, past: Past) -> tuple[Callable[[str], bytes], dict[str, Any]]:
    """The statement of a history by the name of its query, and its parameters."""
    first, until = past.at or (FIRST, LAST)
    parameters = {
        **_NEWEST,
        **scope.params,
        "limit": past.count + 1,
        "since": past.since or FIRST,
        "first": first,
        "until": until,
    }
    current = "was_current" if past.at else "any_time"
    if kind is None:
        parameters["types"] = list(range(1, len(ids.TYPES) + 1))
        return lambda name: _each_type(name, _history(name, scope, "of_each", _BY_TIME, current)), parameters
    parameters["rt"] = ids.number(kind)
    if id is None:
        return lambda name: _history(name, scope, "of_type", _BY_TIME, current), parameters
    parameters["id"] = place(kind, id)[1]
    return lambda name: _history(name, scope, "of_resource", "v.version desc", current), parameters


def text_id(text: bytes) -> str:
    """The id of a resource, from the head of its stored text."""
    start = text.index(_ID) + len(_ID)
    return text[start : text.index(b'"', start)].decode()


def stored(row: dict[str, Any]) -> Stored:
    """A current version, from the columns of its row; its text in bytes."""
    body = row["body"]
    return Stored(ids.kind(row["rt"]), text_id(body), row["version"], row["updated"], row["patient"], Operation.UPDATE, body)


def current(kind: str, id: str, row: dict[str, Any]) -> Stored:
    """The current version of what was asked for by its id, from the columns of its row; its text in bytes."""
    return Stored(kind, id, row["version"], row["updated"], row["patient"], Operation.UPDATE, row["body"])


def place(kind: str, id: str) -> tuple[int, UUID]:
    """The key of a resource. NotFound for what cannot be an id."""
    if not ids.legal(id):
        raise NotFound(f"{kind}/{id} is not known")
    return ids.number(kind), ids.key(id)


async def absence(conn: Connection, kind: str, id: str, scope: Scope) -> NotFound | Gone:
    """Why there is no current version to see."""
    number, key = place(kind, id)
    cursor = await conn.execute(_text("trace", scope.sql("v")), {"rt": number, "id": key, **scope.params})
    row = await cursor.fetchone()
    if row and row["erased"] and row["seen"]:
        return Gone(f"{kind}/{id} was erased: nothing of it is kept")
    if row and row["op"] == "d" and row["seen"]:
        return Gone(f"{kind}/{id} was deleted by version {row['version']}")
    return NotFound(f"{kind}/{id} is not known")


@lru_cache(maxsize=256)
def _text(name: str, row: str) -> bytes:
    return QUERIES.text(name).replace("{row}", row).encode()


def _seen(scope: Scope) -> str:
    if scope.unlimited:
        return "true"
    text = QUERIES.text("history_seen").replace("{row}", scope.sql("v"))
    return text.replace("{current}", scope.sql("c")).replace("{last}", scope.sql("l"))


def _history(name: str, scope: Scope, which: str, order: str, current: str) -> bytes:
    text = QUERIES.text(name).replace("{which}", QUERIES.text(which)).replace("{current}", QUERIES.text(current))
    return text.replace("{seen}", _seen(scope)).replace("{order}", order).encode()


def _each_type(name: str, history: bytes) -> bytes:
    """The history of everything: the newest of each type, merged, so that no index of the whole log is needed."""
    return QUERIES.text(f"{name}_of_all").encode().replace(b"{history}", history)


def _version(kind: str, id: str, row: dict[str, Any]) -> Stored:
    body = None if row["op"] == "d" else row["body"].encode()
    return Stored(kind, id, row["version"], row["updated"], row["patient"], _OPERATIONS[row["op"]], body)


async def _counted(conn: Connection, statement: bytes, parameters: dict[str, Any]) -> int:
    row = await (await conn.execute(statement, parameters)).fetchone()
    return int(next(iter(row.values()))) if row else 0


def _place_of(row: dict[str, Any]) -> str:
    return f"{row['version']}~{row['updated'].isoformat()}~{row['seq']}"


def _after(cursor: str) -> dict[str, Any]:
    try:
        version, at, seq = cursor.split("~")
        place: dict[str, Any] = {"before": int(version), "at": datetime.fromisoformat(at).astimezone(UTC), "seq": int(seq)}
    except (ValueError, OverflowError):
        raise foreign_cursor("history") from None
    if not (0 <= place["before"] <= _NEWEST["before"] and 0 <= place["seq"] <= _NEWEST["seq"]):
        raise foreign_cursor("history")
    return place
