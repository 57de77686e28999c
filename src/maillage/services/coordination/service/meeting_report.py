"""A concertation that is concluded leaves its report in the record, at every door."""

import asyncio

from maillage.access.context import Context
from maillage.access.guards import guard
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


@guard("Appointment")
async def hear_conclusions(ctx: Context, change: Change) -> Resource:
    """A concertation that was not held yet and now is, is announced."""
    resource = change.resource
    if change.verb is Verb.DELETE or not meetings.is_meeting(resource) or resource.get("status") != meetings.HELD:
        return resource
    people = [local(one.get("actor")) or "" for one in resource.get("participant", [])]
    patient = next((one.removeprefix("Patient/") for one in people if one.startswith("Patient/")), "")
    if "id" in resource and patient and (await ctx.records.before(change)).get("status") != meetings.HELD:
        ctx.announce(MeetingConcluded(meeting=resource["id"], patient=patient))
    return resource


async def put_into_record(ctx: Context, event: MeetingConcluded) -> None:
    """For jobs: writes the report, once, and puts it before those of the circle who were not there; those who were are told of the decision."""
    appointment = await ctx.records.read("Appointment", event.meeting)
    said = await ctx.records.find("Communication", [("based-on", f"Appointment/{event.meeting}"), MANY])
    one = meetings.meeting_from(appointment, said)
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
