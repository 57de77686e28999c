"""Break-glass: a professional opens the record of a person who did not give it to them, for a stated reason and a few hours.

The law lets a professional see the record of a person who cannot say what they want and is at immediate risk, unless the person
said no before; the regulating doctor of the SAMU likewise (CSP L.1111-17). Each opening is told to the person and reviewed.
What one does in a record opened so is in the trail with the purpose BTG (`audit_append`), and lets nobody stay: see `refuse_to_stay`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from maillage.access.actors import Actor, ActorKind
from maillage.access.audit import Action
from maillage.access.choices import EVERY_PROFESSIONAL, IN_AN_EMERGENCY, IN_EMERGENCY
from maillage.access.grants import QUERIES, as_json, gives_sight
from maillage.access.permissions import Permission
from maillage.access.references import grantee, own_name
from maillage.db import Connection
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Stored

if TYPE_CHECKING:
    from maillage.access.context import Context

LASTS = timedelta(hours=4)
"""How long a record stays open: a stay in an emergency department, less than a shift."""
MOST, WITHIN = 20, timedelta(hours=24)
"""How many records one professional may open so, and in which time: who needs more has another relation to them."""
CALL_LASTS = timedelta(hours=1)
"""How long it stays open to the regulating doctor of a call, who may close it sooner: a call and what is sent out for it."""
MOST_CALLS = 300
"""Of one regulating doctor within the same time: a shift of calls, and no list of people."""
FEWEST_LETTERS, MOST_LETTERS = 10, 500
PAGE = 50


class Reason(StrEnum):
    """Why a record is opened without having been given (CSP L.1111-17)."""

    LIFE = "life"
    UNABLE = "unable"
    REGULATION = "regulation"


class Verdict(StrEnum):
    """What the officer thinks of an opening."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


