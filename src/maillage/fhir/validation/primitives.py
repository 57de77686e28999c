"""Checks of primitive values: the form that R4 gives (datatypes.html), and that a date exists.

A check takes (value, the object that holds it, the run) and returns the faults found, None or empty when there are none.
"""

import binascii
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from maillage.fhir.dates import is_real
from maillage.fhir.validation.faults import Check, Fault, Run

MAX_STRING = 1024 * 1024
"""Characters of a string (R4 datatypes.html#string)."""

_YEAR = r"(?!0000)[0-9]{4}"
_DAY = _YEAR + r"-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_OFFSET = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"


def _matcher(pattern: str) -> Callable[[str], Any]:
    return re.compile(pattern, re.ASCII).fullmatch


_TEXTS: dict[str, tuple[Callable[[str], Any], str]] = {
    "string": (_matcher(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+"), "text without control characters, not empty"),
    "uri": (_matcher(r"[^\x00-\x20]+"), "a URI without blanks, not empty"),
    "code": (_matcher(r"[^\x00-\x20]+([ \t\r\n][^\x00-\x20]+)*"), "a code without blanks around or double blanks"),
    "id": (_matcher(r"[A-Za-z0-9\-.]{1,64}"), "1 to 64 letters, digits, '-' and '.'"),
    "oid": (_matcher(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+"), "an OID as urn:oid:1.2.3"),
    "uuid": (_matcher(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "a UUID as urn:uuid:, in lower case"),
    "time": (_matcher(_TIME), "a time as 10:30:00"),
}
_TEXTS |= {"url": _TEXTS["uri"], "canonical": _TEXTS["uri"], "markdown": _TEXTS["string"]}

_DATES: dict[str, tuple[Callable[[str], Any], str]] = {
    "date": (_matcher(rf"{_YEAR}(-(0[1-9]|1[0-2]))?|{_DAY}"), "a date that exists, as 2024, 2024-02 or 2024-02-29"),
    "dateTime": (
        _matcher(rf"{_YEAR}(-(0[1-9]|1[0-2]))?|{_DAY}(T{_TIME}{_OFFSET})?"),
        "a date that exists, or a date, time and zone as 2024-02-29T10:30:00+01:00",
    ),
    "instant": (_matcher(rf"{_DAY}T{_TIME}{_OFFSET}"), "a moment to the second with its zone, as 2024-02-29T10:30:00+01:00"),
}

_INTEGERS = {
    "integer": (-(2**31), "a whole number of 32 bits"),
    "unsignedInt": (0, "a whole number of 32 bits, not negative"),
    "positiveInt": (1, "a whole number of 32 bits, 1 or more"),
}


def primitive(kind: str) -> Check | None:
    """The check of a primitive type; None when `kind` is no primitive."""
    if kind in ("string", "markdown"):
        return _string(kind, *_TEXTS[kind])
    if kind in _TEXTS:
        return _text(kind, *_TEXTS[kind])
    if kind in _DATES:
        return _date(kind, *_DATES[kind])
    if kind in _INTEGERS:
        return _integer(kind, *_INTEGERS[kind])
    return {"boolean": _boolean, "decimal": _decimal, "base64Binary": _base64}.get(kind)


def coded(codes: frozenset[str], value_set: str) -> Check:
    """The check of a `code` bound to a value set as required."""
    known = frozenset(concept.rpartition("|")[2] for concept in codes)
    plain = _text("code", *_TEXTS["code"])

    def check(value: Any, holder: Any, run: Run) -> list[Fault] | None:
        if type(value) is str and value in known:
            return None
        return plain(value, holder, run) or [Fault("", "code-invalid", f"{value!r} is not in the value set {value_set}")]

    return check


def _string(kind: str, matches: Callable[[str], Any], form: str) -> Check:
    """As `_text`; printable text, the usual case, is known faster than by its pattern."""

    def check(value: Any, holder: Any, run: Run) -> list[Fault] | None:
        if type(value) is str and value and (value.isprintable() or matches(value)) and len(value) <= MAX_STRING:
            return None
        return _wrong(kind, form, value)

    return check


def _text(kind: str, matches: Callable[[str], Any], form: str) -> Check:
    def check(value: Any, holder: Any, run: Run) -> list[Fault] | None:
        if type(value) is str and matches(value) and len(value) <= MAX_STRING:
            return None
        return _wrong(kind, form, value)

    return check


def _date(kind: str, matches: Callable[[str], Any], form: str) -> Check:
    def check(value: Any, holder: Any, run: Run) -> list[Fault] | None:
        if type(value) is str and matches(value) and is_real(value):
            return None
        return _wrong(kind, form, value)

    return check


def _integer(kind: str, least: int, form: str) -> Check:
    def check(value: Any, holder: Any, run: Run) -> list[Fault] | None:
        if type(value) is int and least <= value < 2**31:
            return None
        return _wrong(kind, form, value)

    return check


def _boolean(value: Any, holder: Any, run: Run) -> list[Fault] | None:
    return None if type(value) is bool else _wrong("boolean", "true or false", value)


def _decimal(value: Any, holder: Any, run: Run) -> list[Fault] | None:
    if type(value) is int and -(2**63) <= value < 2**63:
        return None
    if type(value) is Decimal and -400 < value.adjusted() < 400:
        return None
    return _wrong("decimal", "a number within 64-bit integers or 1e±400", value)


def _base64(value: Any, holder: Any, run: Run) -> list[Fault] | None:
    if type(value) is str and value:
        try:
            binascii.a2b_base64("".join(value.split()), strict_mode=True)
        except (binascii.Error, ValueError):
            return _wrong("base64Binary", "base64", value)
        return None
    return _wrong("base64Binary", "base64, not empty", value)


def _wrong(kind: str, form: str, value: Any) -> list[Fault]:
    shown = repr(value) if not isinstance(value, dict | list) else "an array" if isinstance(value, list) else "an object"
    if isinstance(value, Decimal):
        shown = str(value)
    return [Fault("", "value", f"a {kind} is expected ({form}), not {shown[:80]}")]
