"""Units of measure by UCUM (https://ucum.org, case-sensitive codes): what a unit is in base units, exactly.

No Python library did (2026-11): `ucumate` needs Java; `ucumvert` (on pint) reckons in floats, takes `[iU]` for a plain number, so that
`[iU]/L` would equal `/L`, knows no `[pH]` or `{score}`, and costs 44 MB a process. The facts are in `ucum.txt`.
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path

DIGITS = 40
"""Digits of numbers that are stored and compared; one with more is rounded, on both sides alike."""
NUMBERS = Context(prec=DIGITS, Emax=5_000, Emin=-5_000)
SYSTEM = "http://unitsofmeasure.org"
MAX_CODE = 100
"""Characters of a unit that is read as UCUM."""
MAX_EXPONENT = 60
MAX_BITS = 3_400
"""Of the numbers in the factor of a unit: about 1e±1000."""
FACTS = Path(__file__).parent / "ucum.txt"
_ZERO_IN_KELVIN = {"Cel": Fraction("273.15"), "[degF]": Fraction("459.67") * 5 / 9, "[degRe]": Fraction("273.15")}
"""Where the temperature scales begin (UCUM section 4.5, table 14). Within a product only their step counts."""
_NOTE = re.compile(r"\{[^{}]*\}")
_PIECE = re.compile(r"(?P<note>\{[^{}]*\})|(?P<sign>[./()])|(?P<symbol>(?:\[[^\[\]]*\]|[^./(){}\[\]\s])+)")
_POWER = re.compile(r"(?P<atom>.*?[^0-9+-])(?P<exponent>[+-]?[0-9]+)?")

Powers = dict[str, int]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as `factor` × `dimension` (base units with their powers), its zero at `zero` of that."""

    factor: Fraction
    dimension: str
    zero: Fraction = Fraction(0)
    decimals: tuple[Decimal, Decimal] | None = None
    """`factor` and `zero`, where decimals can say them exactly: a faster way to the same number."""

    def canonical(self, value: Decimal | int) -> Decimal:
        """A number of this unit in base units, rounded once to `DIGITS`."""
        if self.decimals:
            return NUMBERS.fma(Decimal(value), *self.decimals)
        exact = Fraction(value) * self.factor + self.zero
        return NUMBERS.divide(Decimal(exact.numerator), Decimal(exact.denominator))


@lru_cache(maxsize=4_096)
def unit(code: str) -> Unit | None:
    """The unit of a UCUM code; None when it is none (then a unit can only be compared by its text)."""
    if len(code) > MAX_CODE:
        return None
    try:
        factor, powers = _Reader(code).read()
    except ValueError:
        return None
    if max(factor.numerator.bit_length(), factor.denominator.bit_length()) > MAX_BITS:
        return None
    zero = _zero(_NOTE.sub("", code))
    return Unit(factor, _dimension(powers), zero, _decimals(factor, zero))


def _decimals(factor: Fraction, zero: Fraction) -> tuple[Decimal, Decimal] | None:
    exact = Context(prec=4 * DIGITS, Emax=5_000, Emin=-5_000, traps=[Inexact])
    try:
        return exact.divide(Decimal(factor.numerator), Decimal(factor.denominator)), exact.divide(
            Decimal(zero.numerator), Decimal(zero.denominator)
        )
    except Inexact:
        return None


def _zero(code: str) -> Fraction:
    scale = code[-3:] if code[:-3] in _table()[0] else code  # the prefixed ones: Cel is the only metric scale
    return _ZERO_IN_KELVIN.get(scale, Fraction(0))


def _dimension(powers: Powers) -> str:
    return ".".join(f"{base}{power}" for base, power in sorted(powers.items()) if power)


@dataclass(frozen=True, slots=True)
class _Atom:
    """A line of the table."""

    metric: bool
    value: str
    expression: str


@cache
def _table() -> tuple[dict[str, Fraction], dict[str, _Atom]]:
    prefixes, atoms = {}, {}
    for line in FACTS.read_text("utf-8").splitlines():
        match line.split("\t"):
            case ["prefix", code, value]:
                prefixes[code] = Fraction(value)
            case ["unit", code, kind, *rest]:
                value, expression = rest or ("", "")
                atoms[code] = _Atom(kind == "metric", value, expression)
    return prefixes, atoms


class _Reader:
    """Reads the grammar of UCUM (section 2): products and quotients from left to right, parentheses, annotations. Faults are ValueError."""

    def __init__(self, code: str) -> None:
        self._pieces = [(str(found.lastgroup), found.group()) for found in _PIECE.finditer(code)]
        if not code or sum(len(text) for _, text in self._pieces) != len(code):
            raise ValueError(code)
        self._at = 0

    def read(self) -> tuple[Fraction, Powers]:
        found = self._product()
        if self._at != len(self._pieces):
            raise ValueError("something follows the unit")
        return found

    def _next(self) -> tuple[str, str]:
        return self._pieces[self._at] if self._at < len(self._pieces) else ("end", "")

    def _product(self) -> tuple[Fraction, Powers]:
        factor, powers = Fraction(1), Powers()
        sign = "."
        if self._next() == ("sign", "/"):
            sign, self._at = "/", self._at + 1
        while True:
            part, dimensions = self._component()
            direction = 1 if sign == "." else -1
            factor *= part**direction
            for base, power in dimensions.items():
                powers[base] = powers.get(base, 0) + direction * power
            kind, sign = self._next()
            if kind != "sign" or sign not in "./":
                return factor, powers
            self._at += 1

    def _component(self) -> tuple[Fraction, Powers]:
        kind, text = self._next()
        self._at += 1
        if kind == "note":
            return Fraction(1), {}
        if (kind, text) == ("sign", "("):
            found = self._product()
            if self._next() != ("sign", ")"):
                raise ValueError("a parenthesis is not closed")
            self._at += 1
        elif kind == "symbol":
            found = _symbol(text)
        else:
            raise ValueError("a unit is missing")
        if self._next()[0] == "note":
            self._at += 1
        return found


@lru_cache(maxsize=4_096)
def _symbol(text: str) -> tuple[Fraction, Powers]:
    """A whole number, or a unit with prefix and exponent."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return Fraction(int(text)), {}
    found = _POWER.fullmatch(text)
    if found is None:
        raise ValueError(text)
    exponent = int(found["exponent"] or 1)
    if not 0 < abs(exponent) <= MAX_EXPONENT:
        raise ValueError(text)
    factor, powers = _atom(found["atom"])
    return factor**exponent, {base: power * exponent for base, power in powers.items()}


def _atom(code: str) -> tuple[Fraction, Powers]:
    prefixes, atoms = _table()
    if code in atoms:
        return _defined(code)
    for length in (1, 2):
        rest = code[length:]
        if code[:length] in prefixes and rest in atoms and atoms[rest].metric:
            factor, powers = _defined(rest)
            return prefixes[code[:length]] * factor, powers
    raise ValueError(code)


@cache
def _defined(code: str) -> tuple[Fraction, Powers]:
    atom = _table()[1][code]
    if not atom.expression:
        return Fraction(1), {code: 1}
    factor, powers = _Reader(atom.expression).read()
    return Fraction(atom.value) * factor, powers
