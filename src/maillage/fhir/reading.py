"""Reading by id: the current version, one version, the history."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from maillage.db import Connection, load_queries
from maillage.errors import Gone, Invalid, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Operation, Stored
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")
_OPERATIONS = {"c": Operation.CREATE, "u": Operation.UPDATE, "d": Operation.DELETE}
_ID = '"id":"'
_NEWEST = {"before": 2**31 - 1, "at": datetime.max.replace(tzinfo=UTC), "seq": 2**63 - 1, "xid": str(2**63 - 1)}


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Versions, newest first; `next` is the cursor of the page after, `total` how many there are where asked."""

    versions: list[Stored]
    next: str | None
    total: int | None


async def read(conn: Connection, kind: str, id: str, *, scope: Scope) -> Stored:
    """The current version. Deleted is Gone; unknown or out of scope is NotFound."""
    number, key = _place(kind, id)
    cursor = await conn.execute(_text("read", scope.sql("r")), {"rt": number, "id": key, **scope.params}, prepare=True)
    row = await cursor.fetchone()
    if row is None:
        raise await _absence(conn, kind, id, scope)
    return Stored(kind, id, row["version"], row["updated"], row["patient"], Operation.UPDATE, row["body"].encode())


async def vread(conn: Connection, kind: str, id: str, version: int, *, scope: Scope) -> Stored:
    """One version, also of a deleted resource. The version that deleted it is Gone."""
    number, key = _place(kind, id)
    parameters = {"rt": number, "id": key, "version": version, **scope.params}
    cursor = await conn.execute(_versions("vread", scope), parameters)
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"{kind}/{id} has no version {version}")
    if row["op"] == "d":
        raise Gone(f"{kind}/{id} was deleted by version {version}")
    return _version(kind, id, row)


async def history(
    conn: Connection, *, kind: str | None = None, id: str | None = None, scope: Scope,
    count: int = 50, cursor: str | None = None, since: datetime | None = None, total: bool = False,
) -> HistoryPage:  # fmt: skip
    """The versions of one resource, of a type, or of all, newest first."""
    parameters: dict[str, Any] = {
        **_NEWEST,
        **scope.params,
        "limit": count + 1,
        "since": since or datetime.min.replace(tzinfo=UTC),
    }
    which, order = "of_all", "v.xid desc, v.seq desc"
    if kind:
        parameters["rt"], which, order = ids.number(kind), "of_type", "v.at desc, v.seq desc"
    if kind and id:
        parameters["id"], which, order = _place(kind, id)[1], "of_resource", "v.version desc"
    whole = parameters if total and cursor is None else None
    if cursor:
        parameters = {**parameters, **_after(cursor)}
    found = await (await conn.execute(_versions("history", scope, which, order), parameters)).fetchall()
    if id and not found and cursor is None and since is None:
        raise NotFound(f"{kind}/{id} is not known")
    page = [_version(ids.kind(row["rt"]), id or text_id(row["id"], row["body"] or row["was"]), row) for row in found[:count]]
    counted = await _counted(conn, _versions("history_count", scope, which), whole) if whole else None
    return HistoryPage(page, _place_of(found[count - 1]) if len(found) > count else None, counted)


def text_id(key: UUID, text: str) -> str:
    """The id of a resource from its key, or from the head of its text when the key is a hash of the id."""
    if not ids.hashed(key):
        return str(key)
    start = text.index(_ID) + len(_ID)
    return text[start : text.index('"', start)]


def stored(row: dict[str, Any]) -> Stored:
    """A current version, from the columns of its row."""
    id = text_id(row["id"], row["body"])
    return Stored(ids.kind(row["rt"]), id, row["version"], row["updated"], row["patient"], Operation.UPDATE, row["body"].encode())


def _place(kind: str, id: str) -> tuple[int, UUID]:
    if not ids.legal(id):
        raise NotFound(f"{kind}/{id} is not known")
    return ids.number(kind), ids.key(id)


async def _absence(conn: Connection, kind: str, id: str, scope: Scope) -> NotFound | Gone:
    number, key = _place(kind, id)
    cursor = await conn.execute(_text("trace", scope.sql("v")), {"rt": number, "id": key, **scope.params})
    row = await cursor.fetchone()
    if row and row["op"] == "d" and row["seen"]:
        return Gone(f"{kind}/{id} was deleted by version {row['version']}")
    return NotFound(f"{kind}/{id} is not known")


@lru_cache(maxsize=256)
def _text(name: str, row: str) -> bytes:
    return QUERIES.text(name).replace("{row}", row).encode()


def _versions(name: str, scope: Scope, which: str = "", order: str = "") -> bytes:
    seen = "true" if scope.unlimited else (
        QUERIES.text("history_seen").replace("{row}", scope.sql("v")).replace("{current}", scope.sql("c")).replace("{last}", scope.sql("l"))
    )  # fmt: skip
    text = QUERIES.text(name).replace("{seen}", seen).replace("{order}", order)
    return (text.replace("{which}", QUERIES.text(which)) if which else text).encode()


def _version(kind: str, id: str, row: dict[str, Any]) -> Stored:
    body = None if row["op"] == "d" else row["body"].encode()
    return Stored(kind, id, row["version"], row["updated"], row["patient"], _OPERATIONS[row["op"]], body)


async def _counted(conn: Connection, statement: bytes, parameters: dict[str, Any]) -> int:
    row = await (await conn.execute(statement, parameters)).fetchone()
    return int(next(iter(row.values()))) if row else 0


def _place_of(row: dict[str, Any]) -> str:
    return f"{row['version']}~{row['updated'].isoformat()}~{row['seq']}~{row['xid']}"


def _after(cursor: str) -> dict[str, Any]:
    try:
        version, at, seq, xid = cursor.split("~")
        return {"before": int(version), "at": datetime.fromisoformat(at), "seq": int(seq), "xid": str(int(xid))}
    except ValueError:
        raise Invalid("this history cursor is not one of ours", issues=()) from None
