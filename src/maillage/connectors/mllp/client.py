"""An MLLP client: sends a message, waits for its answer."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self

from maillage.connectors.mllp.er7 import Message, read
from maillage.connectors.mllp.framing import Frames, Whole, framed
from maillage.errors import Unavailable

_CHUNK = 64 * 1024
_LONGEST_ANSWER = 1024 * 1024


class Client:
    """One connection. Messages are sent one after another, each after the answer to the one before.

    async with await Client.connect("127.0.0.1", 2575) as client:
        answer = await client.send(message)
        answer.value("MSA-1")
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, timeout: float) -> None:
        self._reader = reader
        self._writer = writer
        self._timeout = timeout
        self._frames = Frames(_LONGEST_ANSWER)
        self._answers: list[bytes] = []

    @classmethod
    async def connect(
        cls, host: str, port: int, *, tls: ssl.SSLContext | None = None, server_name: str | None = None, timeout: float = 60.0
    ) -> Self:
        """Raises Unavailable when nobody listens or TLS fails. `timeout`: seconds to wait for each answer."""
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(host, port, ssl=tls, server_hostname=server_name if tls else None), timeout
            )
        except (OSError, TimeoutError) as fault:
            raise Unavailable(f"no MLLP connection to {host}:{port}: {fault}") from fault
        return cls(reader, writer, timeout=timeout)

    async def send(self, content: bytes) -> Message:
        """The answer to this message. Raises Unavailable when the connection ends or the time is over before it came:
        the message may then have been received or not, and is to be sent again with the same bytes."""
        return read(await self.exchange(framed(content)))

    async def exchange(self, stream: bytes) -> bytes:
        """Send bytes as they are, wait for one framed answer: its content."""
        try:
            self._writer.write(stream)
            await self._writer.drain()
            return await asyncio.wait_for(self.answer(), self._timeout)
        except (OSError, TimeoutError) as fault:
            raise Unavailable(f"no answer over MLLP: {type(fault).__name__}") from fault

    async def answer(self) -> bytes:
        """The content of the next framed answer."""
        while not self._answers:
            data = await self._reader.read(_CHUNK)
            if not data:
                raise Unavailable("the MLLP connection was closed without an answer")
            self._answers += [event.content for event in self._frames.feed(data) if isinstance(event, Whole)]
        return self._answers.pop(0)

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
