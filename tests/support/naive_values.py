"""A slow reading of the R4 rules for numbers, quantities, composites and positions: the other half of the oracle of search tests."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

UCUM = "http://unitsofmeasure.org"
SCALES: dict[str, tuple[str, Fraction, Fraction]] = {
    "mg": ("mass", Fraction(1, 1000), Fraction(0)),
    "g": ("mass", Fraction(1), Fraction(0)),
    "kg": ("mass", Fraction(1000), Fraction(0)),
    "[oz_av]": ("mass", Fraction("28.349523125"), Fraction(0)),
    "Cel": ("temperature", Fraction(1), Fraction("273.15")),
    "[degF]": ("temperature", Fraction(5, 9), Fraction("459.67") * 5 / 9),
    "K": ("temperature", Fraction(1), Fraction(0)),
    "mm[Hg]": ("pressure", Fraction(133322), Fraction(0)),
    "kPa": ("pressure", Fraction(1000000), Fraction(0)),
    "/d": ("rate", Fraction(1, 86400), Fraction(0)),
    "/wk": ("rate", Fraction(1, 604800), Fraction(0)),
    "[iU]/L": ("[iU]/L", Fraction(1), Fraction(0)),
    "{score}": ("one", Fraction(1), Fraction(0)),
    "%": ("one", Fraction(1, 100), Fraction(0)),
}
"""Units in something of their own dimension, and where their scale begins (UCUM)."""


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, each None when open; `bare` when the sides themselves are not in it."""

    low: Fraction | None
    high: Fraction | None
    bare: bool = False

    def moved(self, factor: Fraction, zero: Fraction) -> "Interval":
        low, high = (None if side is None else side * factor + zero for side in (self.low, self.high))
        return Interval(low, high, self.bare)


def interval(item: dict[str, Any]) -> Interval:
    """A Quantity with its comparator, or a Range."""
    if "value" not in item:
        low, high = (Fraction(item[side]["value"]) if side in item else None for side in ("low", "high"))
        return Interval(low, high)
    value, comparator = Fraction(item["value"]), item.get("comparator", "")
    low, high = None if comparator.startswith("<") else value, None if comparator.startswith(">") else value
    return Interval(low, high, bare=comparator in ("<", ">"))


def passes(stored: Interval, text: str, factor: Fraction = Fraction(1), zero: Fraction = Fraction(0)) -> bool:
    """Whether a stored interval (in base units) passes `[prefix]number`, a number in units of `factor` beginning at `zero`."""
    prefix, number = (text[:2], text[2:]) if text[0].isalpha() else ("eq", text)
    value, half = Fraction(number), precision(number)
    if prefix == "ap":
        half = abs(value) / 10
    elif prefix not in ("eq", "ne"):
        half = Fraction(0)
    a, v, b = ((value + away) * factor + zero for away in (-half, Fraction(0), half))
    low, high, bare = stored.low, stored.high, stored.bare
    inside = low is not None and high is not None and a <= low and (high < b or (bare and high == b))
    reaches_up = high is None or high > v or (high == v and not bare)
    reaches_down = low is None or low < v or (low == v and not bare)
    return {
        "eq": inside,
        "ne": not inside,
        "gt": high is None or high > v,
        "lt": low is None or low < v,
        "ge": reaches_up,
        "le": reaches_down,
        "sa": low is not None and (low > v or (low == v and bare)),
        "eb": high is not None and (high < v or (high == v and bare)),
        "ap": (low is None or low < b or (low == b and not bare)) and (high is None or high > a or (high == a and not bare)),
    }[prefix]


def precision(number: str) -> Fraction:
    """Half a unit of the last digit; of a single digit with an exponent, of the digit after it."""
    digits, power = re.fullmatch(r"-?\d*\.?(\d*)(?:e(-?\d+))?", number).groups()  # type: ignore[union-attr]  # ours
    alone = power is not None and re.fullmatch(r"-?\de.*", number)
    return Fraction(10) ** (int(power or 0) - len(digits if "." in number else "") - (1 if alone else 0)) / 2


def is_quantity(item: dict[str, Any], value: str) -> bool:
    """`number`, `number||unit`, `number|system|code`."""
    number, *of = value.split("|")
    measured = item if "value" in item else item.get("low", item.get("high", {}))
    stored = interval(item)
    if not of:
        return passes(stored, number)
    system, code = of
    if not system:
        return code in (measured.get("code"), measured.get("unit")) and passes(stored, number)
    if measured.get("system") != system:
        return False
    if system != UCUM or code not in SCALES or measured.get("code") not in SCALES:
        return bool(measured.get("code") == code and passes(stored, number))
    dimension, factor, zero = SCALES[code]
    mine, own, beginning = SCALES[measured["code"]]
    return mine == dimension and passes(stored.moved(own, beginning), number, factor, zero)


def is_near(position: dict[str, Any], value: str) -> bool:
    """Within the distance in kilometres, by the spherical law of cosines."""
    latitude, longitude, distance = (float(part) for part in value.split("|")[:3])
    a, b = math.radians(latitude), math.radians(float(position["latitude"]))
    turn = math.radians(longitude - float(position["longitude"]))
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(turn)
    return 6371.0088 * math.acos(max(-1.0, min(1.0, cosine))) <= distance
