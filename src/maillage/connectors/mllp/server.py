"""An MLLP server: connections, frames, limits, TLS. What a message means is the receiver's business."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Protocol

from maillage.clock import monotonic
from maillage.connectors.mllp.framing import Broken, Fault, Frames, Whole, framed
from maillage.connectors.mllp.tls import common_name

log = logging.getLogger(__name__)

_CHUNK = 64 * 1024
_DRAIN = 10.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end: the address, and the CN of the certificate when there is one."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    message: int = 64 * 1024 * 1024
    large: int = 4 * 1024 * 1024
    """Above this size frames wait their turn, so that memory holds one of them at a time."""
    stall: float = 60.0
    """A frame that has begun and brings nothing for so long is given up."""
    slow: float = 180.0
    """A frame above `large` that is not whole after so long, once its turn came, is given up: the next ones wait for it."""
    connections: int = 256
    from_one_address: int = 64
    """Connections, of those: quiet ones are kept for hours, and one machine must not take the places of all hospitals."""


class Receiver(Protocol):
    """What the server hands frames to."""

    async def receive(self, content: bytes, peer: Peer) -> bytes | None:
        """The answer to one whole message; b"" when the sender wants none; None closes the connection without one."""

    async def keep(self, broken: Broken, peer: Peer) -> bytes:
        """Keep bytes that are no whole frame; the answer to an oversize one, b"" otherwise."""


class Server:
    """Listens, and handles the messages of a connection one after another: the next is read once the last is answered."""

    def __init__(self, receiver: Receiver, *, limits: Limits | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._receiver = receiver
        self._limits = limits or Limits()
        self._tls = tls
        self._stopping = asyncio.Event()
        self._large = asyncio.Semaphore(1)
        self._connections: dict[asyncio.Task[None], str] = {}
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address bound (port 0 picks one)."""
        self._server = await asyncio.start_server(self._connected, host, port, ssl=self._tls, limit=2 * _CHUNK)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def stop(self, *, grace: float = 30.0) -> None:
        """Take no new message, finish and answer those in hand for at most `grace` seconds."""
        self._stopping.set()
        if self._server is not None:
            self._server.close()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=grace)
            for task in late:
                task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        address = str((writer.get_extra_info("peername") or ("",))[0])
        if task is None or self._full(address):
            log.warning("mllp: connection refused, %d are open", len(self._connections))
            writer.close()
            return
        self._connections[task] = address
        try:
            await self._serve(reader, writer, _peer(writer))
        except (ConnectionError, ssl.SSLError, TimeoutError) as fault:
            log.info("mllp: connection lost: %s", type(fault).__name__)
        finally:
            del self._connections[task]
            writer.close()

    def _full(self, address: str) -> bool:
        """Whether no further connection is taken, from this address or from any."""
        mine = sum(one == address for one in self._connections.values())
        return mine >= self._limits.from_one_address or len(self._connections) >= self._limits.connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        frames = Frames(self._limits.message)
        while not self._stopping.is_set() and not frames.closed:
            async with self._turn(reader, frames) as found:
                for event in found:
                    if not await self._answer(event, peer, writer):
                        return
                if any(isinstance(event, Broken) and event.fault is Fault.OVERSIZE for event in found):
                    await _drain(reader, writer)

    @asynccontextmanager
    async def _turn(self, reader: asyncio.StreamReader, frames: Frames) -> AsyncIterator[list[Whole | Broken]]:
        """The frames that the next bytes complete; a large one is read and answered while no other is."""
        found = await self._next(reader, frames)
        if found or frames.pending < self._limits.large:
            yield found
            return
        async with self._large:
            until = monotonic() + self._limits.slow
            while not found and not frames.closed:
                found = await self._next(reader, frames, within=max(0.0, until - monotonic()))
            yield found

    async def _next(self, reader: asyncio.StreamReader, frames: Frames, *, within: float = inf) -> list[Whole | Broken]:
        data = await self._read(reader, stall=min(self._limits.stall, within) if frames.inside else None)
        if data is None:
            frames.closed = True
            return []
        return frames.feed(data) if data else frames.end()

    async def _read(self, reader: asyncio.StreamReader, *, stall: float | None) -> bytes | None:
        """The next bytes; b"" when the stream ended, broke or stalled; None when the server stops first."""
        reading = asyncio.ensure_future(reader.read(_CHUNK))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, timeout=stall, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return b"" if isinstance(reading.exception(), OSError) else reading.result()
            return None if stopping.done() else b""
        finally:
            reading.cancel()
            stopping.cancel()

    async def _answer(self, event: Whole | Broken, peer: Peer, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        if isinstance(event, Whole):
            answer = await self._receiver.receive(event.content, peer)
        else:
            answer = await self._receiver.keep(event, peer)
        if answer:
            writer.write(framed(answer))
            await writer.drain()
        return answer is not None


async def _drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a sender that is still writing read the answer: closing on unread bytes would reset the connection."""
    if writer.can_write_eof():
        writer.write_eof()
    try:
        async with asyncio.timeout(_DRAIN):
            while await reader.read(_CHUNK):
                pass
    except TimeoutError:
        log.info("mllp: a sender went on writing after its message was refused for its size")


def _peer(writer: asyncio.StreamWriter) -> Peer:
    address = writer.get_extra_info("peername")
    certificate = writer.get_extra_info("peercert") or {}
    return Peer(f"{address[0]}:{address[1]}", common_name(certificate.get("subject")))
