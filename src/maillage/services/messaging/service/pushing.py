"""Browsers on which somebody wants to be told, by their push service, that something waits: never what, never about whom."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.connectors.push import Subscription
from maillage.db import load_queries
from maillage.errors import Forbidden, NotFound
from maillage.fhir.dates import ZONE
from maillage.services.messaging.rules import notices as rules

QUERIES = load_queries("maillage.services.messaging")
MOST = 10
"""Browsers of one person; with one more, the oldest is told no more."""
IDLE = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Device:
    """A browser on which somebody is told, since when."""

    id: str
    words: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Owed:
    """What a browser may be told now: of how many notices, to whom they are, whether one is urgent."""

    id: UUID
    to: Subscription
    person: str
    count: int
    urgent: bool


async def devices(ctx: Context) -> list[Device]:
    """Where whoever acts is told, the newest first."""
    ctx.require(Permission.MESSAGES_READ)
    rows = await ctx.run(QUERIES.pushed_to, person=ctx.actor.reference or "")
    return [Device(str(row["id"]), row["device"], row["since"]) for row in rows]


async def subscribe(ctx: Context, subscription: Subscription, *, device: str) -> None:
    """Whoever acts is told on this browser, and nobody else who was."""
    ctx.require(Permission.MESSAGES_READ)
    if not ctx.actor.reference:
        raise Forbidden(f"{ctx.actor.name} stands for nobody who is told anything")
    await ctx.run(
        QUERIES.keep_push, id=uuid5(NAMESPACE_URL, subscription.endpoint), endpoint=subscription.endpoint, person=ctx.actor.reference,
        browser=subscription.browser, auth=subscription.auth, device=device, now=ctx.now, others=MOST - 1,
    )  # fmt: skip


async def unsubscribe(ctx: Context, device: str) -> None:
    """Whoever acts is told there no more. NotFound for what is no device of theirs."""
    ctx.require(Permission.MESSAGES_READ)
    try:
        known = await ctx.run(QUERIES.drop_push, id=UUID(device), person=ctx.actor.reference or "")
    except ValueError:
        known = 0
    if not known:
        raise NotFound("no such device")


async def owe(ctx: Context, recipients: Iterable[str], *, urgent: bool = False) -> bool:
    """Counts one more notice on the browsers of each of these; true when one may be told at once."""
    owed = [{"recipient": one, "notices": count} for one, count in Counter(recipients).items()]
    if not owed:
        return False
    text = msgspec.json.encode(owed).decode()
    return bool(await ctx.run(QUERIES.owe_push, owed=text, now=ctx.now, urgent=urgent, before=ctx.now - rules.PUSH_EVERY))


async def owed(ctx: Context, *, limit: int) -> list[Owed]:
    """The browsers that may be told now: none more often than `PUSH_EVERY`, nor in quiet hours, unless it is urgent."""
    clock = ctx.now.astimezone(ZONE).time()
    rows = await ctx.run(QUERIES.owed_push, before=ctx.now - rules.PUSH_EVERY, clock=clock, limit=limit)
    return [
        Owed(
            row["id"],
            Subscription(endpoint=row["endpoint"], browser=row["browser"], auth=row["auth"]),
            row["person"],
            row["pending"],
            row["urgent"],
        )
        for row in rows
    ]


async def sent(ctx: Context, one: Owed) -> None:
    """A browser was told; notices posted since are still owed."""
    await ctx.run(QUERIES.push_sent, id=one.id, counted=one.count, now=ctx.now)


async def refused(ctx: Context, one: Owed) -> None:
    """The push service refuses this message for good."""
    await ctx.run(QUERIES.push_refused, id=one.id)


async def forget(ctx: Context, one: Owed) -> None:
    """The push service knows the browser no more: the permission was taken back, or the browser is gone."""
    await ctx.run(QUERIES.forget_push, id=one.id)


async def forget_idle(ctx: Context) -> None:
    """Browsers to which nothing went for a year are of nobody."""
    await ctx.run(QUERIES.forget_idle_push, before=ctx.now - IDLE)
