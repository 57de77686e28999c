"""What is measured of the goals of a plan, beside them: the last measures of each that names one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from maillage.access import matrix
from maillage.access.context import Context
from maillage.services.coordination.resources import constants as resources
from maillage.services.coordination.resources.constants import LOINC, Bounds, Measured, Taken
from maillage.services.coordination.resources.goal import Goal
from maillage.services.identity import public as identity

PERIOD = timedelta(days=183)
LAST = 12
"""Measures of a curve on this page; the page of constants has them all."""
MOST = "500"


@dataclass(frozen=True, slots=True)
class Followed:
    """What is measured of a goal: the last times, oldest first (two at least), and the bounds that the goal says, else the usual ones."""

    measured: Measured
    taken: Sequence[Taken]
    bounds: Bounds


async def of_goals(ctx: Context, *, patient: str, goals: Sequence[Goal]) -> Mapping[str, Followed]:
    """By the reference of a goal. Nothing to who reads no measures; one statement for all goals, none where no goal names a measure."""
    named = {one.reference: (one, measured) for one in goals if (measured := resources.measured_by(one.resource))}
    if not named or "Observation" in await matrix.types_kept(ctx):
        return {}
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    codes = ",".join(f"{LOINC}|{code}" for code in sorted({code for _, measured in named.values() for code in measured.codes}))
    asked = [
        ("patient", people),
        ("code", codes),
        ("date", f"ge{(ctx.now - PERIOD).date()}"),
        ("_sort", "-date"),
        ("_count", MOST),
    ]
    taken = resources.series(await ctx.records.find("Observation", asked))
    return {
        reference: Followed(measured, taken[measured.key][-LAST:], resources.bounds_of(measured, [goal.resource]))
        for reference, (goal, measured) in named.items() if len(taken.get(measured.key, [])) > 1
    }  # fmt: skip
