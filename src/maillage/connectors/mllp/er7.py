"""HL7 v2 messages in ER7 ("pipes and hats"): a tolerant reader. Pure.

Sources: HL7 v2.5.1 and v2.6 chapter 2 (§2.5.4 delimiters, §2.7 escape sequences), tables 0211 (MSH-18) and 0357 (error codes).
The reader never copies the message: a value is cut out of the received bytes when asked, so 50 MB of base64 stay 50 MB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

NULL = '""'
"""What a sender writes to say "delete this value", as against leaving it empty (HL7 v2.5.1 §2.5.3)."""

CHARSETS: Mapping[str, str] = {
    "": "ascii",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "8859/1": "latin-1",
    "8859/15": "iso8859-15",
}
"""MSH-18 (table 0211) → Python codec. An empty MSH-18 means ASCII (HL7 v2.5.1 §2.15.9.18)."""

_SEGMENT_NAME = re.compile(rb"[A-Z][A-Z0-9]{2}")
_PATH = re.compile(r"(?:([A-Z][A-Z0-9]{2})-)?(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_C1_CONTROL = re.compile(r"[\x80-\x9f]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Span: TypeAlias = tuple[int, int]


class Place(NamedTuple):
    """Where a fault is, as ERR-2 says it: every number counts from 1, 0 means "the whole of the level above"."""

    segment: str
    sequence: int = 1
    field: int = 0
    repetition: int = 1
    component: int = 0
    subcomponent: int = 0

    def __str__(self) -> str:
        """The place as a person writes it: `OBX[2]-5.5`."""
        name = self.segment if self.sequence == 1 else f"{self.segment}[{self.sequence}]"
        parts = [str(number) for number in (self.field, self.component, self.subcomponent) if number]
        return f"{name}-{'.'.join(parts)}" if parts else name


class Malformed(ValueError):
    """These bytes are not an HL7 v2 message that can be read: what, in French for those who send it, and at which place."""

    def __init__(self, text: str, place: Place, error: str = "102") -> None:
        super().__init__(text)
        self.text = text
        self.place = place
        self.error = error


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The five separators a message announces in MSH-1 and MSH-2, as byte values."""

    field: int = ord("|")
    component: int = ord("^")
    repetition: int = ord("~")
    escape: int = ord("\\")
    subcomponent: int = ord("&")


@lru_cache(maxsize=1024)
def parse_path(path: str) -> tuple[str, int, int, int]:
    """`PID-3.4.2` → ("PID", 3, 4, 2); a part left out is 0. Raises ValueError for anything else: a path is written by us."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"not an HL7 path: {path!r}")
    name, number, component, subcomponent = match.groups()
    return name or "", int(number), int(component or 0), int(subcomponent or 0)


def place_of(path: str, *, sequence: int = 1, rep: int = 0) -> Place:
    """The place of a path such as `PID-3.1` (or `PID` alone); `rep` counts from 0 as in `Message.value`."""
    if "-" not in path:
        return Place(path, sequence)
    name, number, component, subcomponent = parse_path(path)
    return Place(name, sequence, number, rep + 1, component, subcomponent)


@dataclass(slots=True)
class Segment:
    """One line of a message. `sequence` counts the segments of the same name from 1, as ERR-2.2 does."""

    name: str
    sequence: int
    _message: Message = field(repr=False)
    span: Span = field(repr=False)
    _fields: list[Span] | None = field(default=None, repr=False)

    @property
    def raw(self) -> bytes:
        """The segment's bytes as received, without its terminator."""
        return self._message.raw[slice(*self.span)]

    def count(self, number: int) -> int:
        """How many repetitions the field holds; 0 when it is empty."""
        start, end = self._field(number)
        return 0 if start == end else len(self._repetitions(number))

    def value(self, path: str, *, rep: int = 0) -> str:
        """The text at `3`, `3.1` or `3.4.2`, unescaped; "" when absent. `rep` counts repetitions from 0.

        A path that stops above a level filled by several parts gives the first of them, as HL7 reads an older field
        in a newer message: `3` is the same as `3.1.1`.
        """
        return self._message.text(self.data(path, rep=rep))

    def data(self, path: str, *, rep: int = 0) -> bytes:
        """The same as `value`, neither decoded nor unescaped: for the base64 of an ED field."""
        _, number, component, subcomponent = parse_path(path)
        start, end = span = self._field(number)
        if start == end:
            return b""
        raw, delimiters = self._message.raw, self._message.delimiters
        if not self._verbatim(number):
            span = _nth(raw, span, delimiters.repetition, rep + 1)
            span = _nth(raw, span, delimiters.component, component or 1)
            span = _nth(raw, span, delimiters.subcomponent, subcomponent or 1)
        return raw[slice(*span)]

    def whole(self, number: int) -> str:
        """The field with its separators, as received: for a screen or a log of the place."""
        return self._message.decode(self._message.raw[slice(*self._field(number))])

    def _verbatim(self, number: int) -> bool:
        return self.name == "MSH" and number in (1, 2)

    def _spans(self) -> list[Span]:
        if self._fields is None:
            raw, separator = self._message.raw, self._message.delimiters.field
            spans = _split(raw, self.span, separator)
            if self.name == "MSH":
                first = self.span[0] + 3
                spans.insert(1, (first, first + 1))
            self._fields = spans
        return self._fields

    def _field(self, number: int) -> Span:
        spans = self._spans()
        return spans[number] if 0 < number < len(spans) else (0, 0)

    def _repetitions(self, number: int) -> list[Span]:
        span = self._field(number)
        return [span] if self._verbatim(number) else _split(self._message.raw, span, self._message.delimiters.repetition)


