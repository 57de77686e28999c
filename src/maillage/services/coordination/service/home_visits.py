"""Visits at home: planned with who, when and where, moved, cancelled with the reason, made with what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Invalid, NotFound, PreconditionFailed
from maillage.services.coordination.resources import contact as contacts
from maillage.services.coordination.resources import home_visit as resources
from maillage.services.coordination.resources.home_visit import HomeVisit
from maillage.services.coordination.service.absences import told
from maillage.services.coordination.service.colleagues import Somebody, oneself, takers
from maillage.services.identity import public as identity
from maillage.ui import Banner

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """A visit as its form says it. `who` is a reference."""

    what: str
    start: datetime
    end: datetime
    place: str
    who: str


@dataclass(frozen=True, slots=True)
class Held:
    """One visit, the person, who may make it."""

    visit: HomeVisit
    banner: Banner
    goers: list[Somebody]


async def goers(ctx: Context, patient: str) -> list[Somebody]:
    """Who may visit somebody: oneself, colleagues, professionals of the circle."""
    return [one for one in await takers(ctx, patient) if one.reference.startswith("Practitioner/")]


async def plan(ctx: Context, *, patient: str, planned: Planned) -> HomeVisit:
    """Plans a visit. Conflict where who goes is taken at that time, with what they have."""
    ctx.require(Permission.TASK_WRITE, patient=patient)
    await ctx.records.read("Patient", patient)
    who = _among(await goers(ctx, patient), planned.who)
    resource = resources.visit_for(
        patient=patient, who=who.fhir, what=planned.what, start=planned.start, end=planned.end, place=planned.place, at=ctx.now
    )
    return resources.home_visit_from(await ctx.records.write(resource))


async def read(ctx: Context, *, visit: str) -> Held:
    """A visit as its page shows it."""
    ctx.require(Permission.TASK_READ)
    held = resources.home_visit_from(await _visit(ctx, visit))
    return Held(held, await identity.banner(ctx, held.patient), await told(ctx, await goers(ctx, held.patient)))


async def move(ctx: Context, *, visit: str, version: str, planned: Planned) -> None:
    """Another time, place or person. Conflict where who goes is taken, PreconditionFailed where somebody was faster."""
    resource = await _to_change(ctx, visit, version)
    who = _among(await goers(ctx, resources.home_visit_from(resource).patient), planned.who)
    await ctx.records.write(
        resources.moved(resource, who=who.fhir, what=planned.what, start=planned.start, end=planned.end, place=planned.place)
    )


async def give(ctx: Context, *, visit: str, version: str, to: str) -> None:
    """Somebody else makes it, at the same time."""
    held = resources.home_visit_from(await _to_change(ctx, visit, version))
    await move(ctx, visit=visit, version=version, planned=Planned(held.what, held.start, held.end, held.place, to))


async def cancel(ctx: Context, *, visit: str, version: str, words: str) -> None:
    """It will not be made, and why."""
    await ctx.records.write(resources.cancelled(await _to_change(ctx, visit, version), words))


async def finish(ctx: Context, *, visit: str, version: str, words: str) -> None:
    """It was made, with what came of it: a contact of whoever made it."""
    resource = await _to_change(ctx, visit, version)
    held = resources.home_visit_from(resource)
    person = await identity.banner(ctx, held.patient)
    named = {"reference": f"Patient/{held.patient}", "display": f"{person.family} {person.given}"}
    await ctx.records.write(resource | {"status": resources.DONE})
    await ctx.records.write(contacts.contact_for(
        patient=held.patient, means="PHYSICAL", by=oneself(ctx).fhir, with_whom=named, subject=held.what, result=words, at=min(held.start, ctx.now),
        reached=True, about=f"Appointment/{visit}",
    ))  # fmt: skip


async def _to_change(ctx: Context, visit: str, version: str) -> Resource:
    ctx.require(Permission.TASK_WRITE)
    resource = await _visit(ctx, visit)
    if version != resource["meta"]["versionId"]:
        raise PreconditionFailed(f"Appointment/{visit} is at version {resource['meta']['versionId']}, not {version}")
    if not resources.home_visit_from(resource).to_come:
        raise Conflict(f"a visit that is {resource['status']} does not change", french="Cette visite n’est plus à venir.")
    return resource


async def _visit(ctx: Context, visit: str) -> Resource:
    resource = await ctx.records.read("Appointment", visit)
    people = [one.get("actor", {}).get("reference", "") for one in resource.get("participant", [])]
    if not resources.is_home_visit(resource) or "start" not in resource or not any(one.startswith("Patient/") for one in people):
        raise NotFound(f"Appointment/{visit} is no visit at home")
    return resource


def _among(people: list[Somebody], reference: str) -> Somebody:
    found = next((one for one in people if one.reference == reference), None)
    if found is None:
        raise Invalid.at("Appointment.participant", "a visit is made by oneself, a colleague, or a professional of the circle")
    return found
