"""FHIR JSON in and out: decimals keep their digits, and what JSON leaves open (duplicate keys, depth) is refused."""

import json as standard_json
import re
from codecs import BOM_UTF8
from collections.abc import Hashable
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn, TypeVar

import msgspec

from maillage.errors import Invalid, Issue

Resource = dict[str, Any]
"""A FHIR resource as JSON objects; decimals are `Decimal`."""

Shape = TypeVar("Shape", bound=msgspec.Struct)

MAX_DEPTH = 100
"""Levels of objects and arrays that are read; the deepest official example has 17."""

_BLANKS = b" \t\r\n"
_UNKEPT = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]|[eE][+-]?[0-9]{10}"
    rb"|(?<![0-9.eE+-])-?[0-9]{4299,}(?![0-9.eE])"
)
"""Half of a surrogate pair, an exponent that no decimal has, or more digits than an integer has."""
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def loads(text: bytes | str) -> Resource:
    """Read one JSON object. Raises Invalid naming the place (line and column, or path) of what is wrong."""
    value = _read(text)
    if type(value) is not dict:
        raise _refusal(f"a JSON object is expected, not {_kind(value)}")
    return value


def loads_array(text: bytes | str) -> list[Any]:
    """Read one JSON array, as strictly as `loads` reads an object."""
    value = _read(text)
    if type(value) is not list:
        raise _refusal(f"a JSON array is expected, not {_kind(value)}")
    return value


def _read(text: bytes | str) -> Any:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        value = _decoder.decode(raw)
    except (msgspec.DecodeError, ArithmeticError):
        _explain(raw)
    except UnicodeDecodeError as error:
        raise _refusal(f"not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise _too_deep() from error
    # In text without blanks every key ends in `":`; more of those than keys means a duplicate, or such text inside a string.
    if type(value) in (dict, list) and raw.translate(None, _BLANKS).count(b'":') != _count_keys(value, 1):
        _read_slowly(raw)
    return value


def stored(text: bytes) -> Resource:
    """Read what `loads` accepted before and `dumps` wrote: nothing is left to check (half the time)."""
    value: Resource = _decoder.decode(text)
    return value


def fields(text: bytes, shape: type[Shape]) -> Shape:
    """Of what `stored` reads only the fields that a `msgspec.Struct` names, for callers that read hundreds to show a few."""
    decoder: msgspec.json.Decoder[Shape] = _decoder_of(shape)
    return decoder.decode(text)


@cache
def _decoder_of(shape: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def dumps(resource: Any) -> bytes:
    """Write JSON without blanks, keys in their order, decimals with the digits they were read with."""
    return _encoder.encode(resource)


def _count_keys(value: dict[str, Any] | list[Any], depth: int) -> int:
    if depth > MAX_DEPTH:
        raise _too_deep()
    if type(value) is dict:
        count, children = len(value), value.values()
    else:
        count, children = 0, value  # type: ignore[assignment]  # both are iterables of JSON values
    for child in children:
        if type(child) is dict or type(child) is list:
            count += _count_keys(child, depth + 1)
    return count


def _read_slowly(raw: bytes) -> None:
    """Refuse duplicate keys with the standard reader, which shows each object as its pairs."""

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise _refusal(f"the key {twice!r} is given twice in one object", expression=twice)
        return found

    standard_json.loads(raw, object_pairs_hook=distinct, parse_int=str, parse_float=str)


def _explain(raw: bytes) -> NoReturn:
    """Say line and column, which the fast reader does not."""
    if raw.startswith(BOM_UTF8):
        raise _refusal("not JSON: a byte order mark at byte 0, which RFC 8259 forbids")
    try:
        standard_json.loads(raw, parse_constant=_no_constant, parse_int=str, parse_float=str)
    except standard_json.JSONDecodeError as error:
        raise _refusal(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise _refusal(f"not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise _too_deep() from error
    place = _UNKEPT.search(raw)
    raise _refusal(f"a number or a \\u escape in it is none that can be kept{f' (at byte {place.start()})' if place else ''}")


def _no_constant(name: str) -> NoReturn:
    raise _refusal(f"not JSON: {name} is no JSON number")


def _kind(value: Any) -> str:
    return {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )


def _too_deep() -> Invalid:
    return _refusal(f"nested deeper than {MAX_DEPTH} levels")


def _refusal(message: str, *, expression: str | None = None) -> Invalid:
    return Invalid(message, issues=[Issue(code="structure", diagnostics=message, expression=expression)])
