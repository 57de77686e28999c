"""The caseload: the people a coordination team supports, the nearest deadline first."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.coordination import rules
from maillage.services.coordination.rules import Followed
from maillage.services.coordination.service import tasks

NEWS = timedelta(days=3)
PEOPLE = "500"


@dataclass(frozen=True, slots=True)
class Caseload:
    """The lines of the page and its figures."""

    people: list[Followed]
    returns: int  # people with a return-home call to make
    open: int  # tasks to do
    late: int  # of which past their deadline
    changed: int  # people with a new document


async def read(ctx: Context) -> Caseload:
    """The people whose circle holds the actor or one of their organisations, in four statements."""
    ctx.require(Permission.CASELOAD_READ)
    people = await _people(ctx)
    to_do = await tasks.of_teams(ctx)
    changed = await _changed(ctx, [p["id"] for p in people])
    lines = rules.caseload(people, to_do, changed)
    late = sum(rules.late(t, ctx.now) for t in to_do)
    returns = len({t.patient for t in to_do if t.focus})
    return Caseload(lines, returns, len(to_do), late, len(changed))


async def _people(ctx: Context) -> list[dict[str, Any]]:
    members = [*ctx.actor.organizations, *([ctx.actor.reference] if ctx.actor.reference else [])]
    if not members:
        return []
    page = await ctx.records.search(
        "CareTeam",
        [
            ("participant", ",".join(members)),
            ("status", "active"),
            ("_count", PEOPLE),
            ("_include", "CareTeam:patient"),
        ],
    )
    return [r for r in page.included if r["resourceType"] == "Patient"]


async def _changed(ctx: Context, patients: list[str]) -> dict[str, dict[str, Any]]:
    """The newest document of each person that came within the last days."""
    if not patients:
        return {}
    found = await ctx.records.find(
        "DocumentReference",
        [("patient", ",".join(patients)), ("status", "current"), ("date", f"ge{(ctx.now - NEWS).isoformat()}"),
         ("_sort", "-date"), ("_count", PEOPLE)],
    )  # fmt: skip
    newest: dict[str, dict[str, Any]] = {}
    for document in found:
        newest.setdefault(document["subject"]["reference"].removeprefix("Patient/"), document)
    return newest
