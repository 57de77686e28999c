"""What stands in the records of patients: the newest of some types, one thread of several, what was written since a place in the log."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from maillage.db import Connection, fetch, load_queries
from maillage.errors import Invalid
from maillage.fhir import definitions, ids
from maillage.fhir.change import Operation, Stored
from maillage.fhir.reading import stored, text_id
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
NOWHERE = UUID(int=2**128 - 1)
VERSIONS = 400
"""Writes of one record that are looked at, where more came since."""
FAR = "18446744073709551615"
"""A horizon that no transaction reaches."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the log: the instant at which it was read, and the oldest transaction that was under way then."""

    at: datetime
    horizon: str = FAR

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.horizon}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """The place that a page gave. Invalid for anything else."""
        at, _, horizon = text.partition("~")
        try:
            place = cls(datetime.fromisoformat(at).astimezone(UTC), horizon)
        except (ValueError, OverflowError):
            raise Invalid("this is no place in the log") from None
        if not (horizon.isascii() and horizon.isdigit() and len(horizon) <= len(FAR) and int(horizon) <= int(FAR)):
            raise Invalid("this is no place in the log")
        return place


@dataclass(frozen=True, slots=True)
class Changed:
    """One resource that was written: how it is now (of operation `delete`: no more) and was before, None where it was not; by which transactions."""

    now: Stored
    before: Stored | None
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Knot:
    """One resource of a thread, and its main date."""

    stored: Stored
    at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a thread: types, the dates between which, before which place (that of a `Knot`), who is named ("Practitioner/12") by which parameters."""

    types: Collection[str]
    count: int
    since: datetime = FIRST
    until: datetime = LAST
    before: str = ""
    people: tuple[str, ...] = ()
    by: tuple[str, ...] = ()


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
    found: dict[str, list[Stored]] = {kind: [] for kind in limits}
    for row in await fetch(conn, _compartment(scope.sql("r")), parameters, binary=True):
        found[ids.kind(row["rt"])].append(stored(row))
    return found


async def thread(conn: Connection, patients: Sequence[str], wanted: Wanted, *, scope: Scope) -> tuple[list[Knot], str]:
    """A page of the thread of these patients' records, the last first, and the place after which the next begins, empty where this was all."""
    at, rt, id = _place(wanted.before)
    parameters: dict[str, Any] = {
        "patients": [ids.key(patient) for patient in patients], "types": [ids.number(kind) for kind in wanted.types],
        "since": wanted.since, "until": wanted.until, "at": at, "rt": rt, "id": id, "most": wanted.count + 1, **scope.params,
    }  # fmt: skip
    if wanted.people:
        named = [one.partition("/") for one in wanted.people]
        parameters |= {
            "kinds": [ids.number(kind) for kind, _, _ in named],
            "people": [ids.key(id) for _, _, id in named],
            "by": [
                ids.edge(kind, code) for kind in wanted.types for code in wanted.by if code in definitions.search_parameters(kind)
            ],
        }
    rows = await fetch(conn, _thread(scope.sql("r"), bool(wanted.people)), parameters, binary=True)
    knots = [Knot(stored(row), row["d0"]) for row in rows[: wanted.count]]
    last = rows[wanted.count - 1] if len(rows) > wanted.count else None
    return knots, f"{last['d0'].isoformat()}~{last['rt']}~{last['id']}" if last else ""


async def changed(
    conn: Connection, patients: Sequence[str], types: Collection[str], *, since: Place, most: int, scope: Scope
) -> tuple[Place, list[Changed]]:  # fmt: skip
    """What was written of these types in these patients' records since a place, the last written first, `most` at most; and the place that is now."""
    parameters = {
        "patients": [ids.key(patient) for patient in patients], "types": [ids.number(kind) for kind in types], "since": since.at,
        "horizon": since.horizon, "versions": VERSIONS, "most": most, **scope.params,
    }  # fmt: skip
    rows = await fetch(conn, _changed(scope.sql("r"), scope.sql("l")), parameters, binary=True)
    return Place(rows[0]["now"], rows[0]["horizon"]), [_change(row) for row in rows if row["rt"] is not None]


def _change(row: dict[str, Any]) -> Changed:
    body, before = row["body"], row["before"]
    kind, id = ids.kind(row["rt"]), text_id(body or before)
    operation = Operation.DELETE if body is None else Operation.UPDATE if before else Operation.CREATE
    now = Stored(kind, id, row["version"], row["updated"], row["patient"], operation, body)
    was = Stored(kind, id, row["version"] - 1, row["updated"], row["patient"], Operation.UPDATE, before) if before else None
    return Changed(now, was, tuple(row["writes"]))


def _place(text: str) -> tuple[datetime, int, UUID]:
    if not text:
        return LAST, 2**15 - 1, NOWHERE
    try:
        at, rt, id = text.split("~")
        found = datetime.fromisoformat(at).astimezone(UTC), int(rt[:5]), UUID(id)
    except (ValueError, OverflowError):
        raise Invalid("this is no place in a thread: begin again at its first page") from None
    if not 0 <= found[1] < 2**15:
        raise Invalid("this is no place in a thread: begin again at its first page")
    return found


@lru_cache(maxsize=64)
def _compartment(seen: str) -> bytes:
    return QUERIES.text("compartment").replace("{seen}", seen).encode()


@lru_cache(maxsize=64)
def _thread(seen: str, people: bool) -> bytes:
    text = QUERIES.text("thread").replace("{named}", QUERIES.text("named_in") if people else "true")
    return text.replace("{seen}", seen).encode()


@lru_cache(maxsize=64)
def _changed(seen: str, left: str) -> bytes:
    return QUERIES.text("changed").replace("{seen}", seen).replace("{left}", left).encode()
