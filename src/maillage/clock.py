"""The only place that asks what time it is, and where the region's civil time is named."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
"""Civil time of the region: of screens, of dates and times that say no time zone."""


def in_paris(at: datetime) -> datetime:
    """A moment in civil time; at the ends of the calendar, which no time zone can leave, the same figures."""
    try:
        return at.astimezone(PARIS)
    except OverflowError:
        return at.replace(tzinfo=PARIS)


class Clock(Protocol):
    """Answers the present instant, timezone-aware, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is advanced: for tests and for the seed of the demo territory."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("FixedClock needs a timezone-aware datetime")
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        self._at += by


def monotonic() -> float:
    """Seconds from an arbitrary origin, never going back: for durations only."""
    return time.monotonic()
