"""Erasure (RGPD art. 17): the officer sees what may be erased and what the law keeps, decides; a job erases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from maillage.access import erasures
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.erasing import Erased, Item, forgets
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Conflict, Invalid, NotFound
from maillage.services.rights.events import ErasureDecided
from maillage.services.rights.rules import erasure, requests
from maillage.services.rights.rules.erasure import Part, Proposal
from maillage.services.rights.service.carers import refuse_unless_in_their_name, today
from maillage.services.rights.service.requests import Request, row_of

QUERIES = load_queries("maillage.services.rights")
A_NIGHT = 5_000
"""Records that one night looks at: a region of 640,000 is gone through three times a year, and a night costs the same however large it is."""
PAGE, MOST = 50, 200
BY_RETENTION = "retention"
"""In the place of who asked: nobody did, the record came to the end of its retention."""
PERSONS_AGAIN = 1
"""Years after which a record that an officer keeps is put before them again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request for erasure and what is proposed; `mark` names exactly that, for a decision about what was seen."""

    request: Request
    proposal: Proposal

    @property
    def mark(self) -> str:
        """Changes with what would be erased."""
        return sha256("\n".join(one.name for one in self.proposal.erased).encode()).hexdigest()[:16]


async def proposed(ctx: Context, id: str) -> Seen:
    """What may be erased and what is kept of what a request names. NotFound where there is no such erasure; the trail says that it was looked at."""
    ctx.require(Permission.ERASURE_DECIDE)
    return await _seen(ctx, await _erasure(ctx, id))


async def decide(ctx: Context, id: str, *, erase: bool, words: str, seen: str = "") -> None:
    """The officer's decision: refused, or erased as it was seen (`Seen.mark`), which begins at once and is not taken back.

    Invalid (at `mots`, `vu`) without words for the person, or where something changed since it was looked at; Conflict where it was decided.
    """
    ctx.require(Permission.ERASURE_DECIDE)
    row, words = await _erasure(ctx, id), " ".join(words.split())
    if row["state"] != "open":
        raise Conflict(f"the request {id} was decided")
    if not requests.FEWEST_LETTERS <= len(words) <= requests.MOST_LETTERS:
        raise Invalid.at("mots", f"an answer takes {requests.FEWEST_LETTERS} to {requests.MOST_LETTERS} letters")
    if erase:
        found = await _seen(ctx, row)
        if not found.proposal.erased or found.mark != seen:
            raise Invalid.at("vu", "what would be erased is not what was seen")
        await ctx.run(QUERIES.plan_erasure, request=row["id"], names=[one.name for one in found.proposal.erased])
        ctx.announce(ErasureDecided(request=str(row["id"])))
    elif row["asked_by"] == BY_RETENTION:
        again = erasure.after_years(today(ctx), PERSONS_AGAIN)
        await ctx.run(QUERIES.keep_longer, record=row["record"], until=again, by=ctx.actor.name, words=words)
    state = "erasing" if erase else "refused"
    if not await ctx.run(QUERIES.answer_request, id=row["id"], state=state, answer=words, now=ctx.now, by=ctx.actor.name):
        raise Conflict(f"the request {id} was decided meanwhile")
    ctx.trace(Action.UPDATE, "Task", str(row["id"]), patient=row["record"], query=f"request={state}")


async def carry_out(ctx: Context, id: str, folder: Path) -> None:
    """For the job: erases what was decided, looked at once more, and lists it in `folder`: all of it in this transaction, or nothing. Again changes nothing.

    A whole record to which something was added meanwhile is put before the officer again.
    """
    row = await row_of(ctx, id)
    planned = [f"{one['type']}/{one['id']}" for one in await ctx.run(QUERIES.planned, request=row["id"])]
    if not planned:
        return
    still = {one.name for one in (await _seen(ctx, row)).proposal.erased}
    if any(one.startswith("Patient/") for one in planned) and still != set(planned):
        await _ask_again(ctx, row)
        return
    names = [one for one in planned if one in still]
    erased = await erase_names(ctx, row["record"], names, because=id)
    if await ctx.records.erasing.left_behind(erased):
        raise Conflict(f"something was written into the record of {id} meanwhile")  # the job is run again, and looks again
    await ctx.run(QUERIES.settle_erased, request=row["id"], erased=names)
    await erasures.keep(folder, id, record=row["record"], names=names)


async def erase_names(ctx: Context, record: str, names: Iterable[str], *, because: str) -> list[Erased]:
    """For jobs: erases these resources (references) of a record."""
    pairs = [(kind, id) for kind, _, id in (one.partition("/") for one in names)]
    return await ctx.records.erasing.erase(record, pairs, because=because)


async def end_erasure(ctx: Context, id: str) -> None:
    """For the job: all that was decided is done."""
    await ctx.run(QUERIES.end_erasure, id=UUID(id))


@dataclass(frozen=True, slots=True)
class Writing:
    """Something that the person wrote themself: its reference, what it is, when."""

    name: str
    words: str
    at: str


async def writings(ctx: Context, patient: str) -> list[Writing]:
    """What the person wrote, newest first, for them and who acts in their name."""
    ctx.require(Permission.CHOICES_MAKE, patient=patient)
    await refuse_unless_in_their_name(ctx, patient)
    asked = {"_count": str(MOST), "_sort": "-_lastUpdated"}
    messages = await ctx.records.find("Communication", asked | {"sender": f"Patient/{patient}"})
    answers = await ctx.records.find("QuestionnaireResponse", asked | {"author": f"Patient/{patient}"})
    found = [
        Writing(f"Communication/{one['id']}", "Message", str(one.get("sent") or one["meta"]["lastUpdated"])) for one in messages
    ]
    found += [
        Writing(f"QuestionnaireResponse/{one['id']}", "Questionnaire", str(one.get("authored") or one["meta"]["lastUpdated"]))
        for one in answers
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


async def told(ctx: Context, found: Sequence[Request]) -> dict[UUID, list[dict[str, Any]]]:
    """What became of what was decided for these requests, by type, for those to whom the requests are shown."""
    ids = [one["id"] for one in found if one["kind"] == requests.ERASURE and one["state"] in ("erasing", "erased")]
    rows = await ctx.run(QUERIES.erased_of, requests=ids) if ids else []
    return {id: [row for row in rows if row["request"] == id] for id in ids}


@dataclass(frozen=True, slots=True)
class Ended:
    """A page of records whose retention has ended; the one after which the next page begins."""

    found: Sequence[dict[str, Any]]
    next: str | None


async def retentions_ended(ctx: Context, *, after: str = "") -> Ended:
    """Records that the law keeps no longer, as the nights found them, for the officer."""
    ctx.require(Permission.ERASURE_DECIDE)
    ctx.trace(Action.EXECUTE, "Patient", None, query="retention")
    found = await ctx.run(QUERIES.retentions_ended, today=today(ctx), after=after or None, count=PAGE)
    return Ended(found, found[-1]["record"] if len(found) == PAGE else None)


async def begin_at_end(ctx: Context, record: str) -> str:
    """The officer takes up a record whose retention has ended: the id of the request in which they decide. NotFound where it is not listed."""
    ctx.require(Permission.ERASURE_DECIDE)
    if await ctx.run(QUERIES.retention_ended, record=record) is None:
        raise NotFound(f"the retention of {record} has not ended")
    if waiting := await ctx.run(QUERIES.erasure_of, record=record):
        return str(waiting["id"])
    id = uuid4()
    await ctx.run(
        QUERIES.ask, id=id, record=record, kind=requests.ERASURE, about=None, words="", asked=ctx.now, asked_by=BY_RETENTION,
        due=requests.due(today(ctx)),
    )  # fmt: skip
    ctx.trace(Action.CREATE, "Task", str(id), patient=record, query="request=erasure")
    return str(id)


async def look_at_retentions(ctx: Context) -> None:
    """For the night: which of the next records the law keeps no longer. Nothing is erased by it."""
    place = await ctx.run(QUERIES.retention_place)
    keys = await ctx.records.erasing.next_records(place, A_NIGHT)
    found = await ctx.records.erasing.last_care(keys, stays=erasure.STAYS, aside=erasure.ASIDE)
    ended = []
    for one in found:
        until = erasure.kept_after(one.last, born=one.life.born, died=one.life.died)
        if not one.going_on and until.ended(today(ctx)):
            ended.append({"record": one.record, "until": until.until, "last_care": one.last})
    text = msgspec.json.encode(ended).decode()
    await ctx.run(QUERIES.note_retention, seen=[one.record for one in found], ended=text, today=today(ctx))
    await ctx.run(QUERIES.retention_went_to, after=keys[-1] if len(keys) == A_NIGHT else UUID(int=0))


@forgets
async def forget_people(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """What people whose record is erased asked for stays as dates; their words go. No document of ours is unnamed by it."""
    records = [one.id for one in erased if one.type == "Patient"]
    if records:
        await ctx.run(QUERIES.forget, records=records)
    return []


async def _seen(ctx: Context, row: Request) -> Seen:
    life, items = await ctx.records.erasing.inventory(row["record"])
    restricted = bool(await ctx.run(QUERIES.restricted, records=[row["record"]]))
    proposal = erasure.propose(
        map(_part, items), born=life.born, died=life.died, today=today(ctx), wanted=row["about"], restricted=restricted
    )
    return Seen(row, proposal)


def _part(item: Item) -> Part:
    return Part(
        name=item.name, begins=item.begins, ends=item.ends, going_on=item.going_on, written=item.written, author=item.author,
        ended=item.ended, about=item.about, used_by=item.used_by, deleted=item.deleted,
    )  # fmt: skip


async def _ask_again(ctx: Context, row: Request) -> None:
    await ctx.run(QUERIES.forget_plan, request=row["id"])
    await ctx.run(QUERIES.reopen, id=row["id"])
    ctx.trace(Action.UPDATE, "Task", str(row["id"]), patient=row["record"], query="request=open")


async def _erasure(ctx: Context, id: str) -> Request:
    row = await row_of(ctx, id)
    if row["kind"] != requests.ERASURE:
        raise NotFound(f"the request {id} asks for no erasure")
    return row
