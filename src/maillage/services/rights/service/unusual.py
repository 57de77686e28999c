"""What was unusual in the accesses of a day: found by night, decided by the officer."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec

from maillage.access.audit import Action
from maillage.access.audit_days import Rows, Span, key_of
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Invalid, NotFound
from maillage.fhir.dates import ZONE
from maillage.services.rights.rules import unusual
from maillage.services.rights.rules.unusual import Kind, Person, Usual, Verdict
from maillage.services.rights.service.visits import names_of

QUERIES = load_queries("maillage.services.rights")
PAGE = 50
CAUGHT_UP = 7  # days that a job which did not run goes back at most
FEWEST_LETTERS, MOST_LETTERS = 10, 500
NOBODY = Person(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, with the names of organisations by reference; the id after which the next page begins."""

    found: Sequence[Mapping[str, Any]]
    organizations: dict[str, str]
    next: UUID | None


async def look_at_days_past(ctx: Context) -> list[date]:
    """Looks at each whole day (of Paris) since the last that was looked at, yesterday at least; the days."""
    yesterday = ctx.now.astimezone(ZONE).date() - timedelta(days=1)
    last = await ctx.run(QUERIES.last_day) or yesterday - timedelta(days=1)
    first = max(last + timedelta(days=1), yesterday - timedelta(days=CAUGHT_UP - 1))
    days = [first + timedelta(days=n) for n in range((yesterday - first).days + 1)]
    for day in days:
        await _look_at(ctx, day)
    return days


async def _look_at(ctx: Context, day: date) -> None:
    begins, ends = (datetime.combine(one, time(), ZONE) for one in (day, day + timedelta(days=1)))
    span = Span(ctx, begins, ends)
    found = [*await _relations(span), *await _habits(ctx, span), *await _again(span)]
    await ctx.run(QUERIES.note_unusual, day=day, now=ctx.now, found=msgspec.json.encode(found).decode())
    await ctx.run(QUERIES.note_day, day=day, at=ctx.now, unusual=len(found))


async def _relations(span: Span) -> list[dict[str, Any]]:
    """Those who opened the record of a colleague, a neighbour, or somebody of their name."""
    readings = await span.readings()
    patients = await span.traits("Patient", {row["patient"] for row in readings})
    readers = await span.traits("Practitioner", {key_of(row["reference"]) for row in readings})
    known = {key: unusual.person(traits) for key, traits in {**patients, **readers}.items()}
    colleagues = await _colleagues(span, readings)
    found = []
    for row in readings:
        own = {name for one in row["organizations"] for name in colleagues[key_of(one)]}
        reader, read = known.get(key_of(row["reference"]), NOBODY), known.get(row["patient"], NOBODY)
        if kind := unusual.relation(reader, read, own):
            found.append(_told(row, kind, record=patients[row["patient"]]["id"]))
    return found


async def _colleagues(span: Span, readings: Rows) -> dict[UUID, set[tuple[str, str]]]:
    names: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    organizations = {organization for row in readings for organization in row["organizations"]}
    for row in await span.professionals(sorted(organizations)):
        names[row["organization"]] |= unusual.person(row).names
    return names


async def _habits(ctx: Context, span: Span) -> list[dict[str, Any]]:
    """Those who read many more records than they use to, or by night unlike them; and what is usual from now on."""
    of_reader: dict[str, Rows] = defaultdict(list)
    for row in await span.hours():
        of_reader[row["reference"]].append(row)
    rows = await ctx.run(QUERIES.usual_of, references=sorted(of_reader))
    usual = {row["reference"]: Usual(row["days"], row["busiest"], row["nights"]) for row in rows}
    found = [one for reference, hours in of_reader.items() for one in _odd(hours, usual.get(reference, Usual()))]
    after = [
        {"reference": reference}
        | asdict(usual.get(reference, Usual()).after(unusual.best_hour(hours)["records"], night=_by_night(hours)))
        for reference, hours in of_reader.items()
    ]
    await ctx.run(QUERIES.keep_usual, readers=msgspec.json.encode(after).decode())
    return found


def _odd(hours: Rows, usual: Usual) -> Iterator[dict[str, Any]]:
    fullest = unusual.best_hour(hours)
    if unusual.is_mass(fullest["records"], usual):
        yield _told(fullest, Kind.MASS, records=fullest["records"], usual=usual.busiest, days=usual.days)
    nights = [one for one in hours if one["night"]]
    if nights and unusual.is_odd_night(usual):
        first = unusual.best_hour(nights)
        yield _told(first, Kind.NIGHT, records=first["records"])


def _by_night(hours: Rows) -> bool:
    return any(one["night"] for one in hours)


async def _again(span: Span) -> list[dict[str, Any]]:
    return [
        _told(row | {"lines": []}, Kind.AGAIN, record=row["record"], times=row["times"], ended=row["ended"])
        for row in await span.opened_again()
    ]


def _told(row: Mapping[str, Any], kind: Kind, *, record: str | None = None, **facts: Any) -> dict[str, Any]:
    kept = {name: row[name] for name in ("reference", "name", "roles", "organizations", "since", "until", "lines")}
    return kept | {"kind": kind, "record": record, "facts": facts}


async def found(ctx: Context, *, decided: bool, after: str = "") -> Found:
    """A page for the officer: what waits, oldest first, or what was decided. `after` is the id at which the page before ended."""
    ctx.require(Permission.AUDIT_READ)
    ctx.trace(Action.EXECUTE, "AuditEvent", None, query="unusual")
    query = QUERIES.unusual_decided if decided else QUERIES.unusual_waiting
    rows = await ctx.run(query, after=_id(after) if after else None, count=PAGE)
    names = await names_of(ctx, {one for row in rows for one in row["organizations"]})
    return Found(rows, names, rows[-1]["id"] if len(rows) == PAGE else None)


async def decide(ctx: Context, id: str, *, verdict: Verdict, remark: str) -> None:
    """The officer's word on one. NotFound where none of this id waits; Invalid for one to be followed without a remark."""
    ctx.require(Permission.AUDIT_READ)
    remark = " ".join(remark.split())[:MOST_LETTERS]
    if len(remark) < FEWEST_LETTERS:
        raise Invalid.at("remark", f"a decision takes a remark of {FEWEST_LETTERS} letters at least")
    done = await ctx.run(QUERIES.decide_unusual, id=_id(id), verdict=verdict, remark=remark, decider=ctx.actor.name, now=ctx.now)
    if not done:
        raise NotFound(f"nothing unusual of the id {id} waits for a decision")
    ctx.trace(Action.UPDATE, "AuditEvent", id, query=f"unusual={verdict}")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"nothing unusual has the id {text!r}") from None
