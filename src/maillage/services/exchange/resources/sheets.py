"""A message laid out for a person: its lines with the place at fault, and the text they may correct. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from maillage.connectors.mllp.er7 import CHARSETS, Malformed, Place, header
from maillage.errors import Invalid

LONG = 2000
"""Characters from which a value is shown by its length alone: the base64 of a document helps nobody on a screen."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_KEPT = re.compile(r"⟨(\d+) : [^⟩\r\n]*⟩")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the message: what stands before the field at fault, the field, what follows it."""

    before: str
    fault: str = ""
    after: str = ""
    at_fault: bool = False


def sheet(content: bytes, place: Place) -> list[Row]:
    """The lines of a message, long values shortened, the segment and field at `place` apart."""
    separator = _separator(content)
    seen = 0
    rows = []
    for line in _lines(_shortened(text_of(content))[0]):
        named = line[:3] == place.segment
        seen += named
        rows.append(_at_fault(line, place, separator) if named and seen == place.sequence else Row(line))
    return rows


def editable(content: bytes) -> str:
    """The message as a text to correct, one segment a line; a long value is a mark such as `⟨1 : 328 435 caractères⟩`."""
    return "\n".join(_lines(_shortened(text_of(content))[0]))


def corrected(text: str, content: bytes) -> bytes:
    """The bytes of a corrected text: marks become the original's values again, in the charset that the text's MSH-18 names.

    Raises Invalid for a mark that the original does not have and a character that the charset cannot say.
    """
    kept = _shortened(text_of(content))[1]

    def value(mark: re.Match[str]) -> str:
        number = int(mark[1])
        if not 1 <= number <= len(kept):
            raise Invalid(f"la marque {mark[0]} ne correspond à aucune valeur du message d'origine")
        return kept[number - 1]

    whole = "\r".join(_lines(_KEPT.sub(value, text))) + "\r"
    codec = _codec_of_text(whole)
    try:
        return whole.encode(codec)
    except UnicodeEncodeError as fault:
        raise Invalid(f"le caractère « {whole[fault.start]} » n'existe pas dans le jeu de caractères de MSH-18") from fault


def text_of(content: bytes) -> str:
    """The message as text: in its charset, else as UTF-8, else as Windows-1252, which is what a wrong MSH-18 mostly hides."""
    for codec in (_codec(content), "utf-8"):
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    return content.decode("cp1252", "replace")


def _codec(content: bytes) -> str:
    try:
        return header(content).codec
    except Malformed:
        return "utf-8"


def _codec_of_text(text: str) -> str:
    try:
        name = header(text.encode("utf-8")).value("MSH-18").upper()
    except Malformed:
        return "utf-8"
    return CHARSETS.get(name, "utf-8") if name else "utf-8"


def _separator(content: bytes) -> str:
    try:
        return header(content).value("MSH-1")
    except Malformed:
        return "|"


def _lines(text: str) -> list[str]:
    return [line for line in _LINE_END.split(text) if line.strip()]


def _shortened(text: str) -> tuple[str, list[str]]:
    """The text with its long values as numbered marks, and those values."""
    kept: list[str] = []
    out = []
    for line in _lines(text):
        if len(line) > LONG:
            line = "".join(_mark(part, kept) for part in re.split(r"([|^~&])", line))
        out.append(line)
    return "\n".join(out), kept


def _mark(part: str, kept: list[str]) -> str:
    if len(part) <= LONG:
        return part
    kept.append(part)
    return f"⟨{len(kept)} : {len(part):,} caractères⟩".replace(",", "\u202f")


def _at_fault(line: str, place: Place, separator: str) -> Row:
    if not place.field:
        return Row("", line, "", at_fault=True)
    parts = line.split(separator)
    index = place.field - 1 if place.segment == "MSH" else place.field
    if not 0 < index < len(parts):
        return Row(line, "", "", at_fault=True)
    return Row(separator.join(parts[:index]) + separator, parts[index], separator.join(["", *parts[index + 1 :]]), at_fault=True)