class Opposed(Forbidden):
    """The person said before that they do not want their record opened so, or not by this professional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """One opening: who (`reference` "Practitioner/12"), which record (id of its Patient), why, from when to when; what the officer said of it."""

    id: UUID
    record: str
    reference: str
    name: str
    roles: Sequence[str]
    organizations: Sequence[str]
    reason: Reason
    words: str
    since: datetime
    until: datetime
    reviewed: datetime | None
    reviewer: str | None
    verdict: Verdict | None
    remark: str | None


async def open_record(ctx: "Context", record: str, *, reason: Reason, words: str) -> UUID:
    """Opens a record (the id of its Patient) to whoever acts, from now on for `LASTS`; the id of the opening.

    Invalid where the reason is not told in words, or is that of a call (`open_call`), Opposed where the person said no in advance, Forbidden to whoever does not care for people, is no longer to be believed (`MOST`), or has no name in the directory.
    """
    ctx.require(Permission.EMERGENCY_OPEN, patient=record)
    words = " ".join(words.split())
    if not FEWEST_LETTERS <= len(words) <= MOST_LETTERS:
        raise Invalid.at("words", f"the reason takes {FEWEST_LETTERS} to {MOST_LETTERS} letters")
    if reason is Reason.REGULATION:
        raise Invalid.at("reason", "a call is regulated by its number (`open_call`)")
    return await _open(ctx, record, reason=reason, words=words, lasts=LASTS, most=MOST)


async def open_call(ctx: "Context", record: str, *, number: str) -> UUID:
    """Opens a record to the doctor who regulates a call, for `CALL_LASTS`: the number of the call is the reason (CSP L1111-17). Errors as `open_record`."""
    ctx.require(Permission.EMERGENCY_CALL, patient=record)
    return await _open(ctx, record, reason=Reason.REGULATION, words=f"Appel n° {number}", lasts=CALL_LASTS, most=MOST_CALLS)


async def _open(ctx: "Context", record: str, *, reason: Reason, words: str, lasts: timedelta, most: int) -> UUID:
    actor = ctx.actor
    if actor.kind is not ActorKind.PROFESSIONAL or actor.reference is None:
        raise Forbidden("only a professional whom the directory knows opens a record in an emergency")
    calls = reason is Reason.REGULATION
    await ctx.run(QUERIES.hold_emergencies, actor=actor.id)
    if await ctx.run(QUERIES.emergencies_lately, actor=actor.id, since=ctx.now - WITHIN, calls=calls) >= most:
        raise Forbidden(f"{most} records were opened in an emergency within a day: ask the data protection officer")
    oneself, emergency = grantee(actor.reference), grantee(IN_EMERGENCY)
    if await ctx.run(
        QUERIES.emergency_refused, patient=ids.key(record), oneself=own_name(actor), emergency=emergency, now=ctx.now
    ):
        ctx.trace(Action.EXECUTE, "Patient", record, patient=record, query="emergency=opposed", refused=True)
        raise Opposed("the person said no to this in advance")
    ctx.trace(Action.EXECUTE, "Patient", record, patient=record, query=f"emergency={reason}")
    until, id = ctx.now + lasts, uuid4()
    await ctx.run(QUERIES.open_emergency, **_row(actor, record, id), reason=reason, words=words, since=ctx.now, until=until)
    grant = {
        "patient": ids.key(record), "grantee": oneself, "via": id, "since": ctx.now, "until": until, "weight": IN_AN_EMERGENCY,
    }  # fmt: skip
    await ctx.run(
        QUERIES.derive, vias=[id], grants=as_json([grant]), members="[]", masked=[], masks="[]", links="[]", signed="[]"
    )  # fmt: skip
    return id


def _row(actor: Actor, record: str, id: UUID) -> dict[str, Any]:
    return {
        "id": id,
        "patient": ids.key(record),
        "record": record,
        "actor": actor.id,
        "reference": actor.reference,
        "name": actor.name,
        "roles": sorted(actor.roles),
        "organizations": list(actor.organizations),
    }


async def close_record(ctx: "Context", record: str) -> None:
    """Ends what whoever acts opened of a record, before its time. NotFound where they have not opened it."""
    ctx.require(Permission.EMERGENCY_OPEN, patient=record)
    if not await ctx.run(QUERIES.close_emergencies, actor=ctx.actor.id, patient=ids.key(record), now=ctx.now):
        raise NotFound(f"the record {record} is not open in an emergency")
    ctx.trace(Action.EXECUTE, "Patient", record, patient=record, query="emergency=closed")


async def open_until(ctx: "Context", record: str) -> datetime | None:
    """Until when whoever acts has this record open in an emergency; None when they have not."""
    until: datetime | None = await ctx.run(QUERIES.emergency_until, actor=ctx.actor.id, patient=ids.key(record), now=ctx.now)
    return until


async def of_person(ctx: "Context", record: str, *, since: datetime) -> list[Emergency]:
    """Who opened a record in an emergency since an instant, newest first: for the person themself, and their carer."""
    ctx.require(Permission.OWN_ACCESS_READ, patient=record)
    await ctx.records.read("Patient", record)
    return _all(await ctx.run(QUERIES.emergencies_of, patient=ids.key(record), since=since))


async def to_review(ctx: "Context", *, reviewed: bool = False, before: UUID | None = None) -> list[Emergency]:
    """A page (`PAGE`) of the openings that wait for the officer, oldest first, or of those reviewed, newest first; after the one named."""
    ctx.require(Permission.EMERGENCY_REVIEW)
    ctx.trace(Action.EXECUTE, "AuditEvent", None, query="emergencies")
    query = QUERIES.emergencies_reviewed if reviewed else QUERIES.emergencies_waiting
    return _all(await ctx.run(query, before=before, count=PAGE))


async def review(ctx: "Context", id: UUID, *, verdict: Verdict, remark: str) -> None:
    """The officer's word on an opening. NotFound where there is none of this id that waits; Invalid for one that is not justified without a remark."""
    ctx.require(Permission.EMERGENCY_REVIEW)
    remark = " ".join(remark.split())[:MOST_LETTERS]
    if verdict is Verdict.UNJUSTIFIED and len(remark) < FEWEST_LETTERS:
        raise Invalid.at("remark", f"an opening that is not justified takes a remark of {FEWEST_LETTERS} letters at least")
    done = await ctx.run(
        QUERIES.review_emergency, id=id, verdict=verdict, remark=remark or None, reviewer=ctx.actor.name, now=ctx.now
    )
    if not done:
        raise NotFound(f"no opening {id} waits for a review")
    ctx.trace(Action.UPDATE, "AuditEvent", str(id), query=f"emergency={verdict}")


async def refuse_to_stay(ctx: "Context", conn: Connection, stored: Sequence[Stored]) -> None:
    """Forbidden where someone says who sees a record (a circle, a stay) that only an emergency opened to them; before `grants.derive`."""
    if ctx.actor.kind is not ActorKind.PROFESSIONAL or ctx.actor.reference is None:
        return
    given = {one.patient for one in stored if one.patient and gives_sight(one.type)}
    named = [own_name(ctx.actor), grantee(EVERY_PROFESSIONAL)]
    if given and await QUERIES.only_in_emergency(conn, patients=sorted(given), actor=ctx.actor.id, named=named, now=ctx.now):
        raise Forbidden("a record that was opened in an emergency does not let one say who else sees it, or oneself for longer")


async def stays_open(ctx: "Context", record: str, who: Actor) -> bool:
    """Whether a record (the id of its Patient) would be open to somebody without what they opened in an emergency: only then they say who else sees it,
    also where the platform writes it for them."""
    named = [own_name(who), grantee(EVERY_PROFESSIONAL)]
    return not await ctx.run(QUERIES.closed_without_emergency, patient=ids.key(record), named=named, now=ctx.now)


def _all(rows: Sequence[dict[str, Any]]) -> list[Emergency]:
    return [
        Emergency(**{**row, "reason": Reason(row["reason"]), "verdict": Verdict(row["verdict"]) if row["verdict"] else None})
        for row in rows
    ]
