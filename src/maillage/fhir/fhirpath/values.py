"""Values of FHIRPath that JSON has no form for: dates and times of some precision, times of day, quantities (FHIRPath 2.0.0 §2.1.1 to §2.1.10, §6.6)."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

from maillage.fhir.units import unit

Precision = Literal["year", "month", "day", "hour", "minute", "second"]
PRECISIONS: tuple[Precision, ...] = ("year", "month", "day", "hour", "minute", "second")
CALENDAR = {
    name: code
    for code, names in {
        "year": ("year", "years"), "month": ("month", "months"), "week": ("week", "weeks"), "day": ("day", "days"), "hour": ("hour", "hours"),
        "minute": ("minute", "minutes"), "second": ("second", "seconds"), "millisecond": ("millisecond", "milliseconds"),
    }.items()
    for name in names
}  # fmt: skip
_UCUM_TIME = {
    "a": "year",
    "mo": "month",
    "wk": "week",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "ms": "millisecond",
}
_EXACT = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_LENGTHS = {"week": 604_800_000, "day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1_000, "millisecond": 1}
_DATE_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?(?P<time>T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?)?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_TIME = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date or dateTime as far as it is known: `parts` from the year on, seconds with their fraction. `zone` in minutes, None where none is said."""

    parts: tuple[Decimal, ...]
    zone: int | None = None
    is_date: bool = False
    text: str = ""

    @classmethod
    def read(cls, text: str) -> "Temporal | None":
        """A date or dateTime of its FHIR, or FHIRPath, text; None where it is none that exists."""
        found = _DATE_TIME.fullmatch(text)
        if found is None or (found["zone"] and not found["time"]) or (found["time"] and found["hour"] and not found["day"]):
            return None
        parts = [Decimal(found[name]) for name in PRECISIONS if found[name] is not None]
        if found["fraction"]:
            parts[-1] += Decimal(f"0.{found['fraction']}")
        zone = found["zone"]
        minutes = (
            None if not zone else 0 if zone == "Z" else (-1 if zone[0] == "-" else 1) * (int(zone[1:3]) * 60 + int(zone[4:6]))
        )
        made = cls(tuple(parts), minutes, not found["time"], text.removesuffix("T"))
        return made if made._exists() else None

    def _exists(self) -> bool:
        try:
            self.moment()
        except (ValueError, OverflowError):
            return False
        return True

    @property
    def precision(self) -> Precision:
        """The last part that is known."""
        return PRECISIONS[len(self.parts) - 1]

    def moment(self) -> datetime:
        """The first instant of it, in UTC where its zone is said and as if it were where not."""
        year, month, day, hour, minute = (
            int(one) for one in (*self.parts[:5], *(Decimal(1 if at in (1, 2) else 0) for at in range(len(self.parts), 5)))
        )
        second = self.parts[5] if len(self.parts) > 5 else Decimal(0)
        whole = datetime(year, month, day, hour, minute, int(second), int(second % 1 * 1_000_000), tzinfo=UTC)
        return whole - timedelta(minutes=self.zone or 0)

    def __str__(self) -> str:
        return self.text or self._written()

    def _written(self) -> str:
        names = [f"{int(one):0{4 if at == 0 else 2}d}" for at, one in enumerate(self.parts[:5])]
        day, time = "-".join(names[:3]), ":".join(names[3:])
        if len(self.parts) > 5:
            time += f":{_seconds(self.parts[5])}"
        zone = (
            ""
            if self.zone is None
            else "Z"
            if self.zone == 0
            else f"{'-' if self.zone < 0 else '+'}{abs(self.zone) // 60:02d}:{abs(self.zone) % 60:02d}"
        )
        return day if self.is_date or not time else f"{day}T{time}{zone}"

    def compared(self, other: "Temporal") -> int | None:
        """-1, 0 or 1; None where the less precise of both does not let it be said."""
        one, two = self._aligned(other), other._aligned(self)
        for mine, theirs in zip(one, two, strict=False):
            if mine != theirs:
                return -1 if mine < theirs else 1
        return 0 if len(one) == len(two) else None

    def _aligned(self, other: "Temporal") -> tuple[Decimal, ...]:
        """The parts, in UTC where both say their zone."""
        if self.zone is None or other.zone is None or len(self.parts) < 4:
            return self.parts
        moved = self.moment()
        second = Decimal(moved.second) + Decimal(moved.microsecond) / 1_000_000
        parts = (
            Decimal(moved.year),
            Decimal(moved.month),
            Decimal(moved.day),
            Decimal(moved.hour),
            Decimal(moved.minute),
            second,
        )
        return parts[: len(self.parts)]

    def plus(self, measure: "Measure", sign: int) -> "Temporal | None":
        """Moved by a duration, as far as its own precision goes (§6.6.6); None for a unit that is no time, or beyond the calendar."""
        name = measure.unit if measure.calendar else _UCUM_TIME.get(measure.unit) or CALENDAR.get(measure.unit)
        if name is None:
            return None
        amount = sign * measure.value
        if name in ("year", "month"):
            months = int(amount) * (12 if name == "year" else 1)
            return self._by_months(months if len(self.parts) > 1 else months // 12 * 12 if months >= 0 else -(-months // 12 * 12))
        amount = amount if name == "millisecond" else Decimal(int(amount))
        milliseconds = amount * _LENGTHS[name]
        if len(self.parts) < 3:
            days = int(milliseconds / 86_400_000)
            return self._by_months(int(days / 365) * 12 if len(self.parts) == 1 else int(days / 30))
        if len(self.parts) < 6:
            least = {3: 86_400_000, 4: 3_600_000, 5: 60_000}[len(self.parts)]
            milliseconds = Decimal(int(milliseconds / least) * least)
        try:
            moved = self.moment() + timedelta(minutes=self.zone or 0) + timedelta(microseconds=int(milliseconds * 1_000))
        except OverflowError:
            return None
        return self._from(moved)

    def _by_months(self, months: int) -> "Temporal | None":
        year, month = divmod(int(self.parts[0]) * 12 + (int(self.parts[1]) - 1 if len(self.parts) > 1 else 0) + months, 12)
        if not 1 <= year <= 9999:
            return None
        parts = [Decimal(year), Decimal(month + 1), *self.parts[2:]][: len(self.parts)]
        if len(parts) > 2:
            parts[2] = min(parts[2], Decimal(calendar.monthrange(year, month + 1)[1]))
        return Temporal(tuple(parts), self.zone, self.is_date)

    def _from(self, moved: datetime) -> "Temporal":
        second = Decimal(moved.second) + Decimal(moved.microsecond) / 1_000_000
        if len(self.parts) > 5 and self.parts[5] == self.parts[5].to_integral_value() and second == second.to_integral_value():
            second = Decimal(int(second))
        parts = (
            Decimal(moved.year),
            Decimal(moved.month),
            Decimal(moved.day),
            Decimal(moved.hour),
            Decimal(moved.minute),
            second,
        )
        return Temporal(parts[: len(self.parts)], self.zone, self.is_date)


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time of day as far as it is known: hour, minute, second with its fraction."""

    parts: tuple[Decimal, ...]
    text: str = ""

    def __str__(self) -> str:
        if self.text:
            return self.text
        return ":".join([*(f"{int(one):02d}" for one in self.parts[:2]), *(_seconds(one) for one in self.parts[2:])])

    def compared(self, other: "TimeOfDay") -> int | None:
        """As of dates."""
        for mine, theirs in zip(self.parts, other.parts, strict=False):
            if mine != theirs:
                return -1 if mine < theirs else 1
        return 0 if len(self.parts) == len(other.parts) else None

    def plus(self, measure: "Measure", sign: int) -> "TimeOfDay | None":
        """Moved by hours, minutes or seconds, round the clock; None for another unit."""
        name = measure.unit if measure.calendar else _UCUM_TIME.get(measure.unit)
        if name not in ("hour", "minute", "second", "millisecond"):
            return None
        amount = (
            sign * (measure.value if name in ("second", "millisecond") else Decimal(int(measure.value))) * _LENGTHS[name] / 1_000
        )
        whole = [*self.parts, *(Decimal(0) for _ in range(3 - len(self.parts)))]
        seconds = (whole[0] * 3_600 + whole[1] * 60 + whole[2] + amount) % 86_400
        hours, rest = divmod(seconds, 3_600)
        return TimeOfDay((hours, *divmod(rest, 60))[: len(self.parts)])


def read_time(text: str) -> TimeOfDay | None:
    """A time of day of its text; None where it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    parts = [Decimal(one) for one in found.groups()[:3] if one is not None]
    if found[4]:
        parts[-1] += Decimal(f"0.{found[4]}")
    if any(part >= most for part, most in zip(parts, (24, 60, 60), strict=False)):
        return None
    return TimeOfDay(tuple(parts), text)


def _seconds(value: Decimal) -> str:
    whole, _, rest = format(value, "f").partition(".")
    return f"{int(whole):02d}" + (f".{rest}" if rest else "")


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity: a number and its UCUM code, or a word of the calendar (`calendar`), of which years and months are of no exact length."""

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    def __str__(self) -> str:
        number = format(self.value, "f")
        if self.calendar:
            return f"{number} {self.unit if abs(self.value) == 1 else self.unit + 's'}"
        return f"{number} '{self.unit}'"

    def in_base(self) -> tuple[Decimal, str] | None:
        """The number in base units, and which those are; None for a unit that UCUM does not know."""
        code = _EXACT.get(self.unit, "") if self.calendar else self.unit
        if not code:
            return self.value, f"calendar {self.unit}"
        known = unit(code)
        return None if known is None else (known.canonical(self.value), known.dimension)

    def compared(self, other: "Measure") -> int | None:
        """-1, 0 or 1; None where the units do not measure the same."""
        if self.unit == other.unit and self.calendar == other.calendar:
            mine, theirs = self.value, other.value
        else:
            one, two = self.in_base(), other.in_base()
            if one is None or two is None or one[1] != two[1]:
                return None
            mine, theirs = one[0], two[0]
        return (mine > theirs) - (mine < theirs)


def measure_of(value: Any) -> Measure | None:
    """A FHIR Quantity as a measure; None where it has no number, or a comparator."""
    if not isinstance(value, dict) or value.get("value") is None or value.get("comparator"):
        return None
    code = value.get("code") or value.get("unit") or "1"
    word = _UCUM_TIME.get(code) if value.get("system") == "http://unitsofmeasure.org" else None
    return (
        Measure(Decimal(str(value["value"])), word, calendar=True)
        if word in ("year", "month")
        else Measure(Decimal(str(value["value"])), code)
    )


def zone_of(at: datetime) -> timezone:
    """The offset of an instant, as a fixed zone."""
    return timezone(at.utcoffset() or timedelta(0))
