"""`maillage reindex`: what resources are found by, made again while the platform runs."""

import asyncio
from dataclasses import replace

from maillage.app import database_of
from maillage.clock import monotonic
from maillage.config import Config
from maillage.db import Database
from maillage.fhir import reindexing

EVERY = 2.0
"""Seconds between two lines of progress."""


def reindex(config: Config) -> int:
    """Indexes every resource anew, and says how far it is; ended in the middle, the next one goes on. Status 1 when some cannot be indexed."""
    with database_of(config) as dsn:
        return asyncio.run(_reindex(replace(config, database_url=dsn)))


async def _reindex(config: Config) -> int:
    async with await Database.open(config.database_url, size=2) as database:
        async with database.transaction() as conn:
            whole, before = await reindexing.count(conn), await reindexing.state(conn)
        if before.done:
            print(f"reprise : {before.done} ressources étaient faites")
        far, said = reindexing.Progress(before.done or 0, before.failed if before.done else 0), monotonic()
        async for far in reindexing.reindex(database):
            if monotonic() - said >= EVERY:
                said = monotonic()
                print(f"{far.done} ressources sur {whole} ({100 * far.done // max(whole, far.done)} %)", flush=True)
    if far.failed:
        print(
            f"{far.done - far.failed} ressources réindexées, {far.failed} non réindexées (« not_indexed » du journal les nomme)"
        )
        return 1
    print(f"{far.done} ressources réindexées ; la recherche est à jour")
    return 0
