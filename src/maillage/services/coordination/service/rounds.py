"""The round of the day: whom to see, in order, what was written lately about them, what is asked, and what is done."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import NotFound
from maillage.services.coordination.resources import note, visit
from maillage.services.coordination.resources.constants import ALERT
from maillage.services.coordination.resources.note import Note
from maillage.services.coordination.resources.visit import DONE, Visit
from maillage.services.coordination.service import notebook

HERE = ZoneInfo("Europe/Paris")
NEWS = timedelta(days=3)
MOST = "60"


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit with whom it is for, the last note of these days, and what stands in alert."""

    visit: Visit
    person: dict[str, Any]
    note: Note | None
    alerts: tuple[str, ...]


async def read(ctx: Context) -> list[Stop]:
    """The visits of whoever acts, today, in three statements."""
    ctx.require(Permission.ROUND_READ)
    if ctx.actor.reference is None:
        return []
    today = ctx.now.astimezone(HERE).date()
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
    return [Stop(one, people[one.patient], _last(ctx, notes, one.patient), _alerts(alerts, one.patient)) for one in stops]


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