class Message:
    """A received message: its bytes, its separators, its segments in order.

    Made by `read`, which has checked that the bytes decode in the charset of MSH-18.
    """

    __slots__ = ("_by_name", "codec", "delimiters", "raw", "segments")

    def __init__(self, raw: bytes, delimiters: Delimiters) -> None:
        self.raw = raw
        self.delimiters = delimiters
        self.codec = "ascii"
        self.segments: list[Segment] = []
        self._by_name: dict[str, list[Segment]] = {}

    def add(self, name: str, span: Span) -> None:
        """Append the segment that lies at this span of `raw`."""
        same = self._by_name.setdefault(name, [])
        segment = Segment(name, len(same) + 1, self, span)
        same.append(segment)
        self.segments.append(segment)

    def all(self, name: str) -> Sequence[Segment]:
        """The segments of this name, in order."""
        return self._by_name.get(name, ())

    def segment(self, name: str, nth: int = 0) -> Segment | None:
        """The n-th segment of this name, counted from 0."""
        found = self.all(name)
        return found[nth] if nth < len(found) else None

    def value(self, path: str, *, rep: int = 0, nth: int = 0) -> str:
        """The unescaped text at `PID-3.1` of the n-th segment of that name; "" when absent. See `Segment.value`."""
        segment = self.segment(parse_path(path)[0], nth)
        return segment.value(path, rep=rep) if segment else ""

    def data(self, path: str, *, rep: int = 0, nth: int = 0) -> bytes:
        """The bytes at `OBX-5.5`, neither decoded nor unescaped; b"" when absent."""
        segment = self.segment(parse_path(path)[0], nth)
        return segment.data(path, rep=rep) if segment else b""

    def count(self, path: str, *, nth: int = 0) -> int:
        """How many repetitions the field at `PID-3` holds."""
        name, number, _, _ = parse_path(path)
        segment = self.segment(name, nth)
        return segment.count(number) if segment else 0

    @property
    def type(self) -> str:
        """`MDM^T02`: message code and trigger event of MSH-9."""
        return f"{self.value('MSH-9.1')}^{self.value('MSH-9.2')}"

    @property
    def source(self) -> str:
        """`RIS-Y|Organisation-Y`: sending application and facility, within which order is kept."""
        return f"{self.value('MSH-3')}|{self.value('MSH-4')}"

    @property
    def control_id(self) -> str:
        """MSH-10, which the answer repeats in MSA-2."""
        return self.value("MSH-10")

    @property
    def version(self) -> str:
        """`2.5` of MSH-12 `2.5^FRA^2.11`."""
        return self.value("MSH-12.1")

    def decode(self, raw: bytes) -> str:
        """Bytes of this message as text, in its charset."""
        return raw.decode(self.codec, "replace")

    def text(self, raw: bytes) -> str:
        """Bytes of one value as text, its escape sequences resolved."""
        if self.delimiters.escape not in raw:
            return self.decode(raw)
        return _unescape(self.decode(raw), self)


def read(raw: bytes) -> Message:
    """The message in these bytes. Segments end by CR, LF or CRLF; blank lines and a byte order mark are passed over.

    Raises Malformed: no MSH, unusable separators, a line that is no segment, a charset that is unknown or in which
    the bytes do not decode (MSH-18 and the offset of the first such byte).
    """
    message = header(raw)
    for span in _lines(raw, message.segments[0].span[1]):
        message.add(_segment_name(message, span), span)
    message.codec = _codec(message)
    _check_charset(message)
    return message


def header(raw: bytes) -> Message:
    """The message with its first segment only, MSH, read as far as possible: enough to answer a message that cannot be read.

    Raises Malformed when there is no MSH or its separators cannot be used.
    """
    start = len(_BYTE_ORDER_MARK) if raw.startswith(_BYTE_ORDER_MARK) else 0
    first = next(_lines(raw, start), (0, 0))
    line = raw[first[0] : min(first[1], first[0] + 8)]
    if not line.startswith(b"MSH"):
        raise Malformed("le message ne commence pas par un segment MSH", Place("MSH"), "100")
    message = Message(raw, _delimiters(line))
    message.add("MSH", first)
    message.codec = CHARSETS.get(message.value("MSH-18").upper(), "ascii")
    return message


