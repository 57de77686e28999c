"""A connection that stays with the event loop: what interrupts it, ends it, or is more than a plain wait."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.rows import dict_row

from maillage.db.waiting import Listening

ONE = b"select 1 as one"
LONG = b"select pg_sleep(30)"


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Listening]:
    async with await Listening.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        yield connection


async def still_answers(connection: Listening) -> bool:
    return await (await connection.execute(ONE)).fetchall() == [{"one": 1}]


async def end(dsn: str, connection: Listening) -> None:
    """The server ends this connection, and its end has arrived here."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
        await other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
    await asyncio.sleep(0.05)


async def test_an_interrupted_statement_ends_on_the_server_and_the_connection_goes_on(connection: Listening) -> None:
    for _ in range(3):
        assert await still_answers(connection)
        began = time.monotonic()
        waiting = asyncio.create_task(connection.execute(LONG))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert time.monotonic() - began < 5
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert await still_answers(connection)


async def test_a_limit_of_time_holds(connection: Listening) -> None:
    assert await still_answers(connection)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await connection.execute(LONG)
    assert await still_answers(connection)


async def test_what_fills_the_socket_both_ways_goes_through(connection: Listening) -> None:
    text = "é" * 20_000_000
    assert await still_answers(connection)
    [row] = await (await connection.execute("select %s::text as sent", [text])).fetchall()
    assert row["sent"] == text
    assert await still_answers(connection)


async def test_copies_go_through_and_let_others_run(connection: Listening) -> None:
    await connection.execute("create temporary table copied (n int, said text)")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    running = asyncio.create_task(others())
    async with connection.cursor() as cursor, cursor.copy("copy copied from stdin") as copy:
        for n in range(200_000):
            await copy.write_row((n, "said " * 5))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert turns > 20
    assert await (await connection.execute("select count(*) as n from copied")).fetchall() == [{"n": 200_000}]


async def test_a_server_that_ends_an_idle_connection_is_told_and_does_not_keep_the_loop_busy(
    dsn: str, connection: Listening
) -> None:
    assert await still_answers(connection)
    await end(dsn, connection)
    began = time.process_time()
    await asyncio.sleep(0.3)
    assert time.process_time() - began < 0.15
    with pytest.raises(psycopg.OperationalError):
        await connection.execute(ONE)
    assert connection.closed


async def test_a_server_that_ends_a_statement_is_told(dsn: str, connection: Listening) -> None:
    assert await still_answers(connection)
    waiting = asyncio.create_task(connection.execute(LONG))
    await asyncio.sleep(0.05)
    await end(dsn, connection)
    with pytest.raises(psycopg.errors.AdminShutdown):
        await asyncio.wait_for(waiting, 5)


async def test_the_next_connection_may_have_the_number_of_a_lost_one(dsn: str) -> None:
    for lost in (True, False):
        for _ in range(5):
            before = await Listening.connect(dsn, autocommit=True, row_factory=dict_row)
            assert await still_answers(before)
            number = before.pgconn.socket
            if lost:
                await end(dsn, before)
                with pytest.raises(psycopg.OperationalError):
                    await before.execute(ONE)
            else:
                await before.close()
            async with await Listening.connect(dsn, autocommit=True, row_factory=dict_row) as after:
                assert after.pgconn.socket == number
                assert await asyncio.wait_for(still_answers(after), 5)
            await before.close()


async def test_who_waits_on_a_connection_that_is_closed_is_told(connection: Listening) -> None:
    assert await still_answers(connection)
    waiting = asyncio.create_task(connection.execute(LONG))
    await asyncio.sleep(0.05)
    await connection.close()
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(waiting, 5)
