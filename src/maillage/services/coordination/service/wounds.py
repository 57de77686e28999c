"""Wounds that are followed: declared once, looked at each time, closed when they have healed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.errors import NotFound
from maillage.services.coordination.forms.wound import LookForm, WoundForm, look_form, wound_form
from maillage.services.coordination.resources import wound as resources
from maillage.services.coordination.resources.constants import LOINC
from maillage.services.coordination.resources.wound import PANEL, WOUND, Wound
from maillage.services.coordination.service import photos
from maillage.services.identity import public as identity
from maillage.ui import Banner

MOST_WOUNDS, MOST_LOOKS = "50", "300"

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wounds:
    """What the pages of wounds show: the banner and the wounds, the open ones first."""

    banner: Banner
    wounds: list[Wound]

    def one(self, id: str) -> Wound:
        """The wound of this id; NotFound where it is not of this record."""
        for wound in self.wounds:
            if wound.id == id:
                return wound
        raise NotFound(f"Condition/{id} is no wound of this record")


async def read(ctx: Context, *, patient: str) -> Wounds:
    """The wounds of a person, those under linked identities too, each with its looks."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    banner = await identity.banner(ctx, patient)
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    conditions = await ctx.records.find(
        "Condition", [("patient", people), ("category", f"{WOUND['system']}|{WOUND['code']}"), ("_count", MOST_WOUNDS)]
    )
    looks = await ctx.records.find(
        "Observation", [("patient", people), ("code", f"{LOINC}|{PANEL}"), ("_sort", "-date"), ("_count", MOST_LOOKS)]
    ) if conditions else []  # fmt: skip
    return Wounds(banner, resources.wounds(conditions, looks))


async def declare(ctx: Context, *, patient: str, sent: Mapping[str, str]) -> tuple[WoundForm, str | None]:
    """A new wound; the id is None where the form has faults."""
    ctx.require(Permission.CONSTANT_LOG, patient=patient)
    form = wound_form(sent, today=ctx.now.astimezone(PARIS).date())
    if form.faults:
        return form, None
    values = form.values
    written = await ctx.records.write(resources.wound_for(
        kind=values["type"], site=values["siege"], stage=values["stade"], since=values["depuis"], patient=patient, by=ctx.actor.reference, at=ctx.now,
    ))  # fmt: skip
    return form, written["id"]


async def look(ctx: Context, *, patient: str, wound: str, sent: Mapping[str, str], pictures: list[bytes]) -> LookForm:
    """Writes what was measured and photographed today, all or nothing; nothing where the form has faults."""
    ctx.require(Permission.CONSTANT_LOG, patient=patient)
    condition = await _of_person(ctx, patient, wound)
    form = look_form(sent, pictured=bool(pictures))
    if form.faults:
        return form
    site: Resource | None = next(iter(condition.get("bodySite", [])), None)
    taken = await photos.taken(ctx, pictures, patient=patient, title=condition["code"].get("text", "Plaie"), site=site)
    assessment = resources.assessment_for(
        form.sizes, wound=wound, patient=patient, site=site, drainage=form.values["exsudat"], note=form.values["remarque"],
        photos=[one["id"] for one in taken], by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now,
    )  # fmt: skip
    await ctx.records.write_all([*taken, assessment])
    return form


async def close(ctx: Context, *, patient: str, wound: str, version: str) -> None:
    """Says that a wound has closed; PreconditionFailed where it changed since it was read."""
    ctx.require(Permission.CONSTANT_LOG, patient=patient)
    condition = await _of_person(ctx, patient, wound)
    meta = {**condition["meta"], "versionId": version or condition["meta"]["versionId"]}
    await ctx.records.write({**resources.closed(condition, ctx.now.astimezone(PARIS).date().isoformat()), "meta": meta})


async def _of_person(ctx: Context, patient: str, wound: str) -> Resource:
    resource: Resource = await ctx.records.read("Condition", wound)
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if not resources.is_wound(resource) or resource.get("subject", {}).get("reference") not in own:
        raise NotFound(f"Condition/{wound} is no wound of this record")
    return resource
