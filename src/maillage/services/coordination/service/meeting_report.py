"""A concertation that is concluded leaves its report in the record, at every door."""

import asyncio
from uuid import uuid4

from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.masks import masks
from maillage.access.references import local
from maillage.fhir.change import Change, Resource, Verb
from maillage.services.coordination.events import MeetingConcluded
from maillage.services.coordination.resources import meeting as meetings
from maillage.services.coordination.resources import meeting_report as resources
from maillage.services.coordination.rules import team_of
from maillage.services.coordination.service import meeting_telling
from maillage.services.coordination.service.plans import MANY
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui import InsStatus

PLANS = "care-plan"
"""The class of the report, and of what is said in a concertation (access/masks.py)."""


@guard("Appointment")
async def hear_conclusions(ctx: Context, change: Change) -> Resource:
    """A concertation that was not held yet and now is, is announced."""
    resource = change.resource
    if change.verb is Verb.DELETE or not meetings.is_meeting(resource) or resource.get("status") != meetings.HELD:
        return resource
    people = [local(one.get("actor")) or "" for one in resource.get("participant", [])]
    patient = next((one.removeprefix("Patient/") for one in people if one.startswith("Patient/")), "")
    if not patient or (await ctx.records.before(change)).get("status") == meetings.HELD:
        return resource
    named = {"id": str(uuid4()), **resource}
    ctx.announce(MeetingConcluded(meeting=named["id"], patient=patient))
    return named


def _for_all(ctx: Context, word: Resource) -> bool:
    """Whether whoever reads plans reads it: what its author keeps from some of them is not told to all by the report."""
    return {mask.audience for mask in masks(word, ctx.now)} <= {f"class:{PLANS}"}


async def told_in(ctx: Context, event: MeetingConcluded) -> meetings.Meeting:
    """The meeting with those of its words that its report tells."""
    appointment = await ctx.records.read("Appointment", event.meeting)
    said = await ctx.records.find("Communication", [("based-on", f"Appointment/{event.meeting}"), MANY])
    about = {f"Patient/{one}" for one in await identity.identities_of(ctx, event.patient)}
    return meetings.meeting_from(appointment, [one for one in said if local(one.get("subject")) in about and _for_all(ctx, one)])


async def put_into_record(ctx: Context, event: MeetingConcluded) -> None:
    """For jobs: writes the report, once, and puts it before those of the circle who were not there; those who were are told of the decision."""
    one = await told_in(ctx, event)
    circle = await directory.circle(ctx, event.patient)
    claim = identity.claim_of(await ctx.records.read("Patient", event.patient))
    ins = claim.ins if (await identity.banner(ctx, event.patient)).ins_status is InsStatus.QUALIFIED else None
    content = await asyncio.to_thread(resources.pdf, one, traits=claim.traits, ins=ins, at=ctx.now)
    team = team_of(circle)
    report = resources.report_of(
        one, patient=event.patient, team={"reference": team} if team else None, content=content, at=ctx.now
    )
    await ctx.records.write(report)
    there = {guest.reference for guest in one.guests}
    absent = [member.reference for member in circle if member.kind != "person" and member.reference not in there]
    meeting_telling.tell_of_the_report(ctx, report, patient=event.patient, to=absent)
