"""Writes HL7 v2 messages in ER7 with the standard separators, strictly. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from maillage.connectors.mllp.er7 import CHARSETS

_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")

Component: TypeAlias = str | tuple[str, ...]
"""A component, or its subcomponents."""
Repetition: TypeAlias = str | tuple[Component, ...]
"""A field of one component, or its components."""
Field: TypeAlias = Repetition | list[Repetition]
"""A field, or its repetitions."""
Line: TypeAlias = tuple[str, Mapping[int, Field]]
"""A segment to write: its name and its fields by number, from 1."""

_ESCAPES = (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("&", "\\T\\"), ("~", "\\R\\"))
_CONTROLS = tuple((chr(code), f"\\X{code:02X}\\") for code in range(32))


def write(lines: Sequence[Line], *, charset: str = "UNICODE UTF-8") -> bytes:
    """The message of these segments with the standard separators, CR after each one, MSH-1, MSH-2 and MSH-18 filled.

    Raises ValueError for a first segment that is not MSH, an illegal name or field number, and UnicodeEncodeError for
    a character that the charset cannot say: the writer never guesses.
    """
    if not lines or lines[0][0] != "MSH":
        raise ValueError("a message begins with MSH")
    header_fields = {**lines[0][1], 18: charset}
    written = [_line("MSH", header_fields), *(_line(name, fields) for name, fields in lines[1:])]
    return ("\r".join(written) + "\r").encode(CHARSETS[charset])


def _line(name: str, fields: Mapping[int, Field]) -> str:
    if not _SEGMENT_NAME.fullmatch(name) or any(number < 1 for number in fields):
        raise ValueError(f"cannot write segment {name!r} with fields {sorted(fields)}")
    first = 3 if name == "MSH" else 1
    written = [_written(fields.get(number, "")) for number in range(first, max(fields, default=0) + 1)]
    return "|".join(["MSH|^~\\&" if name == "MSH" else name, *written])


def _written(value: Field) -> str:
    if isinstance(value, list):
        return "~".join(_repetition(one) for one in value)
    return _repetition(value)


def _repetition(value: Repetition) -> str:
    if isinstance(value, str):
        return escaped(value)
    return "^".join(escaped(part) if isinstance(part, str) else "&".join(map(escaped, part)) for part in value).rstrip("^")


def escaped(text: str) -> str:
    """The text with separators and control characters written as escape sequences."""
    for character, sequence in _ESCAPES:
        if character in text:
            text = text.replace(character, sequence)
    if not text.isprintable():
        for character, sequence in _CONTROLS:
            text = text.replace(character, sequence)
    return text
