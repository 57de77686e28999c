"""Writing: any mix of changes as one statement, all or none."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from psycopg.errors import DeadlockDetected, ProgramLimitExceeded, SerializationFailure, UniqueViolation, UntranslatableCharacter

from maillage.db import Connection, load_queries
from maillage.errors import Conflict, Forbidden, Invalid, Issue, MaillageError, NotFound, PreconditionFailed
from maillage.fhir import ids
from maillage.fhir.change import Change, Operation, Stored, Verb, instant
from maillage.fhir.rows import Rows, rows_of
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")
_PATIENT = ids.number("Patient")
_PATIENCE = 20


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
    creations = all(change.verb is Verb.CREATE for change in changes)
    statement = _statement("create" if creations else "write", scope.sql("r"), scope.sql("n"), scope.sql("l"))
    parameters = {"rows": _json(written), "patient_type": _PATIENT, **scope.params}
    try:
        outcomes = await _run(conn, statement, parameters)
    except UniqueViolation as fault:
        raise Conflict("an id of this write is taken already") from fault
    except (DeadlockDetected, SerializationFailure) as fault:
        raise Conflict("another writer changed the same resources at the same time: try again") from fault
    except ProgramLimitExceeded as fault:
        raise Invalid("the texts by which a resource can be found are longer than can be kept") from fault
    except UntranslatableCharacter as fault:
        raise Invalid("a text holds the character U+0000, which cannot be stored") from fault
    _refuse_failed(changes, written, outcomes)
    return [_stored(rows, outcome) for rows, outcome in zip(written, outcomes, strict=True)]


async def _run(conn: Connection, statement: bytes, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs the statement until it has seen the latest state of the rows that it locked: twice, unless writers queue up."""
    for _ in range(_PATIENCE):
        outcomes = await (await conn.execute(statement, parameters, prepare=True)).fetchall()
        if all(outcome["verdict"] != "moved" for outcome in outcomes):
            return outcomes
    raise Conflict("other writers change the same resources all the time: try again")


@lru_cache(maxsize=256)
def _statement(name: str, old: str, new: str, last: str) -> bytes:
    text = QUERIES.text(name).replace("{found_by}", QUERIES.text("found_by")).replace("{words}", QUERIES.text("words"))
    return text.replace("{old}", old).replace("{new}", new).replace("{last}", last).encode()


def _json(written: Sequence[Rows]) -> str:
    rows = [{"i": i, **one.row, "edges": one.edges, "dated": one.dated, "amounts": one.amounts} for i, one in enumerate(written)]
    return msgspec.json.encode(rows).decode()


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
        case "erased":
            error, message = Conflict, f"{name} was erased: nothing is written under its id again"
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
