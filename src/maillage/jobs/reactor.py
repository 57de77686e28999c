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
from maillage.jobs.lookout import AWAY_SECONDS, Lookout
from maillage.jobs.reactions import Reaction, pause_after

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.jobs")
AT_ONCE = 4


class Reactor:
    """The reactions of one worker process."""

    def __init__(self, *, database: Database, access: Access, clock: Clock, reactions: Sequence[Reaction]) -> None:
        self._database = database
        self._access = access
        self._clock = clock
        self._reactions = {one.name: one for one in reactions}
        self._lookout = Lookout(database=database, clock=clock, reactions=self._reactions)
        self._paused: dict[str, datetime] = {}
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
            group.create_task(self._lookout.run())
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
                end_if_cancelled()
                await self._lookout.woken(one.name, patience=self._patience(one))
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("reaction_waits_for_database", reaction=one.name, error=type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)

    def _patience(self, one: Reaction) -> float | None:
        """Seconds until the event that failed may be tried again; None when nothing is to be tried."""
        retry_at = self._paused.pop(one.name, None)
        return None if retry_at is None else max(0.02, (retry_at - self._clock.now()).total_seconds())

    async def _exhaust(self, one: Reaction) -> int:
        total, more = 0, True
        async with self._room:
            while more:
                done, more = await self._step(one)
                total += done
        return total

    async def _step(self, one: Reaction) -> tuple[int, bool]:
        """Handle the next events; when one of several fails, handle them again one by one. How many, and whether others may wait."""
        done, failed = await self._handle(one, one.batch)
        if not failed:
            return done, done == one.batch
        alone = len(failed)
        for _ in range(alone if alone > 1 else 0):
            count, failed = await self._handle(one, 1)
            if not count:
                break
            done += count
        if len(failed) == 1:
            done += await self._failed(one, *failed[0])
        return done, done > 0

    async def _handle(self, one: Reaction, limit: int) -> tuple[int, list[tuple[dict[str, Any], Exception]]]:
        """One transaction: how many events it handled, or those it tried and the failure that undid them."""
        rows: list[dict[str, Any]] = []
        try:
            async with self._access.act(_actor(one), door="job") as ctx:
                rows = await ctx.run(QUERIES.claim_events, reaction=one.name, kinds=one.kinds, now=ctx.now, limit=limit)
                if rows:
                    await one(ctx, *(decode(row["kind"], row["payload"]) for row in rows))
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
        if one.name in self._lookout.to_retry:
            self._lookout.to_retry.discard(one.name)
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


def _actor(one: Reaction) -> Actor:
    return job_actor(one.name)
