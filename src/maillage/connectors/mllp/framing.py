"""MLLP frames: VT, message, FS, CR, over a stream that may be cut anywhere. Pure.

Source: HL7 v2 "Transport Specification: MLLP", release 1: start block 0x0B, end block 0x1C 0x0D.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VT = 0x0B
FS = 0x1C
CR = 0x0D

KEPT_OUTSIDE = 64 * 1024
"""Bytes kept of what comes outside any frame: enough to recognise a message that was sent without its frame."""


class Fault(StrEnum):
    """Why bytes are no message."""

    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    UNFRAMED = "unframed"


@dataclass(frozen=True, slots=True)
class Whole:
    """The content of one frame."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """What was read of something that is no whole frame."""

    fault: Fault
    content: bytes


def framed(content: bytes) -> bytes:
    """The message in its frame."""
    return b"\x0b" + content + b"\x1c\r"


class Frames:
    """Cuts a stream into frames. After an oversize frame nothing more is read: the connection has to be closed."""

    def __init__(self, limit: int) -> None:
        """`limit`: the longest content accepted, in bytes."""
        self._limit = limit
        self._inside = False
        self._after_end = False
        self._chunks: list[bytes] = []
        self._size = 0
        self.closed = False

    @property
    def pending(self) -> int:
        """Bytes of the frame being read; 0 between frames."""
        return self._size if self._inside else 0

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[Whole | Broken]:
        """What the stream's next bytes complete."""
        found: list[Whole | Broken] = []
        position = 0
        while position < len(data) and not self.closed:
            position = self._within(data, position, found) if self._inside else self._between(data, position, found)
        return found

    def end(self) -> list[Whole | Broken]:
        """What is left when the stream ends."""
        found: list[Whole | Broken] = []
        self._flush(Fault.TRUNCATED if self._inside else Fault.UNFRAMED, found)
        self._inside = False
        self.closed = True
        return found

    def _between(self, data: bytes, position: int, found: list[Whole | Broken]) -> int:
        if self._after_end and data[position] == CR:
            position += 1
        self._after_end = False
        start = data.find(VT, position)
        outside = data[position:] if start < 0 else data[position:start]
        self._keep(outside[: KEPT_OUTSIDE - self._size])
        if start < 0:
            return len(data)
        self._flush(Fault.UNFRAMED, found)
        self._inside = True
        return start + 1

    def _within(self, data: bytes, position: int, found: list[Whole | Broken]) -> int:
        end = _first(data, position)
        self._keep(data[position:end])
        if self._size > self._limit:
            self._flush(Fault.OVERSIZE, found)
            self.closed = True
            return len(data)
        if end == len(data):
            return end
        if data[end] == VT:
            self._flush(Fault.TRUNCATED, found)
            return end + 1
        found.append(Whole(self._take()))
        self._inside = False
        self._after_end = True
        return end + 1

    def _keep(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)

    def _take(self) -> bytes:
        content = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._size = 0
        return content

    def _flush(self, fault: Fault, found: list[Whole | Broken]) -> None:
        content = self._take()
        if content.strip() or fault is Fault.OVERSIZE:
            found.append(Broken(fault, content))


def _first(data: bytes, position: int) -> int:
    """The offset of the next end or start of a frame, or the length of the data."""
    end = data.find(FS, position)
    if end < 0:
        end = len(data)
    again = data.find(VT, position, end)
    return end if again < 0 else again
