"""Writing: any mix of changes as one statement, all or none."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation

from maillage.db import Connection, load_queries
from maillage.errors import Conflict, Forbidden, Issue, MaillageError, NotFound, PreconditionFailed
from maillage.fhir import ids
from maillage.fhir.change import Change, Operation, Stored, Verb, instant
from maillage.fhir.rows import Rows, rows_of
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")
_PATIENT = ids.number("Patient")


async def write(conn: Connection, changes: Sequence[Change], *, scope: Scope) -> list[Stored]:
    """Writes all changes or none, in one statement; answers the stored versions in the order of the changes.

    A stored row outside the scope, or none where one must be, is NotFound; a new row for a patient outside it Forbidden (a Patient
    created by the same write opens its own compartment); another version than the expected one PreconditionFailed; an id that is
    taken, a resource twice in one write or a collision with another writer Conflict. Issues say `change[i]`.
    """
    if not changes:
        return []
    written = [rows_of(change) for change in changes]
    _refuse_twice(written)
    parameters = {**_parameters(written), "patient_type": _PATIENT, **scope.params}
    try:
        cursor = await conn.execute(_statement(scope), parameters, prepare=True)
        outcomes = await cursor.fetchall()
    except UniqueViolation as fault:
        raise Conflict("an id of this write is taken already") from fault
    except (DeadlockDetected, SerializationFailure) as fault:
        raise Conflict("another writer changed the same resources at the same time: try again") from fault
    _refuse_failed(changes, written, outcomes)
    return [_stored(rows, outcome) for rows, outcome in zip(written, outcomes, strict=True)]


def _statement(scope: Scope) -> bytes:
    return _statement_for(scope.sql("r"), scope.sql("n"))


@lru_cache(maxsize=256)
def _statement_for(old: str, new: str) -> bytes:
    return QUERIES.text("write").replace("{old}", old).replace("{new}", new).encode()


def _parameters(written: Sequence[Rows]) -> dict[str, str]:
    rows, edges, dated = [], [], []
    for i, one in enumerate(written):
        rows.append({"i": i, **one.row})
        edges += [{"i": i, **edge} for edge in one.edges]
        dated += [{"i": i, **pair} for pair in one.dated]
    return {name: msgspec.json.encode(value).decode() for name, value in (("rows", rows), ("edges", edges), ("dated", dated))}


def _refuse_twice(written: Sequence[Rows]) -> None:
    seen: dict[tuple[int, str], int] = {}
    for i, one in enumerate(written):
        first = seen.setdefault((one.row["rt"], one.row["id"]), i)
        if first != i:
            message = f"{one.type}/{one.id} is changed twice in one write (change[{first}] and change[{i}])"
            raise Conflict(message, issues=[Issue("conflict", message, f"change[{i}]")])


def _refuse_failed(changes: Sequence[Change], written: Sequence[Rows], outcomes: Sequence[dict[str, Any]]) -> None:
    for i, (change, rows, outcome) in enumerate(zip(changes, written, outcomes, strict=True)):
        if outcome["verdict"] != "done":
            raise _refusal(outcome, change, rows, f"change[{i}]")


def _refusal(outcome: dict[str, Any], change: Change, rows: Rows, place: str) -> MaillageError:
    name = f"{rows.type}/{rows.id}"
    error: type[MaillageError]
    match outcome["verdict"]:
        case "stale":
            error, current = PreconditionFailed, outcome["before"] or "none"
            message = f"{name} is at version {current}, not {change.expected}: read it again before writing"
        case "outside":
            error, message = Forbidden, f"{name} belongs to a patient that this writer may not write for"
        case _:
            error, message = NotFound, f"{name} is not known"
    return error(message, issues=[Issue(error.code, message, place)])


def _stored(rows: Rows, outcome: dict[str, Any]) -> Stored:
    version, at = outcome["version"], outcome["at"]
    if rows.row["verb"] == Verb.DELETE:
        return Stored(rows.type, rows.id, version, at, outcome["left_patient"], Operation.DELETE, None)
    operation = Operation.CREATE if outcome["before"] is None else Operation.UPDATE
    patient = rows.row["patient"]
    return Stored(
        rows.type, rows.id, version, at, UUID(patient) if patient else None, operation, body(rows, version, at).encode()
    )


def body(rows: Rows, version: int, at: datetime) -> str:
    """The text of `res.body`, as the write statement makes it."""
    return f'{rows.row["head"]}{version}","lastUpdated":"{instant(at)}{rows.row["tail"]}'
