"""The caseload: the people whom a team supports, the nearest deadline first, in as many statements for five hundred as for one."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.db import load_queries
from maillage.fhir import ids
from maillage.fhir.change import Stored
from maillage.fhir.search import parse
from maillage.services.coordination import rules
from maillage.services.coordination.resources import contact
from maillage.services.coordination.resources.caseload import Person, has_title, person_from, sent_of, support_from
from maillage.services.coordination.resources.task import ALERT
from maillage.services.coordination.rules import Followed
from maillage.services.coordination.rules.tasks import DONE
from maillage.services.coordination.service import tasks
from maillage.services.coordination.service.absences import replaced
from maillage.services.coordination.service.colleagues import name_of

QUERIES = load_queries("maillage.services.coordination")
NEWS = timedelta(days=3)
PEOPLE = "500"
LONGEST_NAME = 60
RETURNED = ("DocumentReference/", "Encounter/")  # what a call after a return home is about: the letter, or the stay


@dataclass(frozen=True, slots=True)
class Caseload:
    """The lines of the page and its figures."""

    people: list[Followed]
    returns: int  # people with a return-home call to make
    open: int  # tasks to do
    late: int  # of which past their deadline
    changed: int  # people with a new document
    alerts: int  # that are not over


@dataclass(frozen=True, slots=True)
class View:
    """A view that somebody named: its filters as they stand in the address, and whether the page opens on it."""

    name: str
    query: str
    opens: bool


async def read(ctx: Context) -> Caseload:
    """The people whose circle holds the actor, one of their organisations, or a colleague for whom they stand in."""
    ctx.require(Permission.CASELOAD_READ)
    people = await _people(ctx)
    patients = [one.id for one in people]
    open_ = await tasks.due_of_teams(ctx)
    to_do = [one for one in open_ if one.code != ALERT]
    changed = await _changed(ctx, patients)
    supports, last = await _supports(ctx, patients), await _last(ctx, patients)
    waiting = Counter(one.patient for one in open_ if one.code == ALERT)
    for one, at in (await _reached(ctx, patients)).items():
        last[one] = max(at, last.get(one, at))
    said = {one: {"alerts": waiting[one], "last": last.get(one), **supports.get(one, {})} for one in patients}
    lines = rules.caseload(people, to_do, changed, said)
    late = sum(rules.late(one, ctx.now) for one in to_do)
    returns = len({one.patient for one in to_do if one.focus.startswith(RETURNED)})
    return Caseload(lines, returns, len(to_do), late, len(changed), sum(waiting.values()))


async def taken_away(ctx: Context, lines: int) -> None:
    """Leaves in the trail that the list was taken as a file, by how many lines."""
    ctx.trace(Action.EXECUTE, "Patient", None, query=f"file-active.csv lines={lines}")


async def views(ctx: Context) -> list[View]:
    """The views that whoever acts named."""
    rows = await ctx.run(QUERIES.views, owner=ctx.actor.reference or ctx.actor.id)
    return [View(row["name"], row["query"], row["opens"]) for row in rows]


async def keep_view(ctx: Context, *, name: str, query: str, opens: bool) -> None:
    """Keeps the filters of an address under a name."""
    ctx.require(Permission.CASELOAD_READ)
    await ctx.run(
        QUERIES.keep_view, owner=ctx.actor.reference or ctx.actor.id, name=name[:LONGEST_NAME], filters=query, opens=opens
    )


async def drop_view(ctx: Context, *, name: str) -> None:
    """Forgets a view."""
    ctx.require(Permission.CASELOAD_READ)
    await ctx.run(QUERIES.drop_view, owner=ctx.actor.reference or ctx.actor.id, name=name)


async def _people(ctx: Context) -> list[Person]:
    members = [*ctx.actor.organizations, *([ctx.actor.reference] if ctx.actor.reference else []), *await replaced(ctx)]
    if not members:
        return []
    asked = [("participant", ",".join(members)), ("status", "active"), ("_count", PEOPLE), ("_include", "CareTeam:patient")]
    page = await ctx.records.search_raw(parse("CareTeam", asked))  # the circles themselves need not be parsed
    return [person_from(one) for one in page.included if one.type == "Patient"]


async def _changed(ctx: Context, patients: list[str]) -> dict[str, Stored]:
    """The newest document of each person that came within the last days, as stored: few of them are shown at once. A letter goes before the notes of the day."""
    if not patients:
        return {}
    asked = [("patient", ",".join(patients)), ("status", "current"), ("date", f"ge{(ctx.now - NEWS).isoformat()}"),
             ("_sort", "-date"), ("_count", PEOPLE)]  # fmt: skip
    oldest_first = reversed((await ctx.records.search_raw(parse("DocumentReference", asked))).matches)
    found = {one.patient: one for one in sorted(oldest_first, key=has_title)}
    return {one: found[key] for one in patients if (key := ids.key(one)) in found}


async def _supports(ctx: Context, patients: list[str]) -> dict[str, dict[str, Any]]:
    """Who follows each person for the team, and how closely, by the episode of coordination that is open."""
    if not patients:
        return {}
    asked = [("patient", ",".join(patients)), ("status", "active"), ("_count", "1000")]
    found = [one for one in map(support_from, (await ctx.records.search_raw(parse("EpisodeOfCare", asked))).matches) if one]
    names = await _names(ctx, {one.manager for one in found})
    return {
        one.patient: {
            "referent": names.get(one.manager, ""), "level": one.level, "programme": one.programme,
            "own": one.manager == ctx.actor.reference,
        }
        for one in found
    }  # fmt: skip


async def _names(ctx: Context, managers: set[str]) -> dict[str, str]:
    """The names of those who follow: few people, whom hundreds of episodes name."""
    wanted = sorted(one.removeprefix("Practitioner/") for one in managers if one.startswith("Practitioner/"))
    if not wanted:
        return {}
    found = await ctx.records.find("Practitioner", [("_id", ",".join(wanted)), ("_count", "1000")])
    return {f"Practitioner/{one['id']}": name_of(one) for one in found}


async def _last(ctx: Context, patients: list[str]) -> dict[str, datetime]:
    """When a task of each person was last done."""
    if not patients:
        return {}
    asked = [
        ("patient", ",".join(patients)),
        ("status", DONE),
        ("period", f"ge{(ctx.now - rules.SILENCE * 12).date()}"),
        ("_sort", "-period"),
        ("_count", "1000"),
    ]
    last: dict[str, datetime] = {}
    for one in await ctx.records.find("Task", asked):
        person = (local(one.get("for")) or "").removeprefix("Patient/")
        at = _moment(one.get("executionPeriod", {}).get("end"))
        if at and (person not in last or last[person] < at):
            last[person] = at
    return last


async def _reached(ctx: Context, patients: list[str]) -> dict[str, datetime]:
    """When each person was last called or visited; a call that nobody answered is none."""
    if not patients:
        return {}
    asked = [("patient", ",".join(patients)), ("category", contact.SEARCHED), ("status", contact.MADE),
             ("sent", f"ge{(ctx.now - rules.SILENCE * 12).date()}"), ("_sort", "-sent"), ("_count", "1000")]  # fmt: skip
    newest: dict[UUID | None, datetime] = {}
    for one in (await ctx.records.search_raw(parse("Communication", asked))).matches:
        if at := _moment(sent_of(one)):
            newest.setdefault(one.patient, at)
    return {one: newest[key] for one in patients if (key := ids.key(one)) in newest}


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
