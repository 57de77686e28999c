"""FHIR JSON keeps the digits of decimals and refuses what JSON leaves open, naming the place."""

from decimal import Decimal

import pytest

from maillage.errors import Invalid
from maillage.fhir import json


@pytest.mark.parametrize("digits", ["1.00", "0.10", "-0.0", "1E-10", "100000000000000000000.5", "12", "72.5"])
def test_a_decimal_keeps_its_digits(digits: str) -> None:
    text = f'{{"value":{digits}}}'.encode()
    assert json.dumps(json.loads(text)) == text


def test_a_decimal_is_exact() -> None:
    assert json.loads('{"value": 0.1}')["value"] == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"b": {"a" : 1,\n "a"\t: 2}}', "'a' is given twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": 1,}', "line 1, column"),
        ('{"a": "x\n"}', "line 1, column 9"),
        ('{"a": 1} x', "Extra data"),
        ("", "not JSON"),
        ("[1]", "a JSON object is expected, not an array"),
        ('"text"', "not a string"),
        ("12", "not a number"),
        ('{"a":' * 101 + "1" + "}" * 101, "deeper than 100"),
        ('{"a":' + "[" * 5000 + "]" * 5000 + "}", "deeper than 100"),
        ('{"a": ' + "9" * 100_000 + "}", "at byte 6"),
        ('{"a": -' + "9" * 4_300 + "}", "at byte 6"),
        ("1" * 5_000, "at byte 0"),
        ('{"a": 1e99999999999999999999}', "a number"),
        ('{"a": ' + "9" * 5_000 + "}", "a number"),
    ],
)
def test_what_is_not_one_clear_object_is_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        json.loads(text)
    assert said in refusal.value.message


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(Invalid, match="not UTF-8"):
        json.loads('{"a": "é"}'.encode("latin-1"))


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(Invalid):
        json.loads('{"a": "\\ud800"}')


def test_text_that_looks_like_a_key_is_no_duplicate() -> None:
    assert json.loads('{"a": "\\"a\\": 1"}') == {"a": '"a": 1'}
