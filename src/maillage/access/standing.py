"""Whether somebody who let a software act for them still is who they were: asked of the directory each time the software goes on.

Like a membership, it decides and tells nothing of anybody: it is no look at a record, and no line of the trail.
"""

from datetime import datetime
from typing import Any

from maillage.access.actors import Actor
from maillage.access.context import Context
from maillage.access.grants import QUERIES
from maillage.fhir import ids
from maillage.fhir.dates import span


async def still_stands(ctx: Context, actor: Actor) -> bool:
    """Whether the resource that stands for them is there and active, and so is the place they worked in, or the help that they give."""
    if await _active(ctx, actor.reference) is None:
        return False
    if actor.situation is None:
        return True
    place = await _active(ctx, actor.situation)
    return place is not None and place["practitioner"] == actor.reference


async def _active(ctx: Context, reference: str | None) -> dict[str, Any] | None:
    kind, _, id = (reference or "").partition("/")
    row: dict[str, Any] | None = await ctx.run(QUERIES.standing_of, rt=ids.number(kind), id=ids.key(id)) if id else None
    return row if row is not None and _counts(row, ctx.now) else None


def _counts(row: dict[str, Any], now: datetime) -> bool:
    return row["active"] is not False and (row["ends"] is None or span(row["ends"])[1] > now)
