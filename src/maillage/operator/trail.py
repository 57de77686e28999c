"""`maillage audit verify` and `maillage audit heads`: the trail recomputed, and its last links written down."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maillage.access import anchor, chain
from maillage.access.chain import KeptHeads, Verification
from maillage.app import database_of
from maillage.clock import SystemClock
from maillage.config import Config
from maillage.db import Database


def verify(config: Config, files: Sequence[Path], *, lanes: int) -> int:
    """Recomputes the whole trail and compares it with the heads of these files and of the anchor; status 1 when it does not hold."""
    heads = [head for file in files for head in anchor.read(file)]
    with database_of(config) as dsn:
        found = asyncio.run(_verify(replace(config, database_url=dsn), heads, lanes))
    print(summary(found))
    for link in found.faults:
        print(f"FAUTE  chaîne {link.chain}, maillon {link.n} : {link.fault}")
    if found.broken > len(found.faults):
        print(f"FAUTE  et {found.broken - len(found.faults)} autres")
    return 0 if found.holds else 1


def summary(found: Verification) -> str:
    """How much was recomputed, how fast, and whether it holds."""
    pace = round(found.entries / found.seconds) if found.seconds else 0
    state = "la chaîne tient" if found.holds else f"LA CHAÎNE EST ROMPUE ({found.broken} maillons)"
    return (
        f"{found.entries} lignes, {found.links} maillons, {found.kept} têtes gardées dehors, "
        f"{found.seconds:.1f} s ({pace} lignes/s) : {state}"
    )


def heads(config: Config, target: Path | None) -> int:
    """Writes the last link of each chain to a new file, or to standard output."""
    with database_of(config) as dsn:
        found = asyncio.run(_heads(dsn))
    if target is None:
        sys.stdout.write(found.written().decode())
    else:
        anchor.write(target, found)
    return 0


async def _verify(config: Config, heads: Sequence[chain.Head], lanes: int) -> Verification:
    kept = await anchor.kept(anchor.folder_of(config))
    async with await Database.open(config.database_url, size=lanes) as database:
        return await chain.verify(database, kept=[*kept, *heads], lanes=lanes)


async def _heads(dsn: str) -> KeptHeads:
    async with await Database.open(dsn, size=1) as database, database.transaction() as conn:
        return KeptHeads.of(await chain.heads(conn), at=SystemClock().now())
