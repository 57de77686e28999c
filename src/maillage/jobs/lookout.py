"""Says which reactions have events to handle: one look for all that a notice told of, and one every few seconds for notices that were missed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog
from psycopg import OperationalError

from maillage.clock import Clock
from maillage.db import Connection, Database, end_if_cancelled, load_queries
from maillage.errors import Unavailable
from maillage.jobs.reactions import Reaction

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.jobs")
LOOK_SECONDS = 3.0
AWAY_SECONDS = 1.0
IDLE_SECONDS = 30.0
# While events keep coming they are gathered this long, so that several share one transaction.
GATHER_SECONDS = 0.1
# An older transaction may hold an event back after its notice came: looks follow each other this fast, then slower.
HELD_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)


class Lookout:
    """Wakes the reactions of one worker process. Those with nothing to do cost nothing."""

    def __init__(self, *, database: Database, clock: Clock, reactions: Mapping[str, Reaction]) -> None:
        self._database = database
        self._clock = clock
        self._reactions = reactions
        self._wake = {name: asyncio.Event() for name in reactions}
        self._told: set[str] = set(reactions)
        self._stirred = asyncio.Event()
        self.to_retry: set[str] = set(reactions)

    async def run(self) -> None:
        """Look out until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._always(self._listen))
            group.create_task(self._always(self._look_around))
            group.create_task(self._always(self._catch_up))

    async def woken(self, reaction: str, *, patience: float | None = None) -> None:
        """Return when the reaction has something to do, or after `patience` seconds."""
        wake = self._wake[reaction]
        try:
            async with asyncio.timeout(patience):
                await wake.wait()
        except TimeoutError:
            return
        wake.clear()

    async def _always(self, watch: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await watch()
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("reactor_lost", error=type(error).__name__)
            end_if_cancelled()
            await asyncio.sleep(AWAY_SECONDS)

    async def _listen(self) -> None:
        async with self._database.autocommit() as conn:
            await conn.execute(b"listen maillage_event; listen maillage_retry")
            self._tell(self._reactions)
            self._retry(self._reactions)
            async for notice in conn.notifies():
                end_if_cancelled()
                if notice.channel == "maillage_retry":
                    self._retry({notice.payload} & set(self._reactions))
                else:
                    self._tell(name for name, one in self._reactions.items() if notice.payload in one.kinds)

    async def _look_around(self) -> None:
        async with self._database.autocommit() as conn:
            self._told.update(self._reactions)
            while True:
                await self._look_until_seen(conn)
                end_if_cancelled()
                await self._stirred_soon()

    async def _look_until_seen(self, conn: Connection) -> None:
        held = 0
        while self._told:
            if await self._look(conn):
                held = 0
                await asyncio.sleep(GATHER_SECONDS)
            elif self._told:
                await asyncio.sleep(HELD_SECONDS[held])
                held = min(held + 1, len(HELD_SECONDS) - 1)

    async def _look(self, conn: Connection) -> bool:
        """Wake the reactions told of that have an event to read; those whose event is held back stay told of. Whether any was woken."""
        told, self._told = self._told, set()
        rows = await QUERIES.waiting_reactions(conn, reactions=sorted(told), now=self._clock.now())
        for row in rows:
            if row["readable"]:
                self._wake[row["reaction"]].set()
            else:
                self._told.add(row["reaction"])
        return any(row["readable"] for row in rows)

    async def _stirred_soon(self) -> None:
        """Wait for a notice, or until it is time to look at all of them anyway."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._stirred.wait()
        except TimeoutError:
            self._told.update(self._reactions)
        self._stirred.clear()

    async def _catch_up(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            async with self._database.transaction() as conn:
                await QUERIES.catch_up_idle(conn, reactions=list(self._reactions))
            end_if_cancelled()

    def _tell(self, reactions: Iterable[str]) -> None:
        self._told.update(reactions)
        self._stirred.set()

    def _retry(self, reactions: Iterable[str]) -> None:
        for name in reactions:
            self.to_retry.add(name)
            self._wake[name].set()
