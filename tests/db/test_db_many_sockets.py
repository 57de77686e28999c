"""A process that holds more than a thousand sockets (the streams of pages that listen) is served as any other."""

import asyncio
import os
import resource
from collections.abc import Iterator

import pytest

from maillage.db import Database

HELD = 1100  # beyond FD_SETSIZE


@pytest.fixture
def many_files() -> Iterator[None]:
    """So many open files that the next ones have numbers that `select` does not take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    one = os.open(os.devnull, os.O_RDONLY)
    held = [one, *(os.dup(one) for _ in range(HELD))]
    assert max(held) > 1024
    yield
    for file in held:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_connections_opened_then_are_lent_again_and_again(dsn: str, many_files: None) -> None:
    async with await Database.open(dsn, size=4, patience=2) as database:

        async def ask() -> int:
            async with database.reading() as conn:
                await conn.execute("select pg_sleep(0.02)")
                return (await (await conn.execute("select 1 as one")).fetchone() or {})["one"]

        for _ in range(3):
            assert await asyncio.gather(*(ask() for _ in range(10))) == [1] * 10
        async with database.transaction() as conn:
            assert conn.pgconn.socket > 1024
