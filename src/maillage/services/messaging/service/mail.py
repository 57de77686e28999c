"""E-mails owed: that there is something to look at, never what."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries
from maillage.fhir.dates import ZONE
from maillage.services.directory import public as directory
from maillage.services.messaging.rules import notices as rules

QUERIES = load_queries("maillage.services.messaging")


async def owe_mail(ctx: Context, members: Iterable[directory.Member], *, urgent: bool = False) -> bool:
    """Counts one more notice for each of these who has an address; true when an e-mail may go at once. What is `urgent` waits for no hour."""
    counted = Counter((member.reference, member.email) for member in members if member.email)
    if not counted:
        return False
    owed = [{"recipient": recipient, "address": address, "notices": count} for (recipient, address), count in counted.items()]
    text = msgspec.json.encode(owed).decode()
    return bool(await ctx.run(QUERIES.owe_mail, owed=text, now=ctx.now, urgent=urgent, before=ctx.now - rules.MAIL_EVERY))


@dataclass(frozen=True, slots=True)
class Owed:
    """An e-mail that may go: to whom, how many notices it counts, since when they wait."""

    recipient: str
    address: str
    count: int
    since: datetime


async def owed_mail(ctx: Context, *, limit: int) -> list[Owed]:
    """The e-mails that may go now: nobody is written to twice in an hour, nor in their quiet hours, unless it is urgent."""
    clock = ctx.now.astimezone(ZONE).time()
    rows = await ctx.run(QUERIES.owed_mail, before=ctx.now - rules.MAIL_EVERY, clock=clock, limit=limit)
    return [Owed(row["recipient"], row["address"], row["pending"], row["since"]) for row in rows]


async def mail_sent(ctx: Context, *, recipient: str, counted: int) -> None:
    """An e-mail went; notices posted since are still owed."""
    await ctx.run(QUERIES.mail_sent, recipient=recipient, counted=counted, now=ctx.now)


async def mail_refused(ctx: Context, *, recipient: str) -> None:
    """The mail server refuses this address for good."""
    await ctx.run(QUERIES.mail_refused, recipient=recipient, now=ctx.now)


@forgets
async def forget_addresses(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Nothing is owed to people whose record is erased. Notices are resources, erased as such."""
    await ctx.run(QUERIES.forget, recipients=[one.name for one in erased if one.type in ("Patient", "RelatedPerson")])
    return []
