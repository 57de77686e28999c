"""FHIR dates and times: the real calendar, and the span of time that a partial date stands for."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from maillage.clock import PARIS
from maillage.errors import Invalid, Issue

ZONE = PARIS
"""Where a date without a time zone begins and ends (FHIR R4 search.html#date leaves it to the server)."""

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
"""The open sides of ranges; a day inside what Python and PostgreSQL hold, so that no time zone leaves it."""

Span = tuple[datetime, datetime]
"""[from, to) in UTC."""

_MOMENT = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII)


@lru_cache(maxsize=16_384)
def span(text: str) -> Span:
    """The time that a FHIR date, dateTime or instant covers: `2024-02` is the whole month in ZONE, in UTC.

    Takes also what searches allow: minutes without seconds, a time without zone. Raises Invalid.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise _refusal(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        if hour is None:
            return _whole_days(int(year), int(month) if month else None, int(day) if day else None)
        start = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=_zone(zone, int(year)))
        start += timedelta(seconds=int(second or 0), microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        return _clamped(start.astimezone(UTC), _precision(second, fraction))
    except (ValueError, OverflowError) as error:
        raise _refusal(text) from error


def is_real(text: str) -> bool:
    """Whether the day named by a FHIR date or dateTime (already of the right form) is in the calendar."""
    if len(text) < 10:
        return text[:4] != "0000"
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _whole_days(year: int, month: int | None, day: int | None) -> Span:
    first = date(year, month or 1, day or 1)
    if (year, month or 12, day or 31) >= (9999, 12, 30):
        after = LATEST.date()
    elif day:
        after = first + timedelta(days=1)
    elif month:
        after = date(year + month // 12, month % 12 + 1, 1)
    else:
        after = date(year + 1, 1, 1)
    return _midnight(min(first, LATEST.date() - timedelta(days=1))), _midnight(max(after, EARLIEST.date() + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    if not EARLIEST.date() < day < LATEST.date():
        return max(EARLIEST, min(LATEST, datetime(day.year, day.month, day.day, tzinfo=UTC)))
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def _zone(text: str | None, year: int) -> tzinfo:
    if text is None:
        return ZONE
    if text == "Z" or year in (1, 9999):  # there an offset could leave the calendar of Python
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _precision(second: str | None, fraction: str | None) -> timedelta:
    if second is None:
        return timedelta(minutes=1)
    return timedelta(microseconds=10 ** max(0, 6 - len(fraction or "")))


def _clamped(start: datetime, length: timedelta) -> Span:
    held = max(EARLIEST, min(LATEST - length, start))
    return held, held + length


def _refusal(text: str) -> Invalid:
    message = f"{text!r} is not a date or time that exists (as 2024, 2024-02, 2024-02-29 or 2024-02-29T10:30:00+01:00)"
    return Invalid(message, issues=[Issue(code="value", diagnostics=message)])
