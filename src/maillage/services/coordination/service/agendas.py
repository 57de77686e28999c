"""What people of a team do over some days: visits, meetings, appointments, calls that were made, tasks by their day, and who is away; in as many statements for ten as for one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.services.coordination.resources import agenda as resources
from maillage.services.coordination.resources import contact
from maillage.services.coordination.resources.agenda import Item
from maillage.services.coordination.rules.tasks import OPEN
from maillage.services.coordination.service import absences
from maillage.services.coordination.service.colleagues import Somebody, colleagues, oneself

MANY = ("_count", "500")
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody is away from `since` until `until`, both included; `substitute` stands in for them."""

    id: str
    person: str
    since: date
    until: date
    substitute: str

    def on(self, day: date) -> bool:
        """Whether they are away on a day."""
        return self.since <= day <= self.until


@dataclass(frozen=True, slots=True)
class Agenda:
    """What `people` do on `days`; tasks that are late before them are in `late`. `patients` are the persons by id, as whoever looks may see them."""

    people: list[Somebody]
    days: list[date]
    items: list[Item]
    late: list[Item]
    away: list[Away]
    patients: dict[str, dict[str, Any]]

    def of(self, who: str, day: date) -> list[Item]:
        """What somebody does on a day: by the hour, then what has none."""
        return ordered(one for one in self.items if one.who == who and one.day == day)

    def on(self, day: date) -> list[Item]:
        """What is done on a day."""
        return ordered(one for one in self.items if one.day == day)

    def absent(self, who: str, day: date) -> Away | None:
        """Their absence on a day."""
        return next((one for one in self.away if one.person == who and one.on(day)), None)


def ordered(items: Iterable[Item]) -> list[Item]:
    """By the hour, then what has none."""
    return sorted(items, key=lambda one: (one.at is None, one.at or time(), one.what))


async def team(ctx: Context) -> list[Somebody]:
    """Whoever acts, then the people of their teams by name."""
    me = oneself(ctx)
    others = [one for one in await colleagues(ctx) if one.reference.startswith("Practitioner/") and one.reference != me.reference]
    return [*([me] if me.reference else []), *others]


async def read(ctx: Context, *, people: Sequence[Somebody], start: date, days: int) -> Agenda:
    """The agendas of these people from a day on, as far as whoever acts sees what is in them."""
    ctx.require(Permission.TASK_READ)
    shown = [start + timedelta(days=n) for n in range(days)]
    who = [one.reference for one in people]
    if not who:
        return Agenda([], shown, [], [], [], {})
    since, until = (datetime.combine(one, time(), PARIS).isoformat() for one in (start, start + timedelta(days=days)))
    appointments = await ctx.records.search(
        "Appointment",
        [("actor", ",".join(who)), ("date", f"ge{since}"), ("date", f"lt{until}"), MANY, ("_include", "Appointment:patient")],
    )
    tasks = await ctx.records.search(
        "Task", [("owner", ",".join(who)), ("status", ",".join(OPEN)), MANY, ("_include", "Task:patient")]
    )
    calls = await ctx.records.search(
        "Communication",
        [("sender", ",".join(who)), ("category", contact.SEARCHED), ("sent", f"ge{since}"), ("sent", f"lt{until}"), MANY, ("_include", "Communication:patient")],
    )  # fmt: skip
    found = [
        *resources.appointments(appointments.matches, who),
        *resources.deadlines(tasks.matches, ctx.now),
        *resources.calls(calls.matches),
    ]
    included = [*appointments.included, *tasks.included, *calls.included]
    patients = {one["id"]: one for one in included if one["resourceType"] == "Patient"}
    kept = [one for one in found if not one.patient or one.patient in patients]
    return Agenda(
        list(people), shown, [one for one in kept if one.day in set(shown)],
        sorted((one for one in kept if one.late and one.day < start), key=lambda one: one.day), await away(ctx, who), patients,
    )  # fmt: skip


async def away(ctx: Context, people: Sequence[str]) -> list[Away]:
    """The absences of these people that are not over, the first first."""
    rows = await absences.coming(ctx, people)
    return [Away(row["id"], row["person"], row["since"], row["until"], row["substitute"] or "") for row in rows]


def day_of(ctx: Context, text: str) -> date:
    """An ISO day; today where it is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return ctx.now.astimezone(PARIS).date()
    return found if 1900 < found.year < 2200 else ctx.now.astimezone(PARIS).date()
