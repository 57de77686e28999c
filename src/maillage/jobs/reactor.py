"""Runs reactions: each event once for each of them, in order, in the transaction that moves the reaction's cursor.

Several workers share the reactions by a lock on the cursor's row. A killed worker leaves nothing half done: its transaction is gone, and the
lock with it. LISTEN wakes the reactor; a look every few seconds makes up for a notice that was missed.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from psycopg import OperationalError

from maillage.access.access import Access
from maillage.access.actors import Actor, job_actor
from maillage.clock import Clock
from maillage.db import Database, end_if_cancelled, load_queries
from maillage.errors import Unavailable
from maillage.events import kinds
from maillage.events.base import decode
from maillage.jobs.faults import place_of
from maillage.jobs.reactions import Reaction, pause_after

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.jobs")
LOOK_SECONDS = 3.0
AWAY_SECONDS = 1.0
IDLE_SECONDS = 30.0
# An older transaction may hold the event back for an instant after the notice came.
SETTLE_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
AT_ONCE = 4


class Reactor:
    """The reactions of one worker process."""

    def __init__(self, *, database: Database, access: Access, clock: Clock, reactions: Sequence[Reaction]) -> None:
        self._database = database
        self._access = access
        self._clock = clock
        self._reactions = {one.name: one for one in reactions}
        self._wake = {one.name: asyncio.Event() for one in reactions}
        self._paused: dict[str, datetime] = {}
        self._to_retry = set(self._reactions)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def prepare(self) -> None:
        """Give every reaction its place in the feed. Raises RuntimeError for one whose events no module declares."""
        unknown = {kind for one in self._reactions.values() for kind in one.kinds} - set(kinds())
        if unknown:
            raise RuntimeError(f"no imported module declares {sorted(unknown)}")
        async with self._database.transaction() as conn:
            fresh = await QUERIES.no_reaction_yet(conn)
            for one in self._reactions.values():
                await QUERIES.register_reaction(conn, reaction=one.name, kinds=one.kinds, fresh=fresh)

    async def run(self) -> None:
        """React until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen_always())
            group.create_task(self._catch_up_always())
            for one in self._reactions.values():
                group.create_task(self._serve(one))

    async def drain(self) -> int:
        """Handle all that waits now, pauses apart, and return how many events that was: for tests and for the seed."""
        done, total = 1, 0
        while done:
            done = sum([await self._exhaust(one) for one in self._reactions.values()])
            total += done
        for one in self._reactions.values():
            await self._retry_dead_letters(one)
        return total

    async def _serve(self, one: Reaction) -> None:
        while True:
            try:
                await self._exhaust(one)
                await self._retry_dead_letters(one)
                if await self._woken(one):
                    await self._settle(one)
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("reaction_waits_for_database", reaction=one.name, error=type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)

    async def _woken(self, one: Reaction) -> bool:
        """Wait for a notice, or until it is time to look anyway."""
        wake = self._wake[one.name]
        try:
            await asyncio.wait_for(wake.wait(), self._patience(one))
        except TimeoutError:
            return False
        wake.clear()
        return True

    async def _settle(self, one: Reaction) -> None:
        """Look until the event that a notice told of can be read."""
        for pause in SETTLE_SECONDS:
            if await self._exhaust(one):
                return
            await asyncio.sleep(pause)

    def _patience(self, one: Reaction) -> float:
        retry_at = self._paused.pop(one.name, None)
        if retry_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.02, (retry_at - self._clock.now()).total_seconds()))

    async def _exhaust(self, one: Reaction) -> int:
        total = 0
        async with self._room:
            while done := await self._step(one):
                total += done
        return total

    async def _step(self, one: Reaction) -> int:
        """Handle the next events; when one of several fails, handle them again one by one."""
        done, failed = await self._handle(one, one.batch)
        alone = len(failed)
        for _ in range(alone if alone > 1 else 0):
            count, failed = await self._handle(one, 1)
            if not count:
                break
            done += count
        if len(failed) == 1:
            done += await self._failed(one, *failed[0])
        return done

    async def _handle(self, one: Reaction, limit: int) -> tuple[int, list[tuple[dict[str, Any], Exception]]]:
        """One transaction: how many events it handled, or those it tried and the failure that undid them."""
        rows: list[dict[str, Any]] = []
        try:
            async with self._access.act(_actor(one), door="job") as ctx:
                rows = await ctx.run(QUERIES.claim_events, reaction=one.name, kinds=one.kinds, now=ctx.now, limit=limit)
                for row in rows:
                    await one(ctx, decode(row["kind"], row["payload"]))
                if rows:
                    await ctx.run(QUERIES.advance, reaction=one.name, xid=rows[-1]["xid"], seq=rows[-1]["seq"])
        except Exception as error:  # a handler's failure of any sort is the event's, not the worker's
            if not rows:
                raise
            return 0, [(row, error) for row in rows]
        return len(rows), []

    async def _failed(self, one: Reaction, row: dict[str, Any], error: Exception) -> int:
        """Note a failure: pause before the event, or set it aside and answer 1, as it is dealt with."""
        fault = place_of(error)
        now = self._clock.now()
        at = {"reaction": one.name, "xid": row["xid"], "seq": row["seq"]}
        async with self._database.transaction() as conn:
            cursor = await QUERIES.lock_cursor(conn, **at)
            if cursor is None:
                return 0
            attempts = cursor["attempts"] + 1
            pause = pause_after(attempts)
            if pause is not None:
                self._paused[one.name] = now + pause
                await QUERIES.pause(conn, reaction=one.name, attempts=attempts, retry_at=now + pause, fault=fault)
            else:
                await QUERIES.set_aside(
                    conn,
                    **at,
                    happened=row["at"],
                    kind=row["kind"],
                    payload=msgspec.json.encode(row["payload"]).decode(),
                    attempts=attempts,
                    fault=fault,
                    now=now,
                )
                await QUERIES.advance(conn, **at)
        log.warning(
            "reaction_failed", reaction=one.name, kind=row["kind"], attempts=attempts, fault=fault, set_aside=pause is None
        )
        return 0 if pause else 1

    async def _retry_dead_letters(self, one: Reaction) -> None:
        """Handle the events set aside that someone asked to try again."""
        if one.name in self._to_retry:
            self._to_retry.discard(one.name)
            while await self._retry_dead_letter(one):
                pass

    async def _retry_dead_letter(self, one: Reaction) -> bool:
        letter: dict[str, Any] | None = None
        try:
            async with self._access.act(_actor(one), door="job") as ctx:
                letter = await ctx.run(QUERIES.claim_dead_letter, reaction=one.name)
                if letter is not None:
                    await one(ctx, decode(letter["kind"], letter["payload"]))
                    await ctx.run(QUERIES.resolve_dead_letter, id=letter["id"])
        except Exception as error:
            if letter is None:
                raise
            async with self._database.transaction() as conn:
                await QUERIES.keep_dead_letter(conn, id=letter["id"], fault=place_of(error), now=self._clock.now())
        return letter is not None

    async def _listen_always(self) -> None:
        while True:
            try:
                await self._listen()
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("reactor_lost", error=type(error).__name__)
            await asyncio.sleep(AWAY_SECONDS)

    async def _listen(self) -> None:
        async with self._database.autocommit() as conn:
            await conn.execute(b"listen maillage_event; listen maillage_retry")
            for one in self._reactions.values():
                self._tell(one, retry=True)
            async for notice in conn.notifies():
                for one in self._reactions.values():
                    if notice.payload in one.kinds or notice.payload == one.name:
                        self._tell(one, retry=notice.channel == "maillage_retry")

    def _tell(self, one: Reaction, *, retry: bool) -> None:
        if retry:
            self._to_retry.add(one.name)
        self._wake[one.name].set()

    async def _catch_up_always(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            try:
                async with self._database.transaction() as conn:
                    await QUERIES.catch_up_idle(conn, reactions=list(self._reactions))
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("reactor_lost", error=type(error).__name__)


def _actor(one: Reaction) -> Actor:
    return job_actor(one.name)
