"""What a steward reads before deciding: the queue, one case side by side with the records it may be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Gone, NotFound
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.comparison import Compared, compare, score
from maillage.services.identity.rules.ins import Ins
from maillage.services.identity.rules.matching import Reason
from maillage.services.identity.rules.status import IdentityStatus
from maillage.services.identity.rules.traits import Traits, normal
from maillage.services.identity.service.people import QUERIES

PAGE = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One case of the queue."""

    id: int
    name: str
    birth_date: str
    reason: Reason
    origin: str
    opened: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of the queue, oldest first; `waiting` counts all."""

    lines: list[Line]
    waiting: int
    start: int

    @property
    def next_start(self) -> int | None:
        following = self.start + len(self.lines)
        return following if following < self.waiting else None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two identities: the Patient, its traits, INS, status, regional number and the facility's number."""

    patient: str
    traits: Traits
    ins: Ins | None
    status: IdentityStatus
    number: str
    facility_number: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A record the identity may be: trait by trait, and the probability that both are one person."""

    record: Side
    lines: tuple[Compared, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Case:
    """One case as a steward sees it. `place` is its rank among those that wait, None once decided."""

    id: int
    reason: Reason
    origin: str
    opened: datetime
    state: str
    place: int | None
    waiting: int
    previous: int | None
    next: int | None
    source: Side
    messages: int
    comparisons: list[Comparison]

    @property
    def best(self) -> Comparison | None:
        return self.comparisons[0] if self.comparisons else None


async def queue(ctx: Context, *, start: int = 0) -> Queue:
    """The open cases from a place on."""
    ctx.require(Permission.IDENTITY_STEWARD)
    rows = await ctx.run(QUERIES.queue, count=PAGE, start=start)
    lines = [
        Line(
            row["id"],
            f"{row['birth_name']} {row['given_names'].title()}".strip(),
            row["birth_date"],
            Reason(row["reason"]),
            row["origin"],
            row["opened"],
        )
        for row in rows
    ]
    return Queue(lines, rows[0]["waiting"] if rows else 0, start)


async def review(ctx: Context, *, case_id: int) -> Case:
    """The case with the records to compare, the likeliest first. NotFound when there is no such case."""
    ctx.require(Permission.IDENTITY_STEWARD)
    row = await ctx.run(QUERIES.case_to_read, id=case_id)
    if row is None:
        raise NotFound(f"no case {case_id}")
    source = await ctx.records.read("Patient", row["patient"])
    records = await _records(ctx, source, row["near"])
    mine = side_of(source)
    comparisons = sorted((_compared(side_of(record), mine) for record in records), key=lambda one: -one.score)
    return Case(
        id=row["id"],
        reason=Reason(row["reason"]),
        origin=row["origin"],
        opened=row["opened"],
        state=row["state"],
        place=row["place"],
        waiting=row["waiting"],
        previous=row["previous"],
        next=row["next"],
        source=mine,
        messages=row["messages"],
        comparisons=comparisons,
    )


async def next_to_treat(ctx: Context) -> int | None:
    """The oldest open case, or None."""
    found: int | None = await ctx.run(QUERIES.oldest_open)
    return found


def side_of(patient: dict[str, Any]) -> Side:
    """What the comparison shows of a Patient."""
    local = [identifier.value for identifier in patients.identifiers_of(patient)]
    number = patients.regional_number(patient)
    return Side(
        patient=patient["id"],
        traits=patients.traits_of(patient),
        ins=patients.ins_of(patient),
        status=patients.status(patient),
        number=number,
        facility_number=next((value for value in local if value != number), ""),
    )


def _compared(record: Side, source: Side) -> Comparison:
    lines = compare(record.traits, source.traits, our_ins=record.ins, their_ins=source.ins)
    return Comparison(record, lines, score(lines))


async def _records(ctx: Context, source: dict[str, Any], near: list[str]) -> list[dict[str, Any]]:
    """The people named by the case, then the records that look alike, each once."""
    said, ins = normal(patients.traits_of(source)), patients.ins_of(source)
    rows = await ctx.run(
        QUERIES.records_alike,
        patient=source["id"],
        matricule=ins.matricule if ins else None,
        birth_date=said.birth_date,
        birth_name=said.birth_name,
        first_given=said.first_given,
    )
    wanted = dict.fromkeys([*near, *(row["patient"] for row in rows)])
    found = []
    for patient in wanted:
        try:
            stored = await ctx.records.read("Patient", patient)
        except (NotFound, Gone):
            continue
        if patients.is_regional(stored):
            found.append(stored)
    return found
