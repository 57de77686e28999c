"""Whether somebody who let a software act for them still is who they were: asked of the directory each time the software goes on."""

from datetime import datetime
from typing import Any

from maillage.access.access import Access
from maillage.access.actors import Actor, job_actor
from maillage.access.context import Context
from maillage.errors import Gone, NotFound
from maillage.fhir.dates import span

CHECKING = job_actor("software/standing")


async def still_stands(access: Access, actor: Actor) -> bool:
    """Whether the resource that stands for them is there and active, and so is the place they worked in, or the help that they give."""
    async with access.act(CHECKING, read_only=True) as ctx:
        own = await _read(ctx, actor.reference)
        if own is None or not _counts(own, ctx.now):
            return False
        if actor.situation is None:
            return True
        place = await _read(ctx, actor.situation)
        return place is not None and _counts(place, ctx.now) and _reference(place, "practitioner") == actor.reference


async def _read(ctx: Context, reference: str | None) -> dict[str, Any] | None:
    kind, _, id = (reference or "").partition("/")
    if not id:
        return None
    try:
        return await ctx.records.read(kind, id)
    except (NotFound, Gone):
        return None


def _counts(resource: dict[str, Any], now: datetime) -> bool:
    end = resource.get("period", {}).get("end")
    return resource.get("active", True) is not False and (end is None or span(end)[1] > now)


def _reference(resource: dict[str, Any], name: str) -> str:
    return str(resource.get(name, {}).get("reference", ""))
