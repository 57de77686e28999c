"""Who is away and who stands in for them: what is given to the one is put before the other for that time, within the other's own rights."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.db import load_queries
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination.service.colleagues import Somebody, colleagues
from maillage.ui.words import care_date

QUERIES = load_queries("maillage.services.coordination")


async def substitutes(ctx: Context, people: Iterable[str]) -> dict[str, str]:
    """Of these people ("Practitioner/3") those who are away today, with who stands in for them."""
    wanted = sorted({one for one in people if one.startswith("Practitioner/")})
    if not wanted:
        return {}
    rows = await ctx.run(QUERIES.away, people=wanted, day=ctx.now.astimezone(PARIS).date())
    return {row["person"]: row["substitute"] for row in rows}


async def replaced(ctx: Context) -> list[str]:
    """Those for whom whoever acts stands in today."""
    if not ctx.actor.reference:
        return []
    rows = await ctx.run(QUERIES.replaced_by, substitute=ctx.actor.reference, day=ctx.now.astimezone(PARIS).date())
    return sorted({row["person"] for row in rows})


async def say(ctx: Context, *, since: date, until: date, substitute: str | None) -> None:
    """Whoever acts is away on these days; `substitute` is a colleague of the same organisation, Invalid otherwise."""
    ctx.require(Permission.TASK_WRITE)
    if not ctx.actor.reference:
        raise Forbidden("who is in no directory has no absence")
    if until < since or until < ctx.now.astimezone(PARIS).date():
        raise Invalid.at("until", "Le dernier jour vient après le premier, et n’est pas passé")
    known = {one.reference for one in await colleagues(ctx)} - {ctx.actor.reference}
    if substitute is not None and (substitute not in known or not substitute.startswith("Practitioner/")):
        raise Invalid.at("substitute", "Choisissez quelqu’un de votre équipe")
    me = ctx.actor.reference
    await ctx.run(
        QUERIES.say_away, id=uuid4(), person=me, since=since, until=until, substitute=substitute, said_by=me, said=ctx.now
    )


async def take_back(ctx: Context, *, absence: str) -> None:
    """Whoever acts is not away after all. NotFound for what names no absence."""
    ctx.require(Permission.TASK_WRITE)
    try:
        id = UUID(absence)
    except ValueError:
        raise NotFound("no such absence") from None
    await ctx.run(QUERIES.not_away, id=id, person=ctx.actor.reference)


async def coming(ctx: Context, people: Iterable[str]) -> list[dict[str, Any]]:
    """The absences of these people that are not over, the first first: id, person, since, until, substitute."""
    return list(await ctx.run(QUERIES.coming_absences, people=sorted(set(people)), day=ctx.now.astimezone(PARIS).date()))


async def told(ctx: Context, people: Sequence[Somebody]) -> list[Somebody]:
    """These people as one chooses among them: who is away soon has it beside their name, with the days."""
    away: dict[str, list[str]] = {}
    for row in await coming(ctx, (one.reference for one in people)):
        away.setdefault(row["person"], []).append(f"du {care_date(row['since'])} au {care_date(row['until'])}")
    return [
        replace(one, words=", ".join(filter(None, (one.words, f"en absence {' et '.join(away[one.reference][:2])}"))))
        if one.reference in away
        else one
        for one in people
    ]
