"""Passwords that others have lost: those that are tried first. A list that comes with the product, and a file of the operator for all that are known.

The file is that of Have I Been Pwned, as its downloader writes it: lines `SHA-1 in capitals:how often`, sorted. It is asked where it lies, on our disk:
no password, nor a part of its digest, leaves the machine.
"""

import asyncio
import os
import unicodedata
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import BinaryIO

from maillage.config import Config
from maillage.errors import SetupError, Unavailable
from maillage.services.accounts.rules.passwords import SHORTEST

_DIGITS = 40
_LONGEST_LINE = 64


class Breached:
    """The passwords that are known to others; `path` None where the operator gave no file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def holds(self, password: str) -> bool:
        """Whether somebody lost this password once. Unavailable where the file cannot be read: a password is not set unasked."""
        return password.lower() in shipped() or (self._path is not None and await asyncio.to_thread(self._filed, password))

    def probe(self) -> int | None:
        """The bytes of the file, None without one; SetupError where it is not what it should be."""
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as file:
                size = _size(file)
                places = [_line_from(file, size * part // 8, size) for part in range(8)]
        except OSError as fault:
            raise SetupError(f"MAILLAGE_BREACHED_PASSWORDS cannot be read: {fault.strerror}") from fault
        digests = [line[:_DIGITS] for line in places if line]
        if not digests or any(not _is_digest(one) for one in digests) or digests != sorted(digests):
            raise SetupError("MAILLAGE_BREACHED_PASSWORDS is not a sorted file of SHA-1 in capitals, one a line")
        return size

    def _filed(self, password: str) -> bool:
        forms = {password, unicodedata.normalize("NFC", password)}
        wanted = [sha1(one.encode(), usedforsecurity=False).hexdigest().upper().encode() for one in forms]
        try:
            assert self._path is not None
            with self._path.open("rb") as file:
                return any(_found(file, one) for one in wanted)
        except OSError as fault:
            raise Unavailable(f"The file of breached passwords cannot be read ({type(fault).__name__}).") from fault


def breached_from(config: Config) -> Breached:
    """What these settings name."""
    return Breached(Path(config.breached_passwords) if config.breached_passwords else None)


@cache
def shipped() -> frozenset[str]:
    """Leaked passwords long enough to be set here, of the list of zxcvbn (MIT). Read when somebody sets one."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(one.lower() for one in FREQUENCY_LISTS["passwords"] if len(one) >= SHORTEST)


def _found(file: BinaryIO, wanted: bytes) -> bool:
    """Binary search by bytes: some forty reads of forty gigabytes."""
    low, high = 0, _size(file)
    while high - low > _LONGEST_LINE:
        middle = (low + high) // 2
        line = _line_from(file, middle, high)
        if line and line[:_DIGITS] <= wanted:
            low = middle
        else:
            high = middle
    file.seek(max(low - _LONGEST_LINE, 0))
    near = file.read(4 * _LONGEST_LINE).split(b"\n")
    return any(line[:_DIGITS] == wanted and not line[_DIGITS:].strip(b":0123456789\r") for line in near)


def _line_from(file: BinaryIO, place: int, end: int) -> bytes:
    """The first line that begins at this place or after it, empty where none does before the end."""
    file.seek(max(place - 1, 0))
    if place:
        file.readline(_LONGEST_LINE)
    return file.readline(_LONGEST_LINE) if file.tell() < end else b""


def _is_digest(text: bytes) -> bool:
    return len(text) == _DIGITS and not text.strip(b"0123456789ABCDEF")


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
