"""Server-sent events: « something changed » for the people who are looking, never what changed.

One LISTEN connection per web process fans out to its streams. A stream hears of its actor's own reference and of their
organisations; a page then asks again for what it shows, with its own rights.
"""

import asyncio
import contextlib
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from types import FrameType
from typing import Any

import structlog
from psycopg import OperationalError
from starlette.responses import Response, StreamingResponse

from maillage.access.actors import Actor
from maillage.access.context import Context
from maillage.db import Database, end_if_cancelled, load_queries
from maillage.errors import Unavailable
from maillage.http.request import Request, Visitor
from maillage.http.visitors import Visitors

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.http")
ALL = "*"
HEARTBEAT_SECONDS = 20.0
RECONNECT_SECONDS = 1.0
MOST_STREAMS = 4000
MOST_OF_ONE = 100
"""Pages of one person that listen at a time: as many as a browser opens of one host, and few enough that nobody leaves none to others."""


async def tell(ctx: Context, references: Iterable[str], *, topic: str = "nouveautes") -> None:
    """Tell the streams of these actors or organisations ("Practitioner/12") that a topic of theirs changed, on commit.

    A topic is the name of a list ("nouveautes", "taches"): no identifier, nothing about a patient.
    """
    if told := sorted(set(references)):
        await ctx.run(QUERIES.tell_streams, topic=topic, references=told)


class Stream:
    """What one open page has not been told yet. Told twice before it looks, it looks once."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._wake = asyncio.Event()
        self.closed = False

    def tell(self, topic: str) -> None:
        """Something of this topic changed."""
        self._topics.add(topic)
        self._wake.set()

    def close(self) -> None:
        """No more will come."""
        self.closed = True
        self._wake.set()

    async def next(self, patience: float) -> list[str]:
        """The topics told since the last call; empty when nothing came within `patience` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), patience)
        self._wake.clear()
        topics, self._topics = sorted(self._topics), set()
        return topics


class Live:
    """The open streams of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: dict[str, set[Stream]] = {}
        self._count = 0
        self._of_one: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen, in a task of its own."""
        self._task = asyncio.create_task(self._listen_always())

    def close(self) -> None:
        """End every stream."""
        for stream in {stream for streams in self._streams.values() for stream in streams}:
            stream.close()

    async def stop(self) -> None:
        """End every stream and the listening."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def stream_of(self, actor: Actor) -> Iterator[Stream]:
        """A stream for this actor, for as long as the block lasts. Raises Unavailable when too many are open, of all or of this actor."""
        if self._count >= MOST_STREAMS or self._of_one[actor.id] >= MOST_OF_ONE:
            raise Unavailable("Too many pages are listening.")
        stream = Stream()
        heard = {ALL, *actor.organizations, *([actor.reference] if actor.reference else [])}
        for reference in heard:
            self._streams.setdefault(reference, set()).add(stream)
        self._count += 1
        self._of_one[actor.id] += 1
        try:
            yield stream
        finally:
            self._count -= 1
            self._of_one[actor.id] -= 1
            if not self._of_one[actor.id]:
                del self._of_one[actor.id]
            for reference in heard:
                self._streams[reference].discard(stream)
                if not self._streams[reference]:
                    del self._streams[reference]

    def deliver(self, payload: str) -> None:
        """Pass a notice "topic reference" on to the streams it concerns."""
        topic, _, reference = payload.partition(" ")
        for stream in self._streams.get(reference, ()):
            stream.tell(topic)

    async def _listen_always(self) -> None:
        while True:
            try:
                await self._listen()
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("live_lost", error=type(error).__name__)
            self.listening.clear()
            await asyncio.sleep(RECONNECT_SECONDS)
            self.deliver(f"reprise {ALL}")  # notices may have been missed: let every page look again

    async def _listen(self) -> None:
        async with self._database.autocommit() as conn:
            await conn.execute(b"listen maillage_live")
            self.listening.set()
            async for notice in conn.notifies():
                self.deliver(notice.payload)


@contextlib.contextmanager
def closed_when_told_to_stop(live: Live) -> Iterator[None]:
    """End the streams as soon as the process is told to stop: the server waits for open answers before anything else ends.

    The handlers that the server set are called too. Outside the main thread no signal arrives and nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}

    def told(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(live.close)
        if callable(before[number]):
            before[number](number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.getsignal(number)
        signal.signal(number, told)
    try:
        yield
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)


async def answer_live(request: Request, ctx: None) -> Response:
    """GET /flux: one event « change » with a topic each time, a comment as heartbeat, an end when the session ends."""
    state = request.app.state
    if request.visitor is None:
        raise Unavailable("No one to tell.")
    body = _events(state.live, state.visitors, request.visitor)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


async def _events(live: Live, visitors: Visitors, visitor: Visitor) -> AsyncIterator[str]:
    with live.stream_of(visitor.actor) as stream:
        yield "retry: 3000\n\n"
        while True:
            topics = await stream.next(HEARTBEAT_SECONDS)
            if stream.closed:
                return
            if not await visitors.still_there(visitor):  # also where signals never leave it silent
                yield "event: fin\ndata: session\n\n"
                return
            if not topics:
                yield ": \n\n"
            for topic in topics:
                yield f"event: change\ndata: {topic}\n\n"
