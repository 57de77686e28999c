"""The client: `zINSTREAM`, pieces with their length, an answer that ends with a zero byte. One connection a file.

Who does not answer in time, or answers anything but « OK » or « FOUND », has not looked: Unavailable, and the file is not taken.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from maillage.errors import SetupError, Unavailable

PIECE = 256 * 1024
LONGEST_ANSWER = 4_096
AT_ONCE = 8  # files that one process has looked at, at once: a scanner has few threads
_LATER = "l’antivirus ne répond pas : réessayez plus tard"
_NAME = re.compile(r"[^A-Za-z0-9._/:+-]")


@dataclass(frozen=True, slots=True)
class Address:
    """A socket of this machine by its path, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0


class Clamd:
    """One scanner. `patience`: seconds for a file, from the connection to the answer."""

    def __init__(self, address: Address, *, patience: float) -> None:
        self._address = address
        self._patience = patience
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def found(self, content: bytes) -> str | None:
        """The name of what it is known as, None where nothing is known against it. Unavailable where nobody has looked."""
        answer = await self._asked(b"zINSTREAM\0", _pieces(content))
        if answer == "stream: OK":
            return None
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            return _NAME.sub("?", answer.removeprefix("stream: ").removesuffix(" FOUND"))[:120]
        raise Unavailable(f"The scanner did not look at the file: {_NAME.sub(' ', answer)[:120]}", french=_LATER)

    async def version(self) -> str:
        """What it says of itself: « ClamAV 1.4.1/27500/Mon Nov 23 08:35:53 2026 »."""
        return await self._asked(b"zVERSION\0", iter(()))

    async def _asked(self, command: bytes, pieces: Iterator[bytes]) -> str:
        try:
            async with asyncio.timeout(self._patience), self._turns, self._connected() as (reader, writer):
                writer.write(command)
                try:
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                except ConnectionError:  # it says why before it hangs up: a file longer than its StreamMaxLength
                    pass
                answer = await reader.readuntil(b"\0")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as fault:
            raise Unavailable(f"The scanner does not answer ({type(fault).__name__}).", french=_LATER) from fault
        return answer[:-1].decode("utf-8", "replace").strip()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        where = self._address
        if where.path:
            reader, writer = await asyncio.open_unix_connection(where.path, limit=LONGEST_ANSWER)
        else:
            reader, writer = await asyncio.open_connection(where.host, where.port, limit=LONGEST_ANSWER)
        try:
            yield reader, writer
        finally:
            writer.close()


def clamd_of(setting: str, *, patience: float) -> Clamd:
    """`clamd:///run/clamav/clamd.ctl` or `clamd://host:3310`; SetupError for anything else."""
    try:
        parts = urlsplit(setting)
        port = parts.port
    except ValueError:
        raise _no_address(setting) from None
    if parts.scheme != "clamd" or parts.query or parts.username is not None:
        raise _no_address(setting)
    if parts.hostname and port and parts.path in ("", "/"):
        return Clamd(Address(host=parts.hostname, port=port), patience=patience)
    if not parts.netloc and len(parts.path) > 1:
        return Clamd(Address(path=parts.path), patience=patience)
    raise _no_address(setting)


def _no_address(setting: str) -> SetupError:
    return SetupError(f"MAILLAGE_UPLOAD_SCANNER={setting!r}: clamd://host:port or clamd:///path/of/its/socket is expected")


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE):
        piece = content[start : start + PIECE]
        yield struct.pack(">I", len(piece)) + piece
    yield struct.pack(">I", 0)
