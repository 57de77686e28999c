"""Spans of time in which a sight lasts."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from maillage.clock import PARIS
from maillage.fhir import dates

Span = tuple[datetime | None, datetime | None]
"""[from, to); None is without bound."""

ALWAYS: Span = (None, None)


def span(period: dict[str, Any] | None, within: Span = ALWAYS) -> Span:
    """The instants of a FHIR Period, cut to those of another."""
    if not period:
        return within
    since = dates.span(period["start"])[0] if "start" in period else None
    until = dates.span(period["end"])[1] if "end" in period else None
    return (_late(since, within[0]), _soon(until, within[1]))


def days(start: str, end: str | None) -> tuple[datetime, datetime]:
    """The whole days, as the region counts them, from that of one FHIR instant to that of another."""
    first = dates.span(start)[0].astimezone(PARIS).date()
    last = dates.span(end)[0].astimezone(PARIS).date() if end else first
    return _midnight(first), _midnight(last + timedelta(days=1))


def bounds(during: Span) -> dict[str, str]:
    """A span as the tables of access take it."""
    return {"since": instant(during[0], "-infinity"), "until": instant(during[1], "infinity")}


def instant(at: datetime | None, otherwise: str) -> str:
    """An instant as PostgreSQL reads it, or `otherwise` where there is none."""
    return at.astimezone(UTC).isoformat() if at else otherwise


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, PARIS)


def _late(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _soon(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
