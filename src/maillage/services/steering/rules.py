"""What a count becomes before anyone sees it: periods, small groups, findings in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from maillage.services.documents.public import TYPE_WORDS

SMALLEST_SHOWN = 11  # groups under this are not shown (recommendation of the CNIL and the SNDS for aggregates)
RECENT_DAYS = 30
RECENT = "30"  # the period of the last thirty days, as its address says it
LONG_DAYS = 62  # a longer period is told by months
INS_TARGET = 95  # per cent, target of the design's indicator page
POOLED = "*"


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days from `first` to `last`, both within."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Every day of the period."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def before(self) -> "Period":
        """As many days just before."""
        length = (self.last - self.first).days + 1
        return Period(self.first - timedelta(days=length), self.first - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Count:
    """Documents received in a group, and those whose INS is qualified. `groups` is how many groups were pooled into it."""

    key: str
    documents: int
    qualified: int
    groups: int = 1


class Grain(StrEnum):
    """The width of a step in time."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Series:
    """Documents received per step of time; each start of a step with its count."""

    grain: Grain
    steps: tuple[tuple[date, int], ...]


def recent(today: date) -> Period:
    """The thirty days up to today."""
    return Period(today - timedelta(days=RECENT_DAYS - 1), today)


def year(today: date) -> Period:
    """The twelve months up to today, the current one with its days so far."""
    return Period(date(today.year - (today.month < 12), today.month % 12 + 1, 1), today)


def period(text: str, today: date) -> Period:
    """The period that an address names: `30`, a month (2026-10), or else the last twelve months."""
    return recent(today) if text == RECENT else month(text) or year(today)


def month(text: str) -> Period | None:
    """The month written 2026-10, or None when it is not one."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(first, following - timedelta(days=1))


def without_small(counts: Sequence[Count]) -> list[Count]:
    """The groups that may be shown, largest first, then one pool of the others.

    A group under 11 goes to the pool; while the pool itself is under 11 it takes the smallest group still shown, so that no subtraction
    from the total gives a small group back. Everything under 11: nothing is shown.
    """
    ordered = sorted(counts, key=lambda count: (-count.documents, count.key))
    shown = [count for count in ordered if count.documents >= SMALLEST_SHOWN]
    pooled = [count for count in ordered if count.documents < SMALLEST_SHOWN]
    while pooled and shown and sum(count.documents for count in pooled) < SMALLEST_SHOWN:
        pooled.append(shown.pop())
    if not pooled or sum(count.documents for count in pooled) < SMALLEST_SHOWN:
        return shown
    pool = Count(POOLED, sum(c.documents for c in pooled), sum(c.qualified for c in pooled), groups=len(pooled))
    return [*shown, pool]


def series(by_day: Mapping[date, int], period: Period) -> Series:
    """The counts at the finest grain at which no step shows 1 to 10 documents: days, weeks, else the whole.

    A long period goes by months or by three of its months.
    """
    days = period.days
    grains = (Grain.DAY, Grain.WEEK) if len(days) <= LONG_DAYS else (Grain.MONTH, Grain.QUARTER)
    for grain in grains:
        steps = _steps(by_day, days, grain)
        if all(n == 0 or n >= SMALLEST_SHOWN for _, n in steps):
            return Series(grain, steps)
    return Series(Grain.WHOLE, ((period.first, sum(by_day.get(day, 0) for day in days)),))


def _steps(by_day: Mapping[date, int], days: Sequence[date], grain: Grain) -> tuple[tuple[date, int], ...]:
    """Each step's first day and count, in order."""
    totals: dict[date, int] = {}
    for number, day in enumerate(days):
        start = _start(grain, number, days)
        totals[start] = totals.get(start, 0) + by_day.get(day, 0)
    return tuple(totals.items())


def _start(grain: Grain, number: int, days: Sequence[date]) -> date:
    """The first day of the step in which a day stands, by its place among the days."""
    if grain is Grain.DAY:
        return days[number]
    if grain is Grain.WEEK:
        return days[number - number % 7]
    month = _months(days[number])
    if grain is Grain.QUARTER:
        month -= (month - _months(days[0])) % 3
    return date(month // 12, month % 12 + 1, 1)


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def shown_total(documents: int) -> int | None:
    """The number, or None when it is a small group."""
    return documents if documents == 0 or documents >= SMALLEST_SHOWN else None


def share(part: int, whole: int) -> int | None:
    """Per cent, rounded; None of nothing."""
    return round(100 * part / whole) if whole else None


def type_words(code: str) -> str:
    """The French name of a document type, from its LOINC or national code."""
    return TYPE_WORDS.get(code, f"Type {code}" if code else "Type non précisé")


def volume_finding(now: int, before: int) -> str:
    """What the count over time says, in a sentence."""
    if before < SMALLEST_SHOWN:
        return "Documents reçus, sans période comparable avant"
    change = round(100 * (now - before) / before)
    if abs(change) < 5:
        return "Le nombre de documents reçus est stable"
    return f"{abs(change)} % de documents en {'plus' if change > 0 else 'moins'} que sur la période précédente"


def ins_finding(part: int, whole: int) -> str:
    """What the share with an INS says against its target, in a sentence."""
    reached = share(part, whole)
    if reached is None:
        return "Aucun document reçu sur la période"
    if reached >= INS_TARGET:
        return f"La cible de {INS_TARGET} % de documents avec INS qualifiée est atteinte"
    missing = INS_TARGET - reached
    return (
        f"Il manque {missing} point{'s' if missing > 1 else ''} pour la cible de {INS_TARGET} % de documents avec INS qualifiée"
    )