def _delimiters(line: bytes) -> Delimiters:
    separator = line[3:4]
    encoding = line[4:].split(separator)[0] if separator else b""
    if len(encoding) not in (4, 5) or len(set(separator + encoding)) != len(encoding) + 1:
        raise Malformed("MSH-1 et MSH-2 ne donnent pas cinq séparateurs différents", Place("MSH", 1, 2))
    if any(chr(byte).isalnum() or byte <= 32 or byte > 126 for byte in separator + encoding):
        raise Malformed(
            "MSH-1 et MSH-2 prennent une lettre, un chiffre ou un caractère de contrôle comme séparateur", Place("MSH", 1, 2)
        )
    component, repetition, escape, subcomponent = encoding[:4]
    return Delimiters(separator[0], component, repetition, escape, subcomponent)


def _lines(raw: bytes, start: int) -> Iterator[Span]:
    """The spans of the lines that are not blank."""
    total = len(raw)
    carriage_return = line_feed = -1
    while start < total:
        if carriage_return < start:
            carriage_return = _find(raw, 13, start, total)
        if line_feed < start:
            line_feed = _find(raw, 10, start, total)
        end = min(carriage_return, line_feed)
        if raw[start : min(end, start + 16)].strip():
            yield start, end
        start = end + 1


def _find(raw: bytes, byte: int, start: int, total: int) -> int:
    position = raw.find(byte, start)
    return total if position < 0 else position


def _split(raw: bytes, span: Span, separator: int) -> list[Span]:
    start, end = span
    spans: list[Span] = []
    while (cut := raw.find(separator, start, end)) >= 0:
        spans.append((start, cut))
        start = cut + 1
    spans.append((start, end))
    return spans


def _nth(raw: bytes, span: Span, separator: int, number: int) -> Span:
    """The n-th part between separators, counted from 1; an empty span when there are fewer."""
    start, end = span
    for _ in range(number - 1):
        start = raw.find(separator, start, end) + 1
        if start == 0:
            return (0, 0)
    cut = raw.find(separator, start, end)
    return (start, end if cut < 0 else cut)


def _segment_name(message: Message, span: Span) -> str:
    start, end = span
    name = message.raw[start : min(end, start + 3)]
    ended = end == start + 3 or message.raw[start + 3 : start + 4] == bytes((message.delimiters.field,))
    if _SEGMENT_NAME.fullmatch(name) and ended:
        return name.decode("ascii")
    last = message.segments[-1]
    raise Malformed(
        f"la ligne qui suit {Place(last.name, last.sequence)} ne commence pas par un nom de segment",
        Place(last.name, last.sequence),
        "100",
    )


def _codec(message: Message) -> str:
    name = message.value("MSH-18")
    codec = CHARSETS.get(name.upper())
    if codec is None:
        known = ", ".join(charset for charset in CHARSETS if charset)
        raise Malformed(
            f"le jeu de caractères « {name} » de MSH-18 n'est pas connu ; connus : {known}", Place("MSH", 1, 18), "103"
        )
    return codec


def _check_charset(message: Message) -> None:
    """Each line by itself, and only those with a byte above 127: base64 is never copied into text."""
    for segment in message.segments:
        raw = segment.raw
        if b"\0" in raw:
            raise Malformed(f"un octet nul dans {Place(segment.name, segment.sequence)}", Place(segment.name, segment.sequence))
        if not raw.isascii():
            _check_line(message, segment, raw)


def _check_line(message: Message, segment: Segment, raw: bytes) -> None:
    fault = _undecodable(raw, message.codec)
    if fault is None:
        return
    offset = segment.span[0] + fault
    charset = message.value("MSH-18") or "ASCII (MSH-18 est vide)"
    raise Malformed(
        f"l'octet 0x{raw[fault]:02X} à la position {offset}, dans {Place(segment.name, segment.sequence)}, n'est pas un caractère "
        f"de {charset}, que MSH-18 annonce",
        Place("MSH", 1, 18),
    )


def _undecodable(raw: bytes, codec: str) -> int | None:
    """The offset of the first byte that is no character; in ISO 8859 the C1 controls are none (they betray Windows-1252)."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as fault:
        return fault.start
    control = None if codec == "utf-8" else _C1_CONTROL.search(text)
    return control.start() if control else None


def _unescape(text: str, message: Message) -> str:
    escape = chr(message.delimiters.escape)
    parts = text.split(escape)
    out = [parts[0]]
    position = 1
    while position < len(parts):
        closed = position + 1 < len(parts)
        meaning = _meaning(parts[position], message) if closed else None
        if meaning is None:
            out.append(escape + parts[position])
            position += 1
        else:
            out.append(meaning + parts[position + 1])
            position += 2
    return "".join(out)


def _meaning(sequence: str, message: Message) -> str | None:
    """What stands for the escape sequence, or None when it is not one we know: it then stays as written."""
    delimiters = message.delimiters
    named = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
    }
    if sequence in named:
        return chr(named[sequence])
    if sequence in ("H", "N"):
        return ""
    if sequence == ".br":
        return "\n"
    return _hexadecimal(sequence[1:], message.codec) if sequence.startswith("X") else None


def _hexadecimal(digits: str, codec: str) -> str | None:
    try:
        text = bytes.fromhex(digits).decode(codec)
    except ValueError:
        return None
    return None if not text or "\0" in text else text
