"""Multi-professional meetings about a person: called, answered, prepared by written opinions, concluded by a decision that moves the plan."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Conflict, Forbidden, Invalid, NotFound
from maillage.fhir.search import parse
from maillage.services.coordination.resources import meeting as meetings
from maillage.services.coordination.resources.meeting import ANSWERS, DECISION, OPINION, OPTION, SUMMARY, Meeting
from maillage.services.coordination.resources.meeting_report import report_id
from maillage.services.coordination.service import meeting_report, meeting_telling, plans
from maillage.services.coordination.service.plans import MANY
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui.words import care_date

Resource = dict[str, Any]
hear_conclusions = meeting_report.hear_conclusions
SERVICE = f"{meetings.TYPE_SYSTEM}|{meetings.TYPE}"


async def of_person(ctx: Context, patient: str) -> list[Meeting]:
    """The meetings about a person, the next one first."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    about = ",".join(await identity.identities_of(ctx, patient))
    found = await ctx.records.find("Appointment", [("patient", about), ("service-type", SERVICE), ("_sort", "-date"), MANY])
    return [meetings.meeting_from(one) for one in found if meetings.is_meeting(one) and one.get("status") != "entered-in-error"]


async def read(ctx: Context, *, patient: str, meeting: str) -> Meeting:
    """One meeting with what was said about it."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    resource = await _meeting(ctx, patient, meeting)
    return meetings.meeting_from(
        resource, await ctx.records.find("Communication", [("based-on", f"Appointment/{meeting}"), MANY])
    )


async def call(
    ctx: Context, *, patient: str, question: str, start: datetime, place: str, quorum: int, guests: Sequence[str], key: str
) -> str:
    """Calls a meeting of members of the circle; its id."""
    ctx.require(Permission.PLAN_WRITE, patient=patient)
    if again := await ctx.records.find("Appointment", [("identifier", f"{meetings.KEY}|{key}")]):
        return str(again[0]["id"])
    names = {one.reference: one.name for one in await directory.circle(ctx, patient)}
    if any(guest not in names for guest in guests):
        raise Invalid.at("invites", "who is invited is in the circle")
    plan = (await plans.of_person(ctx, patient)).current
    host = ctx.actor.reference
    invited = [*([(host, ctx.actor.name)] if host and host not in guests else []), *((guest, names[guest]) for guest in guests)]
    made = meetings.new_meeting(
        patient=patient, plan=plan.id if plan else None, question=question, start=start, place=place, quorum=quorum, guests=invited, host=host,
        at=ctx.now, key=key,
    )  # fmt: skip
    written: Resource = await ctx.records.write(made)
    meeting_telling.tell_invited(ctx, written, patient=patient)
    return str(written["id"])


async def answer(ctx: Context, *, patient: str, meeting: str, answer: str) -> None:
    """Whoever is invited says whether they come."""
    ctx.require(Permission.PLAN_WRITE, patient=patient)
    resource = await _meeting(ctx, patient, meeting)
    own = {ctx.actor.reference, *ctx.actor.organizations}
    invited = [one for one in (local(p.get("actor")) for p in resource["participant"]) if one in own]
    if answer not in ANSWERS:
        raise Invalid.at("reponse", "accepted, declined or tentative")
    if not invited:
        raise Forbidden("only who is invited answers")
    await ctx.records.write(meetings.answered(resource, str(invited[0]), answer))


async def say(ctx: Context, *, patient: str, meeting: str, kind: str, words: str, key: str) -> None:
    """An opinion, written before or there; the summary; an option."""
    ctx.require(Permission.PLAN_WRITE, patient=patient)
    if kind not in (OPINION, SUMMARY, OPTION):
        raise Invalid.at("genre", "an opinion, the summary or an option")
    await _meeting(ctx, patient, meeting)
    await _write(ctx, patient, meeting, kind, words, key)


async def conclude(
    ctx: Context, *, patient: str, meeting: str, words: str, owner: str, due: str, despite_quorum: bool, key: str
) -> None:
    """The decision, and the action of the plan that follows from it. Conflict where too few are there and nobody says that it is decided all the same."""
    ctx.require(Permission.PLAN_WRITE, patient=patient)
    resource = await _meeting(ctx, patient, meeting)
    held = meetings.meeting_from(resource)
    if await ctx.records.find("Communication", [("identifier", f"{meetings.KEY}|{key}")]):
        return
    if held.held:
        raise Conflict(
            "this meeting is concluded",
            french="Cette concertation est conclue. Sa décision se lit ici ; une suite demande une nouvelle concertation.",
        )
    if not held.has_quorum and not despite_quorum:
        raise Conflict(
            "no quorum",
            french=f"Le quorum est de {held.quorum} et {held.coming} présents sont annoncés. Confirmez que la décision est prise malgré cela.",
        )
    await _write(ctx, patient, meeting, DECISION, words, key)
    concluded: Resource = await ctx.records.write(resource | {"status": meetings.HELD})
    meeting_telling.tell_concluded(ctx, concluded, patient=patient)
    current = (await plans.of_person(ctx, patient)).current
    if current:
        how = f"Décidé en concertation le {care_date(held.start)}"
        await plans.add_action(ctx, patient=patient, plan=current.id, what=words, how=how, due=due, goal="", owner=owner, key=key)


async def _write(ctx: Context, patient: str, meeting: str, kind: str, words: str, key: str) -> None:
    if await ctx.records.find("Communication", [("identifier", f"{meetings.KEY}|{key}")]):
        return
    await ctx.records.write(
        meetings.word_about(
            meeting=meeting,
            patient=patient,
            kind=kind,
            words=words,
            sender=ctx.actor.reference,
            name=ctx.actor.name,
            at=ctx.now,
            key=key,
        )
    )


async def report(ctx: Context, meeting: Meeting) -> str:
    """The id of the report of a meeting that was held, "" as long as there is none to read."""
    if not meeting.held:
        return ""
    id = report_id(meeting.id)
    return id if (await ctx.records.search_raw(parse("DocumentReference", [("_id", id)]))).matches else ""


async def _meeting(ctx: Context, patient: str, meeting: str) -> Resource:
    resource = await ctx.records.read("Appointment", meeting)
    whose = {local(one.get("actor")) for one in resource.get("participant", [])}
    known = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if not meetings.is_meeting(resource) or not whose & known:
        raise NotFound(f"Appointment/{meeting} is no meeting about this person")
    return resource
