"""Appointment, Task, ServiceRequest and the actions of a plan → what is to be done in a week, by whom, on which day. Pure; tolerant of what others write."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from maillage.access.references import as_list, local
from maillage.clock import in_paris
from maillage.services.coordination.resources import support, telling
from maillage.services.coordination.resources import task as tasks
from maillage.services.coordination.resources.action import OVER, Action
from maillage.services.coordination.resources.fact import REQUEST
from maillage.services.coordination.resources.invitation import INVITATION

Resource = Mapping[str, Any]
KEPT = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "fulfilled"})
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOT_ACTORS = ("Patient/", "Location/", "Device/", "HealthcareService/")


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to be done. `day` None: each week, on no said day. `at` the hour, where it has one; `who` (reference, name) of those who do it; `by`: a deadline."""

    what: str
    day: date | None
    at: time | None = None
    who: tuple[tuple[str, str], ...] = ()
    how: str = ""
    done: bool = False
    by: bool = False


def appointments(found: Iterable[Resource]) -> list[Duty]:
    """Those that are kept and have an hour."""
    return [
        Duty(
            str(one.get("description") or telling.text(next(iter(one.get("serviceType", [])), {})) or "Rendez-vous"),
            start.date(), start.time(), _who(part.get("actor", {}) for part in one.get("participant", []) if part.get("status") != "declined"),
            "" if one["status"] in ("booked", "arrived", "checked-in", "fulfilled") else "À confirmer", one["status"] == "fulfilled",
        )
        for one in found if one.get("status") in KEPT and (start := _moment(one.get("start")))
    ]  # fmt: skip


def deadlines(found: Iterable[Resource]) -> list[Duty]:
    """Tasks that somebody has by a day. Answers to alerts, to requests for support and to invitations have pages of their own."""
    return [
        Duty(
            telling.text(one.get("code")) or str(one.get("description", "")) or "Tâche", day, None, _who([one.get("owner", {})]),
            done=one.get("status") == tasks.DONE, by=True,
        )
        for one in found
        if not (tasks.is_alert(dict(one)) or support.is_answer(one) or telling.codes(one.get("code"), INVITATION)) and one.get("status") not in OVER - {tasks.DONE}
        and (day := _day(one.get("restriction", {}).get("period", {}).get("end")))
    ]  # fmt: skip


def planned(actions: Iterable[Action], *, monday: date) -> list[Duty]:
    """What a plan asks for besides its tasks: by a day, or on the days of its timing."""
    found = []
    for one in actions:
        if one.over or one.key.startswith("Task/"):
            continue
        who = ((one.owner or "", one.owner_name),) if one.owner or one.owner_name else ()
        detail = one.resource.get("detail", one.resource)
        timed = _timed(detail.get("scheduledTiming") or detail.get("occurrenceTiming"), monday)
        found += [Duty(one.what, day, at, who, one.how) for day, at in timed]
        if not timed and (due := _day(one.due)):
            found.append(Duty(one.what, due, None, who, one.how, by=True))
    return found


def services(found: Iterable[Resource], *, monday: date) -> list[Duty]:
    """Aids in place in this week; on their days where they say them, else each week."""
    duties = []
    for one in found:
        period = one.get("occurrencePeriod", {})
        since, until = _day(period.get("start")) or date.min, _day(period.get("end")) or date.max
        timing = one.get("occurrenceTiming")
        aid = "aid" in telling.codes(one.get("category", []), REQUEST)
        if one.get("status") != "active" or not (aid or timing) or since > monday + timedelta(days=6) or until < monday:
            continue
        who, how = _who(as_list(one.get("performer"))), str(one.get("patientInstruction", ""))
        what = telling.text(one.get("code")) or "Service"
        timed = [(day, at) for day, at in _timed(timing, monday) if since <= day <= until]
        if not timed and aid:
            duties.append(Duty(what, None, None, who, how))
        duties += [Duty(what, day, at, who, how) for day, at in timed]
    return duties


def _who(actors: Iterable[Resource]) -> tuple[tuple[str, str], ...]:
    named = [(local(one) or "", str(one.get("display", ""))) for one in actors]
    return tuple((reference, name) for reference, name in named if (reference or name) and not reference.startswith(NOT_ACTORS))


def _timed(timing: Resource | None, monday: date) -> list[tuple[date, time | None]]:
    """The days of a FHIR Timing in this week: its `dayOfWeek`, at each `timeOfDay`, within its bounds."""
    repeat = (timing or {}).get("repeat", {})
    bounds = repeat.get("boundsPeriod", {})
    since, until = _day(bounds.get("start")) or date.min, _day(bounds.get("end")) or date.max
    days = [monday + timedelta(days=DAYS.index(name)) for name in repeat.get("dayOfWeek", []) if name in DAYS]
    hours: list[time | None] = [time.fromisoformat(one) for one in repeat.get("timeOfDay", [])] or [None]
    return [(day, at) for day in days if since <= day <= until for at in hours]


def _moment(text: object) -> datetime | None:
    try:
        return in_paris(datetime.fromisoformat(str(text)))
    except ValueError:
        return None


def _day(text: object) -> date | None:
    """The day in Paris of a whole FHIR date or instant; None for nothing and for months and years."""
    words = str(text or "")
    if len(words) < 10:
        return None
    found = _moment(words) if "T" in words else None
    return found.date() if found else date.fromisoformat(words[:10])
