"""Units of measure: what UCUM codes are in base units."""

from decimal import Decimal

import pytest

from maillage.fhir.units import unit


@pytest.mark.parametrize(
    ("code", "value", "same", "other"),
    [
        ("mg/dL", "100", "g/L", "1"),
        ("mm[Hg]", "1", "Pa", "133.322"),
        ("[degF]", "98.6", "Cel", "37"),
        ("Cel{rectal}", "37", "K", "310.15"),
        ("mCel", "37000", "Cel", "37"),
        ("10*9/L", "5", "10*3/uL", "5"),
        ("{beats}/min", "60", "Hz", "1"),
        ("[IU]/L", "7", "m[iU]/mL", "7"),
        ("kg/(m.s2)", "1", "Pa", "1"),
        ("mL/min/{1.73_m2}", "90", "mL/min", "90"),
        ("m/s2.kg", "1", "N", "1"),
        ("{score}", "3", "1", "3"),
        ("%", "5", "1", "0.05"),
        ("meq/L", "4", "mmol/L", "4"),
        ("d", "7", "wk", "1"),
        ("[lb_av]", "1", "g", "453.59237"),
        ("B[10.nV]", "1", "dB[10.nV]", "10"),
    ],
)
def test_units_of_one_dimension_are_converted_exactly(code: str, value: str, same: str, other: str) -> None:
    one, another = unit(code), unit(same)
    assert one is not None
    assert another is not None
    assert one.dimension == another.dimension
    assert one.canonical(Decimal(value)) == another.canonical(Decimal(other))


@pytest.mark.parametrize(
    ("code", "other"),
    [("[iU]/L", "/L"), ("[pH]", "1"), ("[iU]/L", "[arb'U]/L"), ("kg", "N"), ("B[V]", "B[mV]"), ("mm[Hg]", "mm")],
)
def test_units_that_no_factor_converts_are_apart(code: str, other: str) -> None:
    one, another = unit(code), unit(other)
    assert one is not None
    assert another is not None
    assert one.dimension != another.dimension


@pytest.mark.parametrize(
    "code",
    [
        "",
        "foo",
        "mEq/L",
        "mg//L",
        "mg.",
        "(mg",
        "mg)",
        "m g",
        "k%",
        "m9999",
        "10*-99",
        "0",
        "{a",
        "m" * 200,
        "m0",
        "²",
        ".".join(["Ym60"] * 18),
    ],
)
def test_what_is_no_ucum_code_is_no_unit(code: str) -> None:
    assert unit(code) is None
