"""`maillage erase-again`, which a restore does by itself: what was erased since a backup was made is erased again."""

import asyncio
from dataclasses import replace

from maillage.access import erasures
from maillage.access.actors import job_actor
from maillage.app import database_of, load_services, platform_of
from maillage.config import Config
from maillage.db import migrate
from maillage.services.rights.public import erase_names

BY = job_actor("operator/erase-again")


def erase_again(config: Config) -> int:
    """Erases what the lists name and the database has; interrupted, it is started again."""
    with database_of(config) as dsn:
        listed, erased = asyncio.run(from_lists(replace(config, database_url=dsn)))
    print(f"maillage: {listed} ressources dans les listes d’effacement, {erased} effacées de nouveau")
    return 0


async def from_lists(config: Config) -> tuple[int, int]:
    """How many resources the lists of `MAILLAGE_ERASURES` name, and how many of them were there and are erased now. A transaction for each line."""
    lists = erasures.kept(erasures.folder_of(config))
    if not lists:
        return 0, 0
    await asyncio.to_thread(migrate, config.database_url)  # an older backup has not all tables
    load_services()
    erased = 0
    async with platform_of(config) as platform:
        for one in lists:
            async with platform.access.act(BY, door="job") as ctx:
                erased += len(await erase_names(ctx, one.record, one.names, because=one.request))
        left = True
        while left:
            async with platform.access.act(BY, door="job") as ctx:
                left = bool(await ctx.records.erasing.remove_bytes())
    return sum(len(one.names) for one in lists), erased
