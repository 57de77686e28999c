"""The facts that people write into a record: added, changed by who read the version that stands, ended."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maillage.access import matrix
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.errors import Conflict, Forbidden, Gone, Invalid, NotFound, PreconditionFailed
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.forms import fact as forms
from maillage.services.coordination.resources import fact as facts
from maillage.services.coordination.resources import relative
from maillage.services.coordination.resources.fact import FACTS, FactKind
from maillage.services.coordination.resources.signature import signed
from maillage.services.identity import public as identity
from maillage.ui import Banner

Resource = dict[str, Any]
LIMITS = {"RelatedPerson": 40, "ServiceRequest": 80, "Coverage": 30, "QuestionnaireResponse": 30, "Communication": 60}
NEVER_FILLED = frozenset({"meta", "id", "resourceType"})
_IDS = uuid.UUID("6f1f4a30-4f52-4e0f-9a5c-0f6c5f1f2c11")


@dataclass(frozen=True, slots=True)
class Life:
    """The page of somebody's life: the banner, the facts in force by the slug of their kind, the types that whoever looks does not read."""

    banner: Banner
    facts: dict[str, list[Resource]]
    kept: frozenset[str]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a form: faults by field, or the fact as it was written meanwhile (`stored`); none of both: it is written."""

    faults: Mapping[str, str] = field(default_factory=dict)
    stored: Resource | None = None


async def life(ctx: Context, *, patient: str) -> Life:
    """What is known of how a person lives, who helps, what pays for it, who follows them."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    kept = await matrix.types_kept(ctx)
    banner = await identity.banner(ctx, patient, kept=kept)
    identities = await identity.identities_of(ctx, patient)
    found = await ctx.records.compartment(identities, {kind: most for kind, most in LIMITS.items() if kind not in kept})
    shown = {
        kind.slug: [one for one in found.get(kind.type, []) if kind.is_one(one) and not facts.is_over(one)]
        for kind in FACTS.values() if kind.type in found
    }  # fmt: skip
    return Life(banner, shown, kept)


async def to_edit(ctx: Context, *, patient: str, slug: str, id: str) -> tuple[FactKind, Resource]:
    """A kind and the fact of that id, empty where a new one is to be written; a kind of which a record has one answers that one."""
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    kind = await _kind(ctx, slug)
    if not id and kind.single:
        return kind, await _single(ctx, kind, patient)
    return kind, await _stored(ctx, kind, patient, id) if id else {}


async def save(ctx: Context, *, patient: str, slug: str, id: str, version: str, key: str, sent: Mapping[str, str]) -> Written:
    """Writes what a form says. New ones by the one-time `key` of their form: sent twice, it is written once. Others over the `version` that the form was
    made of; another that was written meanwhile is shown, and nothing is lost."""
    kind, stored = await to_edit(ctx, patient=patient, slug=slug, id=id)
    form = forms.read(kind.fields, sent, today=ctx.now.astimezone(PARIS).date())
    faults = dict(form.faults) | ({} if form.faults else await _refusals(ctx, kind, patient, form.values, stored))
    if faults:
        return Written(faults)
    made = facts.fact_from(kind, form.values, stored)
    if stored and _same(made, stored):
        return Written()
    if stored and stored["meta"]["versionId"] != version:
        return Written(stored=stored)
    whole = made | _signed(ctx, kind, patient, stored)
    if stored:
        try:
            async with ctx.savepoint():
                await ctx.records.write(_completed(kind, whole))
        except (Conflict, PreconditionFailed):
            return Written(stored=await _stored(ctx, kind, patient, stored["id"]))
        return Written()
    return await _created(ctx, kind, patient, whole, form.values, key)


async def end(ctx: Context, *, patient: str, slug: str, id: str, version: str) -> Written:
    """Ends a fact: a treatment is stopped, a problem resolved, an aid over. One that is over stays so."""
    kind, stored = await to_edit(ctx, patient=patient, slug=slug, id=id)
    if facts.is_over(stored):
        return Written()
    if stored["meta"]["versionId"] != version:
        return Written(stored=stored)
    await ctx.records.write(kind.ended(stored, ctx.now.astimezone(PARIS).date().isoformat()))
    return Written()


async def _created(ctx: Context, kind: FactKind, patient: str, made: Resource, values: Mapping[str, str], key: str) -> Written:
    try:
        chosen = uuid.uuid5(_IDS, f"{patient}|{kind.slug}") if kind.single else uuid.UUID(key)
    except ValueError:
        raise Invalid.at("cle", "the key of a form is a UUID") from None
    id = str(uuid.uuid5(_IDS, f"{chosen}|{patient}|{ctx.actor.reference}|{kind.slug}")) if not kind.single else str(chosen)
    try:
        async with ctx.savepoint():
            await ctx.records.write_changes([Change(Verb.CREATE, _completed(kind, {**made, "id": id}))])
    except (Conflict, PreconditionFailed):
        stored = await _stored(ctx, kind, patient, id)
        if not kind.single or kind.values(stored) == dict(values):
            return Written()
        return Written(stored=stored)
    return Written()


async def _kind(ctx: Context, slug: str) -> FactKind:
    kind = FACTS.get(slug)
    if kind is None:
        raise NotFound(f"no kind of fact {slug}")
    if kind.type in await matrix.types_kept(ctx):
        raise Forbidden(f"{ctx.actor.name} does not read {kind.type}, nor write it")
    return kind


async def _stored(ctx: Context, kind: FactKind, patient: str, id: str) -> Resource:
    try:
        stored = await ctx.records.read(kind.type, id)
    except Gone as fault:
        raise NotFound(fault.message) from None
    about = stored.get(kind.subject, {}).get("reference", "")
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if about not in own or not facts.may_be_edited(kind, stored):
        raise NotFound(f"{kind.type}/{id} is no {kind.slug} of this record")
    return stored


async def _single(ctx: Context, kind: FactKind, patient: str) -> Resource:
    found = await ctx.records.compartment(await identity.identities_of(ctx, patient), {kind.type: LIMITS[kind.type]})
    return next((one for one in found[kind.type] if kind.is_one(one) and not facts.is_over(one)), {})


async def _refusals(ctx: Context, kind: FactKind, patient: str, values: Mapping[str, str], stored: Resource) -> dict[str, str]:
    if kind.slug != "allergie":
        return {}
    if values["etat"] == "connue":
        return {} if values["quoi"] else {"quoi": "Indiquez : substance"}
    identities = await identity.identities_of(ctx, patient)
    found = (await ctx.records.compartment(identities, {kind.type: 40}))[kind.type]
    known = [one for one in found if not facts.is_over(one) and not facts.none_known(one) and one["id"] != stored.get("id")]
    return {"etat": "Une allergie est notée au dossier : écartez-la d’abord"} if known else {}


def _same(made: Resource, stored: Resource) -> bool:
    return {k: v for k, v in made.items() if k != "meta"} == {k: v for k, v in stored.items() if k != "meta"} and made.get(
        "meta", {}
    ).get("security") == stored.get("meta", {}).get("security")


def _completed(kind: FactKind, resource: Resource) -> Resource:
    return relative.identified(resource) if kind.type == "RelatedPerson" else resource


def _signed(ctx: Context, kind: FactKind, patient: str, stored: Resource) -> Resource:
    """Whose record, who says it and when: of an opinion or a request who said it first stays its author."""
    by = {"display": ctx.actor.name} | ({"reference": ctx.actor.reference} if ctx.actor.reference else {})
    return signed(kind, patient="" if stored else patient, by=by, at=ctx.now)
