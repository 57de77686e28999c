"""Waiting for the server, without asking the event loop anew at each statement."""

import asyncio
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

Row = dict[str, Any]
Result = TypeVar("Result")
_INTERVAL = 0.1  # seconds; psycopg's own


class Listening(AsyncConnection[Row]):
    """A connection whose socket stays with the event loop between statements.

    psycopg hands its socket to the loop at each wait, takes it back, and sets a timer: a third of what a quick statement costs. Here that
    is done once. Whatever is not a plain wait for an answer (a statement too long for one packet, COPY, a limit of time, an interruption)
    is waited for by psycopg.
    """

    _heard: int | None = None
    """The socket, while the loop watches it. It must be given back before it is closed: its number may be the next connection's."""
    _answer: asyncio.Future[None] | None = None

    async def wait(self, gen: PQGen[Result], interval: float = _INTERVAL, timeout: float | None = None) -> Result:
        """As `AsyncConnection.wait`: what `gen` comes to. An interruption ends the statement on the server too."""
        ready: Ready | None = None
        interruption: BaseException | None = None
        try:
            while (gen.send(ready) if ready else next(gen)) == Wait.R and timeout is None:
                await self._readable()
                ready = Ready.R
        except StopIteration as end:
            if self.closed:
                self.stop_listening()
            if not ready:
                await asyncio.sleep(0)  # many steps that need no wait, as those of COPY, must not keep the loop
            result: Result = end.value
            return result
        except (asyncio.CancelledError, KeyboardInterrupt) as fault:
            interruption = fault
        except BaseException:
            self.stop_listening()
            raise
        self.stop_listening()
        return await super().wait(_Continued(gen, interruption), interval, timeout)

    async def close(self) -> None:
        """Close it; who waits for an answer is told that it is lost."""
        self.stop_listening()
        await super().close()

    def stop_listening(self) -> None:
        """Take the socket back from the loop. Who waits goes on, and finds what became of it."""
        if self._heard is not None:
            asyncio.get_running_loop().remove_reader(self._heard)
            self._heard = None
        self._wake()

    async def _readable(self) -> None:
        """Return when there is something to read."""
        loop = asyncio.get_running_loop()
        if self._heard is None:
            socket = self.pgconn.socket
            try:
                loop.add_reader(socket, self._hear)
            except OSError as fault:
                raise psycopg.OperationalError("connection socket closed") from fault
            self._heard = socket
        self._answer = loop.create_future()
        try:
            await self._answer
        finally:
            self._answer = None

    def _hear(self) -> None:
        if self._answer is None:
            self.stop_listening()  # nobody asked (a notice, the end of the server): the loop would come here again and again
        else:
            self._wake()

    def _wake(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)


class _Continued(Generator[Wait, Ready | int, Result]):
    """The further steps of what waits, for psycopg: it asks first what is waited for, and, where that was interrupted, ends the statement."""

    def __init__(self, gen: PQGen[Result], interruption: BaseException | None) -> None:
        self._gen = gen
        self._interruption = interruption

    def send(self, ready: Ready | int | None) -> Wait:
        if self._interruption is not None:
            interruption, self._interruption = self._interruption, None
            raise interruption
        return self._gen.send(Ready.NONE if ready is None else ready)

    def throw(self, *fault: Any) -> Wait:
        return self._gen.throw(*fault)
