"""A patient's record: all of it page by page, or the newest of some types."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from maillage.db import Connection, load_queries
from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.change import Operation, Stored
from maillage.fhir.reading import read, text_id
from maillage.fhir.scope import Scope
from maillage.fhir.search import StoredPage

QUERIES = load_queries("maillage.fhir")
_BEFORE_ALL = (0, UUID(int=0))


async def compartment(
    conn: Connection, patients: Sequence[str], limits: Mapping[str, int], *, scope: Scope
) -> dict[str, list[Stored]]:  # fmt: skip
    """The newest resources (by main date) of each named type in these patients' records, at most `limits[type]` a patient and type."""
    parameters = {
        "patients": [ids.key(patient) for patient in patients],
        "types": [ids.number(kind) for kind in limits],
        "limits": list(limits.values()),
        **scope.params,
    }
    cursor = await conn.execute(_compartment(scope.sql("r")), parameters, prepare=True)
    found: dict[str, list[Stored]] = {kind: [] for kind in limits}
    for row in await cursor.fetchall():
        found[ids.kind(row["rt"])].append(_stored(row))
    return found


async def everything(conn: Connection, patient: str, *, scope: Scope, count: int = 500, cursor: str | None = None) -> StoredPage:
    """A page of the record: the Patient and its compartment (`matches`), and what they name outside of any record (`included`).

    An unknown patient is NotFound, a deleted one Gone.
    """
    after = _place(cursor) if cursor else _BEFORE_ALL
    parameters = {"patient": ids.key(patient), "rt": after[0], "id": after[1], "limit": count + 1, **scope.params}
    rows = await (await conn.execute(_everything(scope.sql("r"), scope.sql("x")), parameters, prepare=True)).fetchall()
    own = [row for row in rows if row["own"]]
    if not own and cursor is None:
        return StoredPage([await read(conn, "Patient", patient, scope=scope)])
    shown = own[:count]
    following = f"{shown[-1]['rt']}~{shown[-1]['id']}" if len(own) > count else None
    return StoredPage([_stored(row) for row in shown], [_stored(row) for row in rows if not row["own"]], following)


@lru_cache(maxsize=64)
def _compartment(seen: str) -> bytes:
    return QUERIES.text("compartment").replace("{seen}", seen).encode()


@lru_cache(maxsize=64)
def _everything(r: str, x: str) -> bytes:
    return QUERIES.text("everything").replace("{r}", r).replace("{x}", x).encode()


def _place(cursor: str) -> tuple[int, UUID]:
    try:
        number, _, key = cursor.partition("~")
        return int(number), UUID(key)
    except ValueError:
        raise Invalid("this cursor is not one of ours") from None


def _stored(row: dict[str, Any]) -> Stored:
    text = row["body"]
    return Stored(
        ids.kind(row["rt"]),
        text_id(row["id"], text),
        row["version"],
        row["updated"],
        row["patient"],
        Operation.UPDATE,
        text.encode(),
    )
