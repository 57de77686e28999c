"""A streaming replica that plain reads go to while it has all that was acknowledged (docs/adr/0022-replica.md).

Before a read, the primary says how far its log is safe on disk, and the replica must have replayed as much: so every read sees every
write that was acknowledged before it began, whoever wrote it and in whatever process. Nobody is remembered for having written.
"""

import asyncio
from contextvars import Context
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from maillage.clock import monotonic

ASIDE = 1.0  # seconds for which a replica that was late or away is not asked again
PAUSE = 0.002  # seconds between two looks at one that is behind

# What is acknowledged is flushed (synchronous_commit). A replica that was promoted goes its own way: it answers null.
WRITTEN = b"select pg_current_wal_flush_lsn()::text as written"
HAS_ALL = b"select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() >= %(written)s::pg_lsn end as has_all"
CLUSTER = b"select system_identifier as cluster from pg_control_system()"

Row = dict[str, Any]
Pool = AsyncConnectionPool[AsyncConnection[Row]]


class Replica:
    """Lends connections to a replica while it is in step with the primary.

    `patience` is how many seconds a read waits for it to be in step. One question to each server serves all who wait: while it is
    asked, the next group gathers.
    """

    def __init__(self, pool: Pool, primary: Pool, *, patience: float) -> None:
        self._pool = pool
        self._primary = primary
        self._patience = patience
        self._aside_until = 0.0
        self._waiting: list[asyncio.Future[bool]] = []
        self._asker: asyncio.Task[None] | None = None
        self._served = self._passed_over = 0

    def statistics(self) -> dict[str, int]:
        """How many reads the replica served, and how many it could not serve in time."""
        return {"replica_reads": self._served, "replica_passed_over": self._passed_over}

    async def take(self) -> AsyncConnection[Row] | None:
        """A connection on which all that was acknowledged before this call is seen, to be given back; None when there is none in time."""
        while monotonic() >= self._aside_until and await self._in_step():
            try:
                taken = await self._pool.getconn(timeout=self._patience)
            except PoolTimeout:
                continue  # gone since, or all are lent: the question tells
            self._served += 1
            return taken
        self._passed_over += 1
        return None

    async def give_back(self, connection: AsyncConnection[Row]) -> None:
        """Whoever took it has done."""
        await self._pool.putconn(connection)

    async def _in_step(self) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        if self._asker is None or self._asker.done():
            self._asker = asyncio.create_task(self._ask_for_all(), context=Context())
        # A server that neither answers nor closes holds the asker for as long as it likes, but nobody who waits.
        await asyncio.wait([answer], timeout=2 * self._patience)
        if answer.done() and answer.result():
            return True
        answer.cancel()
        self._aside_until = monotonic() + ASIDE
        return False

    async def _ask_for_all(self) -> None:
        while self._waiting:
            waiting, self._waiting = [answer for answer in self._waiting if not answer.done()], []
            try:
                has_all = await self._has_all()
            except (psycopg.Error, PoolTimeout):
                has_all = False
            for answer in waiting:
                if not answer.done():
                    answer.set_result(has_all)

    async def _has_all(self) -> bool:
        """Whether the replica reaches in time what the primary has written now."""
        deadline = monotonic() + self._patience
        async with self._primary.connection() as primary:
            [written] = await (await primary.execute(WRITTEN)).fetchall()
        async with self._pool.connection(timeout=self._patience) as replica:
            while True:
                [row] = await (await replica.execute(HAS_ALL, written, prepare=True)).fetchall()
                if row["has_all"] or row["has_all"] is None or monotonic() > deadline:
                    return bool(row["has_all"])
                await asyncio.sleep(PAUSE)


async def of_one_cluster(primary: Pool, replica: AsyncConnection[Row]) -> None:
    """Refuses a connection to a server that replicates another cluster: its log could be ahead, and its records are others."""
    async with primary.connection() as connection:
        expected = await (await connection.execute(CLUSTER)).fetchone()
    if await (await replica.execute(CLUSTER)).fetchone() != expected:
        raise psycopg.OperationalError("this server replicates another cluster: nothing is read from it")
