"""Appointment (FHIR R4 §12.1) → whose time it takes, and when. Pure; tolerant of what others write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.access.references import local

BUSY = frozenset({"pending", "booked", "arrived", "checked-in"})
SHORTEST = timedelta(minutes=1)
PEOPLE = ("Practitioner/", "PractitionerRole/")


@dataclass(frozen=True, slots=True)
class Booking:
    """Who said yes to an appointment (references) from `since` until `until`."""

    people: frozenset[str]
    since: datetime
    until: datetime


def booking_of(appointment: Mapping[str, Any]) -> Booking | None:
    """The time that an appointment takes of those who accepted it; None where it takes none. Without an end it takes its minutes, or one."""
    since = _moment(appointment.get("start"))
    people = frozenset(
        who
        for one in appointment.get("participant", [])
        if one.get("status") == "accepted" and (who := local(one.get("actor"))) and who.startswith(PEOPLE)
    )
    if appointment.get("status") not in BUSY or since is None or not people:
        return None
    try:
        until = _moment(appointment.get("end")) or since + timedelta(minutes=int(appointment.get("minutesDuration", 0)))
        return Booking(people, since, max(until, since + SHORTEST))
    except OverflowError:  # at the end of the calendar nobody's time is taken
        return None


def names_of(appointment: Mapping[str, Any]) -> dict[str, str]:
    """The names of those who take part, by reference."""
    actors = [one.get("actor", {}) for one in appointment.get("participant", [])]
    return {who: str(one["display"]) for one in actors if (who := local(one)) and one.get("display")}


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
