"""A plan is published: it takes the next number, and becomes a document of the record in place of the one before."""

import asyncio
from typing import Any

from maillage.access.context import Context
from maillage.errors import NotFound
from maillage.fhir.national import FINESS, IDNPS, IDNST, RPPS
from maillage.services.coordination.events import PlanPublished
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.resources import plan_cda
from maillage.services.coordination.resources.plan_cda import Person, Published, Structure
from maillage.services.coordination.resources.plan_pdf import pdf
from maillage.services.coordination.rules import plan as rules
from maillage.services.coordination.rules import team_of
from maillage.services.coordination.service.plans import of_person, refuse_other, to_change
from maillage.services.directory import public as directory
from maillage.services.documents import public as documents
from maillage.services.identity import public as identity
from maillage.ui import AllergyState, Banner, InsStatus

Resource = dict[str, Any]
PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"


async def publish(ctx: Context, *, patient: str, plan: str, version: int) -> int:
    """Gives the plan its next number and announces it; the number. PreconditionFailed where it changed since it was read."""
    resource = await to_change(ctx, patient, plan)
    refuse_other(resource, version)
    number = plans.number_of(resource) + 1
    await ctx.records.write(plans.numbered(resource, number))
    ctx.announce(PlanPublished(plan=plan, patient=patient, number=number, author=ctx.actor.reference))
    return number


async def put_into_record(ctx: Context, event: PlanPublished) -> None:
    """Writes the document of a published version through the door of all documents: the circle is told, the person reads it."""
    one = await published(ctx, event.patient, event.number, author=event.author)
    content = plan_cda.cda(one)
    origin = documents.Origin(door="plan", source=one.structure.name, subject=f"Patient/{event.patient}", own=True)
    await documents.receive(ctx, content, origin=origin)


async def as_pdf(ctx: Context, patient: str) -> bytes:
    """The plan as it stands now, on paper."""
    one = await published(ctx, patient, 0, author=None)
    return await asyncio.to_thread(pdf, one)


async def published(ctx: Context, patient: str, number: int, *, author: str | None) -> Published:
    """All that a document of the open plan says; NotFound where there is none."""
    held = (await of_person(ctx, patient)).current
    if held is None:
        raise NotFound("this person has no open plan")
    circle = await directory.circle(ctx, patient)
    banner = await identity.banner(ctx, patient)
    claim = identity.claim_of(await ctx.records.read("Patient", patient))
    signed = author or held.coordinator or ""
    team = team_of(circle)
    return Published(
        plan=held,
        number=number or held.number,
        at=ctx.now,
        patient=patient,
        traits=claim.traits,
        ins=claim.ins if banner.ins_status is InsStatus.QUALIFIED else None,
        author=await _person(ctx, signed, held.coordinator_name),
        structure=await _structure(ctx, team),
        circle=[(one.name, one.title) for one in circle if one.kind != "person"],
        agreement=rules.agreement(held.positions, held.number),
        disagreements=rules.disagreements(held.positions),
        owners={one.reference: one.name for one in circle} | {f"Patient/{patient}": "La personne"},
        allergies=_allergies(banner),
    )


def _allergies(banner: Banner) -> str:
    """As on every page about somebody: known, none, or not asked; nothing where who publishes it does not read allergies."""
    if banner.allergy_state is AllergyState.KEPT:
        return ""
    if banner.allergies:
        return f"Allergie : {', '.join(banner.allergies)}"
    return "Aucune allergie connue" if banner.allergy_state is AllergyState.NONE else "Allergies non renseignées"


async def _person(ctx: Context, reference: str, name: str) -> Person:
    if not reference.startswith("Practitioner/"):
        return Person(family=name or "Équipe de coordination")
    known = await ctx.records.read("Practitioner", reference.removeprefix("Practitioner/"))
    said: Resource = next(iter(known.get("name", [])), {})
    coding: Resource = next(
        (
            c
            for q in known.get("qualification", [])
            for c in q.get("code", {}).get("coding", [])
            if c.get("system") == PROFESSIONS
        ),
        {},
    )
    return Person(
        own=str(known["id"]),
        family=str(said.get("family") or said.get("text") or name or "Non précisé"),
        given=" ".join(said.get("given", [])),
        number=_number(known, IDNPS, RPPS, "8"),
        profession=str(coding.get("code", "")),
        words=str(coding.get("display", "")),
    )


async def _structure(ctx: Context, reference: str | None) -> Structure:
    if reference is None:
        return Structure(name="Équipe de coordination")
    known = await ctx.records.read("Organization", reference.removeprefix("Organization/"))
    return Structure(
        own=str(known["id"]), name=str(known.get("name") or "Équipe de coordination"), number=_number(known, IDNST, FINESS, "1")
    )


def _number(resource: Resource, whole: str, bare: str, prefix: str) -> str:
    """The national identifier as documents carry it."""
    found = {one.get("system"): str(one.get("value", "")) for one in resource.get("identifier", [])}
    return found.get(whole) or (prefix + found[bare] if bare in found else "")
