"""The values of number and quantity parameters: `[prefix]number`, with `|system|code` or `||unit` for quantities (R4 search.html#quantity)."""

from maillage.errors import Invalid
from maillage.fhir.amounts import UNIONS, any_unit_key, in_base, number_key, unit_key, unit_mark
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.search.numbers import AmountIs, Wanted, in_digits, number_test
from maillage.fhir.search.values import split, unescape
from maillage.fhir.units import SYSTEM


def number_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> AmountIs:
    """A number parameter; alternatives between commas."""
    key = number_key(kind, parameter.code)
    return AmountIs(tuple(Wanted(key, in_digits(value)) for value in split(text, ",")))


def quantity_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> AmountIs:
    """A quantity parameter; alternatives between commas."""
    names = UNIONS.get(kind, {}).get(parameter.code, (parameter.code,))
    return AmountIs(tuple(quantity(kind, name, value) for value in split(text, ",") for name in names))


def quantity(kind: str, name: str, text: str, marks: tuple[int, ...] = ()) -> Wanted:
    """One value of a quantity: in any unit, in one by its text, or in one by its code, UCUM units converted."""
    match [unescape(part) for part in split(text, "|")]:
        case [number]:
            return Wanted(any_unit_key(kind, name), in_digits(number), marks, written=True)
        case [number, "", unit] if unit:
            return Wanted(any_unit_key(kind, name), in_digits(number), (*marks, unit_mark(unit)), written=True)
        case [number, system, code] if system and code:
            key, known = unit_key(kind, name, system, code)
            if known is None and system == SYSTEM:
                raise Invalid(
                    f"{text!r}: {code!r} is no unit of UCUM ({SYSTEM}); a unit as it is written is asked for by number||unit"
                )
            return Wanted(key, number_test(number).converted(lambda value: in_base(value, known)), marks)
    raise Invalid(f"{text!r} is not number, number|system|code or number||unit")
