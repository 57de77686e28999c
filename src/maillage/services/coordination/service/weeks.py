"""Who does what for a person in a week, across professions: what is written anywhere in the record, as whoever looks may see it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.services.coordination.resources import week as weeks
from maillage.services.coordination.resources.week import Duty
from maillage.services.coordination.rules.tasks import DONE, OPEN
from maillage.services.coordination.service import plans
from maillage.services.directory import public as directory
from maillage.services.directory.public import Member
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights
from maillage.ui import Banner

MANY = ("_count", "200")
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Week:
    """The seven days from `monday` with what is to be done on each, what is in place each week, what was to be done before (this week only), the circle by reference."""

    patient: str
    banner: Banner
    monday: date
    days: dict[date, list[Duty]]
    each_week: list[Duty]
    before: list[Duty]
    circle: dict[str, Member]


def monday_of(ctx: Context, day: str) -> date:
    """The Monday of the week of an ISO day; of this week where it is none."""
    try:
        found = date.fromisoformat(day)
        return found - timedelta(days=found.weekday()) if 1900 < found.year < 2200 else monday_of(ctx, "")
    except ValueError:
        today = ctx.now.astimezone(PARIS).date()
        return today - timedelta(days=today.weekday())


async def read(ctx: Context, *, patient: str, day: str) -> Week:
    """The week of somebody whom the actor follows."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    return await _week(ctx, patient, monday_of(ctx, day))


async def own(ctx: Context, *, day: str) -> Week:
    """The week of the person themself, or of whom a carer cares for."""
    ctx.require(Permission.OWN_RECORD_READ)
    return await _week(ctx, await rights.person_of(ctx), monday_of(ctx, day))


async def _week(ctx: Context, patient: str, monday: date) -> Week:
    banner = await identity.banner(ctx, patient)
    about = ("patient", ",".join(await identity.identities_of(ctx, patient)))
    start, end = (datetime.combine(one, time(), PARIS).isoformat() for one in (monday, monday + WEEK))
    visits = await ctx.records.find("Appointment", [about, ("date", f"ge{start}"), ("date", f"lt{end}"), MANY])
    tasks = await ctx.records.find("Task", [about, ("status", ",".join((*OPEN, DONE))), ("_sort", "-_lastUpdated"), MANY])
    requests = await ctx.records.find("ServiceRequest", [about, ("status", "active"), MANY])
    held = await plans.of_person(ctx, patient)
    actions = held.current.actions if held.current else []
    listed = {one.key for one in actions}
    found = [
        *weeks.appointments(visits),
        *weeks.deadlines(tasks),
        *weeks.planned(actions, monday=monday),
        *weeks.services((one for one in requests if f"ServiceRequest/{one['id']}" not in listed), monday=monday),
    ]
    current = monday == monday_of(ctx, "")
    return Week(
        patient, banner, monday, {day: _of(found, day) for day in (monday + timedelta(days=n) for n in range(7))},
        [one for one in found if one.day is None], [one for one in found if current and _waits(one, monday)],
        {one.reference: one for one in await directory.circle(ctx, patient)},
    )  # fmt: skip


def _waits(duty: Duty, monday: date) -> bool:
    return duty.day is not None and duty.day < monday and not duty.done


def _of(found: Iterable[Duty], day: date) -> list[Duty]:
    """Those of a day: by hour, then what has none."""
    return sorted((one for one in found if one.day == day), key=lambda one: (one.at is None, one.at or time(), one.what))
