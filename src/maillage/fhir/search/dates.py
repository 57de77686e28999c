"""Comparing ranges of time as R4 asks (search.html#prefix): the range searched [a, b) with the range stored [x, y)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import reduce

from msgspec import Struct

from maillage.fhir.dates import EARLIEST
from maillage.fhir.rows import SHORT

_TESTS = {
    "eq": "({a} <= {x} and {y} <= {b})",
    "ne": "({x} < {a} or {y} > {b})",
    "gt": "({y} > {b})",
    "lt": "({x} < {a})",
    "ge": "({x} >= {a} or {y} > {b})",
    "le": "({x} < {a} or {y} <= {b})",
    "sa": "({x} >= {b})",
    "eb": "({y} <= {a})",
    "ap": "({x} < {b} + {w} and {y} > {a} - {w})",
}
PREFIXES = tuple(_TESTS)
_TESTS["po"] = "({x} < {b} and {y} > {a})"  # only _filter knows this one: the two overlap
_WIDTH = "0.1 * greatest(now() - {a}, {a} - now())"

Bind = Callable[[datetime, str], str]


class DateTest(Struct, frozen=True):
    """One value of a date search: prefix and range."""

    prefix: str
    start: datetime
    end: datetime

    def sql(self, x: str, y: str, bind: Bind) -> str:
        """The condition on a stored range. False, not null, is not promised: y may be null where there is no date."""
        a, b = bind(self.start, "timestamptz"), bind(self.end, "timestamptz")
        return _TESTS[self.prefix].format(x=x, y=y, a=a, b=b, w=_WIDTH.format(a=a))

    @property
    def bounds(self) -> "Bounds":
        return self.bounds_of(SHORT)

    def bounds_of(self, longest: timedelta) -> "Bounds":
        """The bounds, where no stored range that the lower one speaks of is longer."""
        a, b = self.start, self.end
        match self.prefix:
            case "eq":
                return Bounds(a, b, long=True)
            case "lt" | "eb":
                return Bounds(None, a)
            case "le":
                return Bounds(None, b)
            case "sa":
                return Bounds(b, None, long=True)
            case "gt":
                return Bounds(_before(b, longest), None)
            case "ge":
                return Bounds(min(a, _before(b, longest)), None)
            case _:
                return Bounds(None, None)


def _before(when: datetime, by: timedelta) -> datetime:
    """So much before, but not before all that a date can be."""
    return max(when, EARLIEST + by) - by


class Bounds(Struct, frozen=True):
    """Where stored ranges that match begin: from `lower` up to before `upper`, as an index can read it.

    `lower` holds for ranges up to SHORT; for longer ones only where `long` says so.
    """

    lower: datetime | None
    upper: datetime | None
    long: bool = False

    def either(self, other: "Bounds") -> "Bounds":
        """Bounds of what matches this or the other."""
        lower = min(self.lower, other.lower) if self.lower and other.lower else None
        upper = max(self.upper, other.upper) if self.upper and other.upper else None
        return Bounds(lower, upper, self.long and other.long)

    def both(self, other: "Bounds") -> "Bounds":
        """Bounds of what matches this and the other."""
        lowers = [b for b in (self, other) if b.lower]
        uppers = [b.upper for b in (self, other) if b.upper]
        lower = max((b.lower for b in lowers if b.lower), default=None)
        return Bounds(lower, min(uppers, default=None), bool(lowers) and all(b.long for b in lowers))

    @property
    def window(self) -> bool:
        return self.lower is not None and self.upper is not None

    def within(self, longest: timedelta) -> bool:
        """Whether it is a window at most so long."""
        return self.lower is not None and self.upper is not None and self.upper - self.lower <= longest


def hull(tests: tuple[DateTest, ...], longest: timedelta = SHORT) -> Bounds:
    """The bounds of a list of alternatives."""
    return reduce(Bounds.either, (test.bounds_of(longest) for test in tests))
