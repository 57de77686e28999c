"""Counts documents as they come, and reads the counts for a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.db import load_queries
from maillage.services.steering import rules
from maillage.services.steering.rules import Count, Period, Series

QUERIES = load_queries("maillage.services.steering")
MOST_NAMES = 100


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One document to count: its day, its type code, its establishment (an Organization id, or empty), whether its INS is qualified."""

    document: str
    day: date
    type: str
    organization: str
    qualified: bool
    replacement: bool = False


@dataclass(frozen=True, slots=True)
class Indicators:
    """What the page shows of a period. Groups under 11 are pooled or absent already, numbers under 11 are None;
    `names` are those of establishments by id.
    """

    period: Period
    total: int | None
    qualified: int
    before: int | None
    replacements: int | None
    series: Series
    types: Sequence[Count]
    organizations: Sequence[Count]
    names: dict[str, str]
    months: Sequence[date]


def local_day(at: datetime) -> date:
    """The day on which something happened, in Paris."""
    return at.astimezone(PARIS).date()


async def count(ctx: Context, tallies: Sequence[Tally]) -> None:
    """Counts these documents, each once however often it is told."""
    await ctx.run(QUERIES.count_documents, tallies=msgspec.json.encode(tallies).decode())


async def indicators(ctx: Context, *, period: str = "", organization: str = "") -> Indicators:
    """The counts of a period as `rules.period` names it; of one establishment if given."""
    ctx.require(Permission.INDICATORS_READ)
    of = rules.period(period, local_day(ctx.now))
    days = await ctx.run(QUERIES.by_day, **_of(of), organization=organization)
    before = await ctx.run(QUERIES.by_day, **_of(of.before), organization=organization)
    senders = _counts(await ctx.run(QUERIES.by_organization, **_of(of)))
    shown = rules.without_small(senders)
    total = rules.shown_total(sum(row["documents"] for row in days))
    return Indicators(
        period=of,
        total=total,
        qualified=sum(row["qualified"] for row in days) if total else 0,
        before=rules.shown_total(sum(row["documents"] for row in before)),
        replacements=rules.shown_total(await ctx.run(QUERIES.replacements, **_of(of), organization=organization)),
        series=rules.series({row["day"]: row["documents"] for row in days}, of),
        types=rules.without_small(_counts(await ctx.run(QUERIES.by_type, **_of(of), organization=organization))),
        organizations=shown,
        names=await _names(ctx, [sender.key for sender in shown]),
        months=[row["month"] for row in await ctx.run(QUERIES.months)],
    )


def _of(period: Period) -> dict[str, date]:
    return {"first": period.first, "last": period.last}


def _counts(rows: Iterable[dict[str, object]]) -> list[Count]:
    return [Count(str(row["key"]), int(str(row["documents"])), int(str(row["qualified"]))) for row in rows]


async def _names(ctx: Context, organizations: Sequence[str]) -> dict[str, str]:
    """Names of establishments by id, from the directory."""
    known = [id for id in organizations if id and id != rules.POOLED]
    names: dict[str, str] = {}
    for start in range(0, len(known), MOST_NAMES):
        some = known[start : start + MOST_NAMES]
        found = await ctx.records.find("Organization", {"_id": ",".join(some), "_count": str(len(some))})
        names |= {one["id"]: one.get("name", "") for one in found}
    return names


@forgets
async def forget_names(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """What was counted stays counted, without the name of the document."""
    await ctx.run(QUERIES.forget, documents=[one.id for one in erased if one.type == "DocumentReference"])
    return []
