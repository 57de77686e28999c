"""What a measure, or a day that passed, makes known by itself: out of the bounds of this person, a plan that nobody reviewed. One alert, however often it is written."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from maillage.access.context import Context
from maillage.access.guards import Seen, guard_of_many
from maillage.access.references import local
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.events import MeasureTaken
from maillage.services.coordination.resources import alert as alerts
from maillage.services.coordination.resources import constants as resources
from maillage.services.coordination.resources.alert import Why
from maillage.services.coordination.resources.constants import LOINC, MEASURES, Bounds, Measured, Taken
from maillage.services.coordination.resources.plan import Plan
from maillage.services.coordination.service.alerts import raise_alert
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui.words import care_date, number

Resource = dict[str, Any]
RECENT = timedelta(days=3)
"""An older measure is history, which nobody is woken for."""
CODES = frozenset(code for one in MEASURES.values() for code in one.codes)
RULE, REVIEW_RULE = "Mesure hors des seuils de la personne", "Plan dont la date de revue est passée"
TODAY, TO_FOLLOW = 2, 3


@guard_of_many("Observation")
async def watch_measures(ctx: Context, changes: Sequence[Change]) -> Seen:
    """A measure of somebody that is new or changed is announced, whatever the door; nothing is refused."""
    seen: Seen = []
    for change in changes:
        resource = change.resource
        patient = local(resource.get("subject")) or ""
        if change.verb is not Verb.DELETE and patient.startswith("Patient/") and _is_measure(resource):
            if change.verb is Verb.CREATE or "id" not in resource:
                resource = {**resource, "id": str(uuid4())}
            ((_, taken),) = resources.series([resource]).items()
            if ctx.now - RECENT <= taken[0].at:
                ctx.announce(MeasureTaken(observation=resource["id"], patient=patient.removeprefix("Patient/")))
        seen.append(resource)
    return seen


async def look(ctx: Context, *, observation: str, patient: str) -> None:
    """Raises an alert where a measure is out of what is wanted for this person. By a job, once however often it is asked."""
    found = await ctx.records.find("Observation", [("_id", observation)])
    if not found or not _is_measure(found[0]):
        return
    ((key, taken),) = resources.series(found).items()
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    bounds = resources.bounds_of(MEASURES[key], await ctx.records.find("Goal", [("patient", people), ("_count", "100")]))
    await judge(
        ctx, patient=patient, measured=MEASURES[key], taken=taken[0], bounds=bounds if bounds.id else resources.range_of(found[0])
    )


async def judge(ctx: Context, *, patient: str, measured: Measured, taken: Taken, bounds: Bounds | None) -> None:
    """One alert for a measure that is out on one side, until somebody is done with it; none for a measure about which there was one already."""
    side = bounds.outside(taken.value) if bounds else ""
    if bounds is None or not side:
        return
    about = f"Observation/{taken.id}"
    for flag in await ctx.records.find("Flag", [("patient", f"Patient/{patient}"), ("_count", "200")]):
        if alerts.alert_from(flag, None).about == about:
            return
    high = side == "↑"
    limit = bounds.high if high else bounds.low
    title = f"{measured.words} {number(taken.value)} {measured.unit}, seuil {number(limit or Decimal(0))}".replace(" ,", ",")
    code = f"measure-{measured.key}-{'high' if high else 'low'}"
    why = Why(
        RULE,
        "1",
        f"{number(taken.value)} {measured.unit} le {care_date(taken.at)}".replace("  ", " "),
        await _who_set(ctx, patient, bounds),
    )
    to = bounds.by if bounds.by.startswith("Practitioner/") else ""
    await raise_alert(
        ctx, key=f"{code}|{patient}", patient=patient, code=code, title=title, level=TODAY, why=why, about=about, to=to
    )


async def review_is_late(ctx: Context, *, plan: Plan, patient: str) -> None:
    """One alert for each day of review that passed."""
    key = f"plan-review|{plan.id}|{plan.review}"
    if await ctx.records.find("Flag", [("_id", alerts.flag_id(key))]):
        return
    year, month, day = plan.review[:10].split("-")
    why = Why(REVIEW_RULE, "1", f"À revoir le {day}/{month}/{year}")
    await raise_alert(
        ctx, key=key, patient=patient, code="plan-review", title="Revue du plan personnalisé en retard", level=TO_FOLLOW, why=why, about=f"CarePlan/{plan.id}"
    )  # fmt: skip


async def _who_set(ctx: Context, patient: str, bounds: Bounds) -> str:
    if not bounds.id:
        return "Limites données avec la mesure"
    names = {one.reference: one.name for one in await directory.circle(ctx, patient)}
    who = names.get(bounds.by, "")
    return f"Seuils fixés par {who}" if who else "Seuils fixés pour cette personne"


def _is_measure(resource: Resource) -> bool:
    """Whether an Observation is a constant that has a value and a moment."""
    codes = {coding.get("code") for coding in resource.get("code", {}).get("coding", []) if coding.get("system") == LOINC}
    return bool(codes & CODES) and bool(resources.series([{"id": "", **resource}]))
