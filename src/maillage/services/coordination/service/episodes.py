"""The support of somebody by a coordination team: opened by an accepted request."""

import uuid
from typing import Any

from maillage.access.context import Context
from maillage.services.coordination.resources import circle as circles
from maillage.services.coordination.resources import episode as resources
from maillage.services.coordination.resources import support
from maillage.services.directory import public as directory

Resource = dict[str, Any]


async def open_for(ctx: Context, *, request: str, referent: str | None) -> None:
    """For jobs: the episode of an accepted request, once, and its team and referent in the person's circle."""
    asked = support.request_from(await ctx.records.read("ServiceRequest", request))
    known = await ctx.records.find("EpisodeOfCare", {"identifier": f"{resources.OF_REQUEST}|{request}"})
    if known:
        return
    follows = referent if referent and referent.startswith("Practitioner/") else None
    new = resources.episode_for(
        request=request, patient=asked.patient, team=asked.team, team_name=asked.team_name, referent=follows, at=ctx.now
    )
    await ctx.records.write(new, await _circle_with(ctx, asked.patient, asked.team, asked.team_name, follows))


async def _circle_with(ctx: Context, patient: str, team: str, team_name: str, referent: str | None) -> Resource:
    """The circle of a person with a team, and who of it follows them."""
    joining = [circles.participant_for(team, team_name, role={"text": "Équipe de coordination"}, at=ctx.now)]
    if referent:
        person = await ctx.records.read("Practitioner", referent.removeprefix("Practitioner/"))
        name = directory.display_name(person)
        joining.append(
            circles.participant_for(
                referent, name, role=circles.part_for(circles.REFERENT, "Référent de coordination"), at=ctx.now
            )
        )
    there = circles.main_circle(await ctx.records.find("CareTeam", {"patient": f"Patient/{patient}", "status": "active"}))
    if there:
        return circles.with_participants(there, joining, ctx.now)
    named = await ctx.records.read("Patient", patient)
    return circles.circle_for(id=str(uuid.uuid4()), patient=patient, name=_name(named), participants=joining, at=ctx.now)


def _name(patient: Resource) -> str:
    name: Resource = next(iter(patient.get("name", [])), {})
    return str(name.get("text") or " ".join([*name.get("given", [])[:1], name.get("family", "")]).strip())


async def of_person(ctx: Context, patient: str) -> list[Resource]:
    """The episodes of coordination of a person, newest first."""
    found = await ctx.records.find("EpisodeOfCare", {"patient": f"Patient/{patient}", "_sort": "-date", "_count": "50"})
    return [one for one in found if resources.is_episode(one)]
