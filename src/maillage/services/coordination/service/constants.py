"""Constants: read in curves, logged in few taps, corrected with a reason, held against what somebody wants for this person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid, NotFound, PreconditionFailed
from maillage.services.coordination.forms.constant import ConstantForm, constant_form
from maillage.services.coordination.resources import body_mass
from maillage.services.coordination.resources import constants as resources
from maillage.services.coordination.resources.constants import LOINC, MEASURES, Bounds, Measured, Taken
from maillage.services.coordination.service.watching import judge, watch_measures
from maillage.services.identity import public as identity
from maillage.ui import Banner

watching = watch_measures  # declared wherever measures are written by these pages
PERIODS: Mapping[str, timedelta] = {"30j": timedelta(days=30), "6m": timedelta(days=183), "2a": timedelta(days=730)}
MOST = "500"


@dataclass(frozen=True, slots=True)
class Constants:
    """What a page of constants shows: by key of `MEASURES`, what was taken (oldest first) and the bounds of this person."""

    banner: Banner
    taken: Mapping[str, list[Taken]]
    bounds: Mapping[str, Bounds]


async def read(ctx: Context, *, patient: str, period: timedelta = PERIODS["6m"], only: Measured | None = None) -> Constants:
    """The constants of a person over a period, one measure or all."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    banner = await identity.banner(ctx, patient)
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    codes = ",".join(f"{LOINC}|{code}" for one in ([only] if only else MEASURES.values()) for code in one.codes)
    since = (ctx.now - period).isoformat(timespec="seconds")
    found = await ctx.records.find(
        "Observation", [("patient", people), ("code", codes), ("date", f"ge{since}"), ("_sort", "-date"), ("_count", MOST)]
    )
    goals = await ctx.records.find("Goal", [("patient", people), ("_count", "100")])
    taken = resources.series(found)
    if only is None and "poids" in taken:
        heights = taken.get("taille") or await _heights(ctx, people)
        mine = body_mass.computed(taken["poids"], heights, born=banner.birth_date or "")
        if all_ := body_mass.with_computed(taken.get(body_mass.KEY, []), mine):
            taken[body_mass.KEY] = all_
    return Constants(banner, taken, {key: resources.bounds_of(one, goals) for key, one in MEASURES.items()})


async def _heights(ctx: Context, people: str) -> list[Taken]:
    """The last heights of a person, however long ago."""
    codes = ",".join(f"{LOINC}|{code}" for code in MEASURES["taille"].codes)
    found = await ctx.records.find("Observation", [("patient", people), ("code", codes), ("_sort", "-date"), ("_count", "20")])
    return resources.series(found).get("taille", [])


async def log(ctx: Context, *, patient: str, sent: Mapping[str, str]) -> tuple[ConstantForm, str | None]:
    """Writes what was measured now, and an alert where it is out of the bounds that somebody set. The id is None where the form has a fault or a doubt: nothing is written."""
    ctx.require(Permission.CONSTANT_LOG, patient=patient)
    measured = measured_of(sent.get("mesure", ""))
    if measured.computed:
        raise Invalid.at("mesure", "it is computed, not logged")
    held = await read(ctx, patient=patient, period=PERIODS["2a"], only=measured)
    taken = held.taken.get(measured.key)
    form = constant_form(sent, last=taken[-1] if taken else None)
    if form.faults or form.doubt:
        return form, None
    written = await ctx.records.write(resources.observation_for(
        measured, form.typed if form.moles else form.value, patient=patient, at=ctx.now, by=ctx.actor.reference, name=ctx.actor.name, second=form.second, moles=form.moles,
    ))  # fmt: skip
    bounds, ((_, now),) = held.bounds[measured.key], resources.series([written]).items()
    await judge(ctx, patient=patient, measured=measured, taken=now[0], bounds=bounds if bounds.id else None)
    return form, written["id"]


async def retract(ctx: Context, *, patient: str, observation: str, version: str, reason: str) -> None:
    """Says that a measure was entered in error, and why; it stays in the record and leaves the curves. PreconditionFailed where it changed meanwhile."""
    ctx.require(Permission.CONSTANT_LOG, patient=patient)
    if len(reason.strip()) < 3:
        raise Invalid.at("motif", "say in a few words what was wrong")
    resource = await _of_person(ctx, patient, "Observation", observation)
    note: dict[str, Any] = {"time": ctx.now.isoformat(timespec="seconds"), "text": f"Saisie par erreur : {reason.strip()}"}
    if ctx.actor.reference:
        note["authorReference"] = {"reference": ctx.actor.reference}
    meta = {**resource["meta"], "versionId": version or resource["meta"]["versionId"]}
    await ctx.records.write({**resource, "meta": meta, "status": "entered-in-error", "note": [*resource.get("note", []), note]})


async def set_bounds(
    ctx: Context, *, patient: str, measure: str, low: Decimal | None, high: Decimal | None, id: str, version: str
) -> None:
    """Says between which values this measure of this person is wanted; `id` and `version` of the bounds that were read, empty for new ones. PreconditionFailed
    where somebody else set others meanwhile.

    Those that stand in a goal of a plan are left there: new ones count before them.
    """
    ctx.require(Permission.CONSTANT_LOG, patient=patient)
    if (low is None and high is None) or (low is not None and high is not None and low >= high):
        raise Invalid.at("bas", "give a lower bound, an upper one, or both in their order")
    goal = resources.threshold_for(measured_of(measure), patient=patient, low=low, high=high, by=ctx.actor.reference, at=ctx.now)
    before = await _of_person(ctx, patient, "Goal", id) if id else {}
    if not id and (await read(ctx, patient=patient, only=measured_of(measure))).bounds[measure].id:
        raise PreconditionFailed("somebody set bounds meanwhile")
    if resources.is_threshold(before):
        goal = {**before, **goal, "id": id, "meta": {**before["meta"], "versionId": version}}
    await ctx.records.write(goal)


def measured_of(key: str) -> Measured:
    """The measure of this key; Invalid for another."""
    if key not in MEASURES:
        raise Invalid.at("mesure", "no such measure")
    return MEASURES[key]


async def _of_person(ctx: Context, patient: str, kind: str, id: str) -> dict[str, Any]:
    resource = await ctx.records.read(kind, id)
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if resource.get("subject", {}).get("reference") not in own:
        raise NotFound(f"{kind}/{id} is not of this record")
    return resource
