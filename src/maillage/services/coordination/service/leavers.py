"""What somebody who left a person's circle still held open about them ends: it would go on showing them the record."""

from collections.abc import Iterable, Sequence
from typing import Any

from maillage.access.context import Context
from maillage.access.references import local
from maillage.services.coordination.resources import leaver as resources
from maillage.services.coordination.resources.circle import now_in
from maillage.services.coordination.rules import team_of
from maillage.services.coordination.service import handing_back
from maillage.services.directory import public as directory
from maillage.services.messaging.public import notify

ALONE = "visit-left"
"""Kind of notice: a visit to which nobody comes any more."""
MANY = ("_count", "500")

Resource = dict[str, Any]


async def follow(ctx: Context, patient: str, who: Sequence[str]) -> None:
    """For jobs: their episodes, contacts and visits to come end or go on without them, then their tasks go back to who asked. A visit that is left alone is told to who coordinates."""
    await _end_what_they_hold(ctx, patient, who)
    await handing_back.of_person(ctx, patient)


async def _end_what_they_hold(ctx: Context, patient: str, who: Sequence[str]) -> None:
    gone = await _names(ctx, who) - await _here(ctx, patient)
    if not gone:
        return
    changed: list[Resource] = []
    for kind, states in resources.HELD.items():
        found = await ctx.records.find(kind, [("patient", f"Patient/{patient}"), ("status", ",".join(sorted(states))), MANY])
        changed += [after for one in found if (after := resources.without(one, gone, ctx.now)) is not one]
    if changed:
        await ctx.records.write_all(changed)
    if alone := [one for one in changed if one["resourceType"] == "Appointment" and resources.is_nobodys(one)]:
        told = team_of(await directory.circle(ctx, patient)) or await _physician(ctx, patient)
        for one in alone if told else ():
            notify(ctx, kind=ALONE, about=f"Appointment/{one['id']}", patient=patient, to=[str(told)])


async def _physician(ctx: Context, patient: str) -> str | None:
    held = await directory.general_practitioner(ctx, patient)
    return held.reference if held else None


async def _here(ctx: Context, patient: str) -> set[str]:
    """Everybody who is of the circle at this moment, by all their names there."""
    person = await ctx.records.read("Patient", patient)
    asked = [("patient", f"Patient/{patient}"), ("status", "active"), MANY]
    members = [
        local(one.get("member"))
        for team in await ctx.records.find("CareTeam", asked)
        for one in team.get("participant", [])
        if now_in(one, ctx.now)
    ]
    named = [*members, *map(local, person.get("generalPractitioner", []))]
    return await _names(ctx, [one for one in named if one])


async def _names(ctx: Context, who: Iterable[str]) -> set[str]:
    """These references; where they are of somebody or of their function, the person, their functions, and the places in which they are."""
    names = set(who)
    for kind, asked in (("PractitionerRole", "_id"), ("Practitioner", "practitioner")):
        ids = sorted(one.removeprefix(f"{kind}/") for one in names if one.startswith(f"{kind}/"))
        for role in await ctx.records.find("PractitionerRole", [(asked, ",".join(ids)), MANY]) if ids else ():
            said = {f"PractitionerRole/{role['id']}", local(role.get("practitioner")), local(role.get("organization"))}
            names |= {one for one in said if one}
    return names
