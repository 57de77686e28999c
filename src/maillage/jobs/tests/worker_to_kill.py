"""A worker process for a test to kill: reacts to `Noted` until its life ends. Arguments: the DSN, a folder for documents."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from maillage.access.access import Access
from maillage.access.context import Context
from maillage.clock import SystemClock
from maillage.db import Database
from maillage.db.queries import parse
from maillage.events import Event
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.jobs import Reactor, reaction

SQL = parse(
    """
-- name: add :exec
-- One effect.
insert into effect (word, reaction) values (%(word)s, %(reaction)s)
""",
    origin="worker_to_kill",
)


class Noted(Event, frozen=True, kw_only=True):
    word: str


@reaction(Noted, batch=3)
async def first(ctx: Context, event: Any) -> None:
    await ctx.run(SQL.add, word=event.word, reaction="first")
    await asyncio.sleep(0.004)


@reaction(Noted)
async def second(ctx: Context, event: Any) -> None:
    await ctx.run(SQL.add, word=event.word, reaction="second")
    await asyncio.sleep(0.004)


async def work(dsn: str, folder: str) -> None:
    async with await Database.open(dsn, size=4) as database:
        clock = SystemClock()
        access = Access(database, store=Store(), files=LocalFiles(Path(folder)), clock=clock)
        reactor = Reactor(database=database, access=access, clock=clock, reactions=[first, second])
        await reactor.prepare()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await reactor.run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2]))
