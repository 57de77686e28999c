"""The versions of a plan, from the history of the store: which were published, and what differs between two of them, by whom and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import NotFound
from maillage.fhir.change import Stored
from maillage.fhir.past import Past
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.rules.plan_versions import Difference, differences
from maillage.services.coordination.service.plans import of_person, whole

Resource = dict[str, Any]
MOST = 200
TRAIL = 1000
"""Lines of the trail that are looked through for who changed what."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was published, 0 for the plan as it stands now. `at` is when."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A difference, with who made it and when, as far as the trail tells."""

    difference: Difference
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The versions there are, newest first, the two that are compared, and what differs."""

    versions: Sequence[Version]
    before: Version
    after: Version
    told: Sequence[Told]


async def compare(ctx: Context, *, patient: str, before: int | None, after: int) -> Comparison:
    """What differs between two published versions (`after` 0: now; `before` None: the last published before that). Where neither is named: since
    the last one, or else between the last two that differ."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    current = (await of_person(ctx, patient)).current
    if current is None:
        raise NotFound("this person has no open plan")
    history = (await ctx.records.history("CarePlan", current.id, Past(count=MOST))).versions
    versions = _published(history)
    now = Version(0, ctx.now)
    known = {one.number: one for one in versions} | {0: now}
    new = known.get(after, now)
    older = [one for one in versions if new.number == 0 or one.number < new.number]
    old = known.get(before) if before else None
    old = old or next(iter(older), Version(0, history[-1].updated))
    pairs = [(old, new)]
    if before is None and after == 0:
        pairs += [(versions[n + 1], versions[n]) for n in range(len(versions) - 1)]
    histories: dict[str, list[Stored]] = {f"CarePlan/{current.id}": list(history)}
    goals = [one.reference for one in current.goals]
    tasks = [one.key for one in current.actions if one.key.startswith("Task/")]
    histories |= await ctx.records.histories([*goals, *tasks], count=MOST)
    who = await _who(ctx, patient, histories)
    compared = ((*pair, _between(histories, current.id, *pair)) for pair in pairs)
    old, new, found = next((one for one in compared if one[2]), (*pairs[0], []))
    return Comparison(versions, old, new, [_told(one, who, histories, old.at) for one in found])


def _between(histories: dict[str, list[Stored]], plan: str, old: Version, new: Version) -> list[Difference]:
    return differences(_as_of(histories, plan, old.at), _as_of(histories, plan, None if new.number == 0 else new.at))


def _published(history: Sequence[Stored]) -> list[Version]:
    """The published versions, newest first: each the first version of the store that has its number."""
    found: dict[int, datetime] = {}
    for stored in history:
        number = plans.number_of(stored.resource)
        if number:
            found[number] = stored.updated
    return [Version(number, found[number]) for number in sorted(found, reverse=True)]


def _as_of(histories: dict[str, list[Stored]], plan: str, at: datetime | None) -> plans.Plan:
    """The plan as it stood at an instant, or as it is now."""
    then = {
        reference: next((one.resource for one in versions if one.body and (at is None or one.updated <= at)), None)
        for reference, versions in histories.items()
    }
    resource = then.pop(f"CarePlan/{plan}") or histories[f"CarePlan/{plan}"][-1].resource
    named = [one for one in then.values() if one]
    return whole(resource, named, [one for one in named if one["resourceType"] == "Task"], [])


async def _who(ctx: Context, patient: str, histories: dict[str, list[Stored]]) -> dict[tuple[str, int], str]:
    """Who wrote each version: the newest lines of the trail that tell of a write are of the newest versions."""
    lines: dict[str, list[str]] = {}
    for row in await ctx.records.trail(patient, count=TRAIL):
        reference = f"{row['type']}/{row['id']}"
        if row["action"] in ("C", "U") and row["outcome"] == "0" and reference in histories:
            lines.setdefault(reference, []).append(row["name"])
    return {
        (reference, stored.version): name
        for reference, names in lines.items()
        for stored, name in zip(histories[reference], names, strict=False)
    }


def _told(one: Difference, who: dict[tuple[str, int], str], histories: dict[str, list[Stored]], since: datetime) -> Told:
    """The newest change of its record since then."""
    changed = next((stored for stored in histories.get(one.source, []) if stored.updated > since), None)
    return Told(one, who.get((one.source, changed.version), "") if changed else "", changed.updated if changed else None)
