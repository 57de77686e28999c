"""The round of the day: whom to see, in order, what is to be done there, what was written lately about them, and what is done."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import NotFound
from maillage.services.coordination.resources import note, visit
from maillage.services.coordination.resources import task as tasks
from maillage.services.coordination.resources.constants import ALERT, named_in
from maillage.services.coordination.resources.fact import way_in
from maillage.services.coordination.resources.note import Note
from maillage.services.coordination.resources.task import Task
from maillage.services.coordination.resources.visit import DONE, Visit
from maillage.services.coordination.rules.tasks import OPEN
from maillage.services.coordination.service import notebook

HERE = ZoneInfo("Europe/Paris")
NEWS = timedelta(days=3)
MOST = "60"
MANY = "200"
AHEAD = timedelta(days=7)
"""What is due so soon is done while one is there."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit with whom it is for, what is to be done there, the last note of these days, what stands in alert, and how one gets in."""

    visit: Visit
    person: dict[str, Any]
    todo: tuple[Task, ...]
    note: Note | None
    alerts: tuple[str, ...]
    way_in: str

    @property
    def measure(self) -> str:
        """The key of the measure that the visit is for (`MEASURES`); empty where its words name none."""
        named = named_in(self.visit.what)
        return named.key if named and not named.computed else ""


@dataclass(frozen=True, slots=True)
class Round:
    """The day: its stops, and what is due of people who are not visited, each with the person; `at` the end of the day."""

    stops: list[Stop]
    aside: list[tuple[Task, dict[str, Any]]]
    end: datetime


async def read(ctx: Context) -> Round:
    """The visits of whoever acts, today, and the tasks and actions of plans that they have, in as many statements for many as for one."""
    ctx.require(Permission.ROUND_READ)
    today = ctx.now.astimezone(HERE).date()
    end = datetime(today.year, today.month, today.day, tzinfo=HERE) + timedelta(days=1)
    if ctx.actor.reference is None:
        return Round([], [], end)
    params = [
        ("actor", ctx.actor.reference),
        *_of_day(today),
        ("_sort", "date"),
        ("_count", MOST),
        ("_include", "Appointment:patient"),
    ]
    page = await ctx.records.search("Appointment", params)
    people = {one["id"]: one for one in page.included if one["resourceType"] == "Patient"}
    stops = [one for one in visit.visits(page.matches) if one.patient in people]
    seen = sorted({one.patient for one in stops})
    notes = await notebook.notes_of(ctx, seen)
    alerts = (
        await ctx.records.find("Flag", {"patient": ",".join(f"Patient/{one}" for one in seen), "_count": "100"}) if seen else []
    )
    ways_in = await _ways_in(ctx, seen)
    asked = [("owner", ctx.actor.reference), ("status", ",".join(OPEN)), ("_count", MANY), ("_include", "Task:patient")]
    mine = await ctx.records.search("Task", asked)
    todo = sorted(
        (tasks.task_from(one) for one in mine.matches if tasks.is_planned(one) and not tasks.is_alert(one)),
        key=lambda one: one.due,
    )
    about = {one["id"]: one for one in mine.included if one["resourceType"] == "Patient"}
    there = _where(stops)
    return Round(
        [Stop(one, people[one.patient], tuple(task for task in todo if there[one.patient] == one.id and task.patient == one.patient and task.due < end + AHEAD),
              _last(ctx, notes, one.patient), _alerts(alerts, one.patient), ways_in.get(one.patient, "")) for one in stops],
        [(one, about[one.patient]) for one in todo if one.patient not in there and one.patient in about and one.due < end], end,
    )  # fmt: skip


async def _ways_in(ctx: Context, patients: list[str]) -> dict[str, str]:
    """How one gets into the home of each of these people, the last that was said, as far as whoever acts may read it."""
    if not patients:
        return {}
    asked = {"patient": ",".join(patients), "status": "completed,amended", "_sort": "_lastUpdated", "_count": MANY}
    found = await ctx.records.find("QuestionnaireResponse", asked)
    told = ((local(one.get("subject")), way_in(one)) for one in found)
    return {person.removeprefix("Patient/"): words for person, words in told if person and words}


def _where(stops: list[Visit]) -> dict[str, str]:
    """The visit at which the tasks of each person are shown: the first that was not made, else the last of the day."""
    found: dict[str, str] = {}
    for one in reversed(stops):
        if one.patient not in found or not one.done:
            found[one.patient] = one.id
    return found


async def tick(ctx: Context, *, id: str, done: bool) -> None:
    """Says that a visit was made, or takes that back; one that is already so stays as it is. NotFound for what is no visit of whoever acts."""
    ctx.require(Permission.ROUND_READ)
    resource = await ctx.records.read("Appointment", id)
    mine = {one.get("actor", {}).get("reference") for one in resource.get("participant", [])}
    if ctx.actor.reference is None or ctx.actor.reference not in mine or visit.visit_from(resource) is None:
        raise NotFound(f"Appointment/{id} is no visit of yours")
    status = DONE if done else "booked"
    if resource["status"] != status:
        await ctx.records.write({**resource, "status": status})


def _of_day(day: date) -> list[tuple[str, str]]:
    return [
        ("date", f"ge{day.isoformat()}T00:00:00{_offset(day)}"),
        ("date", f"lt{(day + timedelta(days=1)).isoformat()}T00:00:00{_offset(day + timedelta(days=1))}"),
    ]


def _offset(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=HERE).isoformat()[-6:]


def _last(ctx: Context, notes: list[dict[str, Any]], patient: str) -> Note | None:
    own = [one for one in notes if one["subject"]["reference"] == f"Patient/{patient}" and "date" in one]
    last = note.note_from(own[0]) if own else None
    return last if last and ctx.now - last.at <= NEWS else None


def _alerts(flags: list[dict[str, Any]], patient: str) -> tuple[str, ...]:
    return tuple(
        str(one.get("code", {}).get("text", "")) for one in flags
        if one.get("status") == "active" and one.get("subject", {}).get("reference") == f"Patient/{patient}"
        and any(coding.get("system") == ALERT["system"] for concept in one.get("category", []) for coding in concept.get("coding", []))
    )  # fmt: skip
