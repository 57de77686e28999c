"""The protocol of clamd over TCP or a socket of the machine: PING, VERSION and INSTREAM, each after `z` with a zero byte at its end."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

NAME = "EMULATOR of clamd, no real scanner/0/Mon Nov 23 08:35:53 2026"
KNOWN = (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-ANTIVIRUS-", b"TEST-FILE!$H+H*")
"""The test file of EICAR (eicar.org), in parts: no scanner takes this source for it."""
FOUND = "Eicar-Test-Signature"


@dataclass
class Daemon:
    """`looked`: how many bytes each file had. `delay`: seconds before an answer. `longest`: its StreamMaxLength. `says`: what it answers instead."""

    longest: int = 25_000_000
    delay: float = 0.0
    says: bytes | None = None
    looked: list[int] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command, as clamd does without IDSESSION."""
        try:
            command = (await reader.readuntil(b"\0"))[:-1]
            await asyncio.sleep(self.delay)
            writer.write((await self._said(command, reader) if self.says is None else self.says) + b"\0")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _said(self, command: bytes, reader: asyncio.StreamReader) -> bytes:
        if command == b"zPING":
            return b"PONG"
        if command == b"zVERSION":
            return NAME.encode()
        if command != b"zINSTREAM":
            return b"UNKNOWN COMMAND"
        content = bytearray()
        while length := struct.unpack(">I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(length)
            if len(content) > self.longest:
                return b"INSTREAM size limit exceeded. ERROR"
        self.looked.append(len(content))
        return f"stream: {FOUND} FOUND".encode() if b"".join(KNOWN) in content else b"stream: OK"


@asynccontextmanager
async def emulated_clamd(daemon: Daemon, *, path: Path | None = None) -> AsyncIterator[str]:
    """Listens while the block lasts; gives its address as `MAILLAGE_UPLOAD_SCANNER` says it."""
    if path is not None:
        server: asyncio.Server = await asyncio.start_unix_server(daemon.answer, str(path))
        address = f"clamd://{path}"
    else:
        server = await asyncio.start_server(daemon.answer, "127.0.0.1", 0)
        address = f"clamd://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield address
