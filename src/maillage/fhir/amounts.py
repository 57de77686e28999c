"""Numbers and quantities as the index keeps them: read from FHIR data types, and turned into the rows of the table `amount`.

A stored number has no precision (R4 search.html#number): it is a point. A Range, sampled data or a quantity with a comparator is an interval.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from maillage.fhir.tokens import hash64
from maillage.fhir.units import NUMBERS, SYSTEM, Unit, unit

UNIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Observation": {
        "combo-value-quantity": ("value-quantity", "component-value-quantity"),
        "combo-code-value-quantity": ("code-value-quantity", "component-code-value-quantity"),
        "combo-code-value-concept": ("code-value-concept", "component-code-value-concept"),
    }
}
"""Parameters whose values are those of others together: they have no rows of their own."""

_MINUS, _PLUS = Decimal("-Infinity"), Decimal("Infinity")


class Amount(NamedTuple):
    """One value of a number or quantity parameter, in the unit it was written in. A side that is None is open."""

    parameter: str
    low: Decimal | int | None
    high: Decimal | int | None
    beyond: bool = False
    """Whether the one known side is not itself among the values (comparators `<` and `>`)."""
    measured: bool = False
    """Whether it is a quantity: the three below say of what."""
    system: str | None = None
    code: str | None = None
    unit: str | None = None
    pair: bool = False
    """Whether `low` and `high` are two numbers of their own, not an interval."""


@lru_cache(maxsize=4_096)
def number_key(kind: str, parameter: str) -> int:
    """The key of the values of a number parameter, or of the pairs of numbers of a composite."""
    return hash64(f"{kind}|{parameter}|number")


@lru_cache(maxsize=4_096)
def any_unit_key(kind: str, parameter: str) -> int:
    """The key of the values of a quantity parameter, whatever their unit, as they are written."""
    return hash64(f"{kind}|{parameter}|any unit")


@lru_cache(maxsize=4_096)
def unit_key(kind: str, parameter: str, system: str | None, code: str | None) -> tuple[int, Unit | None]:
    """The key of the values of a quantity parameter in one unit, and how to convert to it: UCUM units of one dimension share a key."""
    known = unit(code) if system == SYSTEM and code is not None else None
    what = f"of {known.dimension}" if known else f"in {system or ''}|{code or ''}"
    return hash64(f"{kind}|{parameter}|{what}"), known


def unit_mark(text: str) -> int:
    """The mark of a unit by its code or its name, as it is written."""
    return hash64(f"unit|{text}")


def interval(key: int) -> int:
    """The key of the intervals of which the points are under `key`."""
    return hash64(f"interval|{key}")


def in_base(value: Decimal | int, converted: Unit | None) -> Decimal:
    """The number as it is stored and compared, in base units where its unit is known."""
    return converted.canonical(value) if converted else NUMBERS.plus(Decimal(value))


def rows(kind: str, amounts: Mapping[Amount, Iterable[int]]) -> list[dict[str, Any]]:
    """The rows of `amount` of a resource: `k`, `lo`, `hi` in base units; `p`, `raw_lo`, `raw_hi` as written; `tok` marks and codes."""
    return [_row(kind, amount, codes) for amount, codes in amounts.items()]


def _row(kind: str, amount: Amount, codes: Iterable[int]) -> dict[str, Any]:
    marks = set(codes)
    if not amount.measured:
        low, high = _sides(amount, None)
        key = number_key(kind, amount.parameter)
        spread = low != high and not amount.pair
        return {
            "k": interval(key) if spread else key,
            "lo": low,
            "hi": high,
            "p": None,
            "raw_lo": None,
            "raw_hi": None,
            "tok": sorted(marks),
        }
    key, converted = unit_key(kind, amount.parameter, amount.system, amount.code)
    anyhow = any_unit_key(kind, amount.parameter)
    (low, high), (raw_low, raw_high) = _sides(amount, converted), _sides(amount, None)
    marks |= {unit_mark(text) for text in (amount.code, amount.unit) if text is not None}
    if low != high:
        key, anyhow = interval(key), interval(anyhow)
    return {"k": key, "lo": low, "hi": high, "p": anyhow, "raw_lo": raw_low, "raw_hi": raw_high, "tok": sorted(marks)}


def _sides(amount: Amount, converted: Unit | None) -> tuple[Decimal, Decimal]:
    if amount.low is not None and amount.low is amount.high:
        point = in_base(amount.low, converted)
        return point, point
    low = _MINUS if amount.low is None else in_base(amount.low, converted)
    high = _PLUS if amount.high is None else in_base(amount.high, converted)
    if amount.beyond:
        return (low, NUMBERS.next_minus(high)) if amount.low is None else (NUMBERS.next_plus(low), high)
    return low, high


def _number(parameter: str, value: Any) -> Amount:
    return Amount(parameter, value, value)


def _quantity(parameter: str, value: dict[str, Any]) -> Amount | None:
    number = value.get("value")
    if number is None:
        return None
    comparator, low, high = value.get("comparator", ""), number, number
    if comparator.startswith("<"):
        low = None
    elif comparator.startswith(">"):
        high = None
    return _measured(parameter, low, high, value, beyond=comparator in {"<", ">"})


def _money(parameter: str, value: dict[str, Any]) -> Amount | None:
    return _quantity(parameter, {"value": value.get("value"), "system": "urn:iso:std:iso:4217", "code": value.get("currency")})


def _range(parameter: str, value: dict[str, Any]) -> Amount | None:
    """`low` and `high` have the same unit (R4 datatypes.html#Range)."""
    low, high = value.get("low", {}), value.get("high", {})
    if low.get("value") is None and high.get("value") is None:
        return None
    return _measured(parameter, low.get("value"), high.get("value"), low if "value" in low else high)


def _sampled(parameter: str, value: dict[str, Any]) -> Amount | None:
    """From the lowest to the highest sample; below or above the limits of detection (`L`, `U`) a side is open, errors (`E`) do not count."""
    samples = value.get("data", "").split()
    numbers = [Decimal(one) for one in samples if one not in {"E", "U", "L"}]
    if not numbers and "U" not in samples and "L" not in samples:
        return None
    origin = value["origin"]
    factor, zero = Decimal(value.get("factor", 1)), Decimal(origin.get("value", 0))
    low = None if "L" in samples or not numbers else zero + min(numbers) * factor
    high = None if "U" in samples or not numbers else zero + max(numbers) * factor
    return _measured(parameter, low, high, origin)


def _measured(
    parameter: str, low: Decimal | int | None, high: Decimal | int | None, value: dict[str, Any], *, beyond: bool = False
) -> Amount:
    return Amount(parameter, low, high, beyond, True, value.get("system"), value.get("code"), value.get("unit"))


READERS: dict[str, Callable[[str, Any], Amount | None]] = {
    **dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt"), _number),
    **dict.fromkeys(("Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration"), _quantity),
    "Money": _money,
    "Range": _range,
    "SampledData": _sampled,
}
"""How each data type answers a number or quantity parameter."""
