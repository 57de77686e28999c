"""Anything else than a document that is put before somebody: asked by the services above, posted by a job that knows who sees what."""

from collections.abc import Iterable, Sequence
from typing import Any

from maillage.access.context import Context
from maillage.http.live import tell
from maillage.services.directory import public as directory
from maillage.services.messaging.events import MatterTold, NoticePosted
from maillage.services.messaging.resources import notice as resources
from maillage.services.messaging.resources.notice import TO_TREAT, TREATED, Matter
from maillage.services.messaging.service.notices import TOPIC, Posted
from maillage.services.messaging.service.telling import NOTHING, owe

TEAMS = "Organization/"
PEOPLE = "Practitioner/"


def notify(
    ctx: Context, *, kind: str, about: str, patient: str, to: Iterable[str], key: str = "", sender: str | None = None
) -> None:
    """Puts `about` ("Task/3") before these recipients in « Nouveautés »: professionals ("Practitioner/4") or teams ("Organization/5").

    `kind` chooses the words (`renders`). The same `kind` and `key` (the reference, where none is given) come before a recipient once, however often they are told.
    It is posted once this transaction is committed, to those who may see what it is about; a team's notice shows to each of them by their own rights.
    """
    recipients = tuple(sorted({one for one in to if one.startswith((PEOPLE, TEAMS))}))
    if recipients:
        sender = sender or ctx.actor.reference
        ctx.announce(MatterTold(asks=kind, about=about, patient=patient, recipients=recipients, key=key or about, sender=sender))


def settle(ctx: Context, *, about: str, kind: str = "") -> None:
    """Nobody need look at `about` any more: its notices (of this kind, where one is named) leave every inbox as treated, once this is committed."""
    ctx.announce(MatterTold(asks=kind, about=about, settled=True))


async def post(ctx: Context, told: MatterTold) -> Posted:
    """Posts what `notify` asked for, to whom has not had it yet. By a job."""
    matter = Matter(kind=told.asks, about=told.about, patient=told.patient, key=told.key, sender=told.sender)
    known = {resources.key_of(notice) for notice in await _notices_about(ctx, told.about)}
    new = [one for one in told.recipients if resources.matter_key(matter, one) not in known]
    people = await directory.professionals(ctx, [one for one in new if one.startswith(PEOPLE)])
    seeing = [one for one in await _who_see(ctx, new, people, told.about) if one != told.sender]
    await ctx.records.write_all(resources.notice_of(matter, recipient=one, at=ctx.now) for one in seeing)
    for one in seeing:
        ctx.announce(NoticePosted(recipient=one, document="", patient=told.patient))
    await tell(ctx, seeing, topic=TOPIC)
    due = await owe(ctx, [people[one] for one in seeing if one in people]) if seeing else NOTHING
    return Posted(seeing, due)


async def treat_settled(ctx: Context, told: MatterTold) -> int:
    """Takes what `settle` named out of every inbox. By a job."""
    open_ = [
        one
        for one in await _notices_about(ctx, told.about)
        if one["status"] == TO_TREAT and (not told.asks or resources.notice_from(one).kind == told.asks)
    ]
    await ctx.records.write_all(resources.with_status(one, TREATED) for one in open_)
    await tell(ctx, [resources.recipient_of(one) for one in open_], topic=TOPIC)
    return len(open_)


async def _who_see(ctx: Context, recipients: Sequence[str], people: dict[str, directory.Member], about: str) -> list[str]:
    """Those who would find it if they looked for it; of a team each member's own rights decide, when they look."""
    kind, _, id = about.partition("/")
    named = [one for one in recipients if one in people]
    seen = await ctx.records.seen_by([(directory.reader(people[one]), kind, id) for one in named])
    may = {one for one, sees in zip(named, seen, strict=True) if sees}
    return [one for one in recipients if one in may or one.startswith(TEAMS)]


async def _notices_about(ctx: Context, about: str) -> list[dict[str, Any]]:
    found = await ctx.records.find("Communication", [("identifier", f"{resources.MATTER_SYSTEM}|{about}"), ("_count", "1000")])
    return [one for one in found if resources.is_notice(one)]
