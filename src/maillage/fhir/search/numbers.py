"""Searching numbers: what a value of a search says (R4 search.html#number), and the condition on the stored ones."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal

from maillage.errors import Invalid
from maillage.fhir.amounts import in_base, interval
from maillage.fhir.search.compose import Composer, Row

_POINT = {
    "eq": "({x} >= {a} and {x} < {b})",
    "ne": "({x} < {a} or {x} >= {b})",
    "gt": "{x} > {a}",
    "lt": "{x} < {a}",
    "ge": "{x} >= {a}",
    "le": "{x} <= {a}",
    "sa": "{x} > {a}",
    "eb": "{x} < {a}",
    "ap": "({x} >= {a} and {x} <= {b})",
}
_INTERVAL = _POINT | {
    "eq": "({x} >= {a} and {y} < {b})",
    "ne": "({x} < {a} or {y} >= {b})",
    "gt": "{y} > {a}",
    "ge": "{y} >= {a}",
    "eb": "{y} < {a}",
    "ap": "({x} <= {b} and {y} >= {a})",
}
PREFIXES = tuple(_POINT)
MAX_DIGITS = 100
MAX_EXPONENT = 400
_EXACT = Context(prec=2 * (MAX_DIGITS + MAX_EXPONENT), Emax=999_999, Emin=-999_999)
_NUMBER = re.compile(r"(?P<prefix>[a-z]{2})?(?P<number>-?(?P<whole>\d+)(?P<part>\.\d+)?(?P<power>[eE][+-]?\d{1,3})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberTest:
    """A prefix with its bounds: [low, high) for eq and ne, [low, high] for ap, else one number twice."""

    prefix: str
    low: Decimal
    high: Decimal

    def converted(self, convert: Callable[[Decimal], Decimal]) -> "NumberTest":
        """The same in another unit."""
        return NumberTest(self.prefix, convert(self.low), convert(self.high))

    def point(self, x: str, composer: Composer) -> str:
        """The condition on a stored number."""
        return self._written(_POINT, x, x, composer)

    def spread(self, x: str, y: str, composer: Composer) -> str:
        """The condition on a stored interval [x, y]."""
        return self._written(_INTERVAL, x, y, composer)

    def _written(self, forms: dict[str, str], x: str, y: str, composer: Composer) -> str:
        low, high = composer.bind(self.low, "numeric"), composer.bind(self.high, "numeric")
        return forms[self.prefix].format(x=x, y=y, a=low, b=high)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One alternative among stored amounts: their key, the test, and the marks they must all have.

    `written` tests the numbers as they were written instead of those in base units; `second` the second number of a pair.
    """

    key: int
    test: NumberTest
    marks: tuple[int, ...] = ()
    written: bool = False
    second: NumberTest | None = None

    @property
    def number(self) -> str:
        """The column of `amount` that is compared, after its key in an index."""
        return "raw_lo" if self.written else "lo"

    def conditions(self, composer: Composer) -> list[str]:
        """Conditions on a row `a` of `amount`, one of which must hold."""
        k, x, y = ("a.p", "a.raw_lo", "a.raw_hi") if self.written else ("a.k", "a.lo", "a.hi")
        marked = f" and a.tok @> {composer.bind(list(self.marks), 'int8[]')}" if self.marks else ""
        points = f"{k} = {composer.bind(self.key, 'int8')} and {self.test.point(x, composer)}{marked}"
        if self.second:
            return [f"{points} and {self.second.point(y, composer)}"]
        beyond = composer.bind(interval(self.key), "int8")
        return [points, f"{k} = {beyond} and {self.test.spread(x, y, composer)}{marked}"]


@dataclass(frozen=True, slots=True)
class AmountIs:
    """A number or quantity among the values passes one of the alternatives."""

    wanted: tuple[Wanted, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        either = " or ".join(f"({way})" for way in self._ways(composer))
        return f"(select true from amount a where a.id = {row}.id and ({either}) limit 1) is true"

    @property
    def stable(self) -> bool:
        return False

    def ids(self, row: Row, composer: Composer) -> str:
        return " union all ".join(f"select a.id from amount a where {way}" for way in self._ways(composer))

    def _ways(self, composer: Composer) -> list[str]:
        return [condition for one in self.wanted for condition in one.conditions(composer)]


def number_test(text: str) -> NumberTest:
    """What `[prefix]number` asks for; Invalid when it is none.

    Without prefix, and for `ne`, a number stands for all that round to it: half a unit of its last digit to each side. A single digit with
    an exponent counts as if it had one more (`1e2` is [95, 105), so R4). With another prefix it is exact. `ap` is 10 % to each side.
    """
    found = _NUMBER.fullmatch(text)
    if found is None or (found["prefix"] or "eq") not in PREFIXES or len(text) > MAX_DIGITS:
        raise Invalid(f"{text!r} is not a number with one of the prefixes {' '.join(PREFIXES)} or none")
    prefix, value = found["prefix"] or "eq", Decimal(found["number"])
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise Invalid(f"{text!r} is beyond 1e±{MAX_EXPONENT}")
    if prefix == "ap":
        around = _EXACT.divide(abs(value), Decimal(10))
    elif prefix in {"eq", "ne"}:
        coarse = found["power"] and len(found["whole"]) == 1 and not found["part"]
        around = Decimal(5).scaleb(int(value.as_tuple().exponent) - (2 if coarse else 1))
    else:
        around = Decimal(0)
    return NumberTest(prefix, _EXACT.subtract(value, around), _EXACT.add(value, around))


def in_digits(text: str) -> NumberTest:
    """The test of numbers that have no unit to convert."""
    return number_test(text).converted(lambda value: in_base(value, None))
