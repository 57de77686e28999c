"""The officer's search of the trail: page by page, and as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from maillage.access.audit import Position
from maillage.access.audit_search import Wanted
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir.dates import ZONE
from maillage.services.rights.rules.tracing import Asked
from maillage.services.rights.service.visits import names_of

PAGE = 50
EXPORTED = 10_000
"""Lines of one file at most: more are asked for by shorter periods."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Lines newest first, with the names of organisations by reference and the ids of records by key; the cursor of the page after."""

    lines: Sequence[dict[str, Any]]
    organizations: dict[str, str]
    records: dict[UUID, str]
    next: str | None


async def traces(ctx: Context, asked: Asked, *, before: str | None = None, export: bool = False) -> Traces:
    """A page of the lines that are asked for, or as many as a file takes. Forbidden to whoever is no officer; the search is in the trail."""
    ctx.require(Permission.AUDIT_READ)
    events = ctx.records.audit_events
    wanted = await _wanted(ctx, asked)
    lines, after = await events.lines(
        wanted, asked.said, count=EXPORTED if export else PAGE, before=Position.parse(before) if before else None,
        door="export" if export else "traces",
    )  # fmt: skip
    organizations = await names_of(ctx, {reference for line in lines for reference in line["organizations"]})
    records = await events.names_of_records({key for line in lines for key in line["patients"]})
    return Traces(lines, organizations, records, str(after) if after else None)


async def _wanted(ctx: Context, asked: Asked) -> Wanted:
    if asked.places:
        return Wanted(places=list(asked.places))
    begins, ends = (datetime.combine(day, time(), ZONE) for day in (asked.since, asked.until + timedelta(days=1)))
    return Wanted(
        since=begins,
        until=ends,
        references=_one(asked.reference),
        patients=await ctx.records.audit_events.records_called(asked.record) if asked.record else None,
        kinds=_one(asked.kind),
        actions=_one(asked.action),
        outcomes=_one(asked.outcome),
        purposes=_one(asked.purpose),
        name=asked.who or None,
    )


def _one(value: str) -> list[str] | None:
    return [value] if value else None
