"""Reads on a streaming replica: only while it has all that was acknowledged, and never a write."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from maillage.access.access import Access
from maillage.app import platform_of
from maillage.clock import monotonic
from maillage.config import Config
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.db.replica import ASIDE
from maillage.errors import SetupError, Unauthenticated, Unavailable
from maillage.http.health import database_probe
from maillage.operator.checks import CHECKS
from tests.conformance.test_conformance_door import a_patient, app, machine, send
from tests.support.people import MACHINE
from tests.support.replica import StreamingReplica, folder_of

__all__ = ["app", "machine"]

PATIENCE = 20.0
WHERE = b"select pg_is_in_recovery() as replica"
NEWEST = b"select coalesce(max(n), 0) as n, pg_is_in_recovery() as replica from noted"


@pytest.fixture(scope="module")
def primary(scratch: Path) -> Iterator[EmbeddedPostgres]:
    """A server that keeps what it acknowledges."""
    with EmbeddedPostgres(folder_of(scratch, "prim"), settings="shared_buffers = 32MB\n") as server:
        migrate(server.dsn)
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("create table noted (n int primary key)")
        yield server


@pytest.fixture(scope="module")
def one_replica(primary: EmbeddedPostgres) -> Iterator[StreamingReplica]:
    with StreamingReplica(primary) as replica:
        yield replica


@pytest.fixture
def replica(one_replica: StreamingReplica, primary: EmbeddedPostgres) -> StreamingReplica:
    with psycopg.connect(primary.dsn, autocommit=True) as connection:
        connection.execute("truncate noted")
    return one_replica


@pytest.fixture
async def database(primary: EmbeddedPostgres, replica: StreamingReplica) -> AsyncIterator[Database]:
    async with await Database.open(primary.dsn, size=4) as opened:
        await opened.follow(replica.dsn, size=4)
        await on_the_replica(opened)
        yield opened


async def on_the_replica(database: Database, within: float = 60.0) -> None:
    """Waits until reads are served by the replica."""
    deadline = monotonic() + within
    while not (await read(database))[1]:
        assert monotonic() < deadline, "the replica is never read from"
        await asyncio.sleep(0.05)


async def read(database: Database) -> tuple[int, bool]:
    """The newest number, and whether the replica said it."""
    async with database.reading() as connection:
        [row] = await (await connection.execute(NEWEST)).fetchall()
    return row["n"], row["replica"]


async def on_the_primary(database: Database) -> bool:
    """Whether a read was served, and by the primary."""
    try:
        return not (await asyncio.wait_for(read(database), PATIENCE))[1]
    except Unavailable:
        return False


async def note(database: Database, number: int) -> None:
    async with database.transaction() as connection:
        await connection.execute("insert into noted values (%s)", [number])


async def test_what_was_written_is_read_on_the_replica_at_once(database: Database, primary: EmbeddedPostgres) -> None:
    """By whoever wrote it, and by others: in this process and in another."""
    served = 0
    async with await Database.open(primary.dsn, size=2) as other:
        for number in range(1, 101):
            await note(other if number % 2 else database, number)
            newest, on_replica = await read(database)
            assert newest == number
            served += on_replica
    assert served > 50
    assert database.statistics()["replica_reads"] >= served


async def test_many_readers_and_writers_see_no_past(database: Database) -> None:
    """What was acknowledged before a read began is in it, whatever goes on meanwhile."""
    acknowledged = 0

    async def write_on() -> None:
        nonlocal acknowledged
        for number in range(1, 151):
            await note(database, number)
            acknowledged = number

    async def read_on() -> None:
        while not writer.done():
            known = acknowledged
            assert (await read(database))[0] >= known

    writer = asyncio.create_task(write_on())
    await asyncio.gather(writer, *(read_on() for _ in range(12)))


async def test_a_write_never_goes_to_the_replica(database: Database) -> None:
    async with database.transaction() as connection:
        [row] = await (await connection.execute(WHERE)).fetchall()
        assert not row["replica"]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with database.reading() as connection:
            await connection.execute("insert into noted values (1)")


async def test_what_decides_who_comes_in_is_asked_of_the_primary(database: Database) -> None:
    async with database.reading(on_primary=True) as connection:
        [row] = await (await connection.execute(WHERE)).fetchall()
    assert not row["replica"]


async def test_behind_a_replica_that_lags_the_writer_sees_their_own_write(database: Database, replica: StreamingReplica) -> None:
    with replica.paused():
        for number in range(1, 6):
            await note(database, number)
            assert await asyncio.wait_for(read(database), PATIENCE) == (number, False)
    await on_the_replica(database)


async def test_behind_a_replica_that_lags_a_client_reads_what_it_posted(
    database: Database, replica: StreamingReplica, machine: httpx.AsyncClient
) -> None:
    """And a condition finds it, its history is there, what it deletes is gone."""
    with replica.paused():
        named = a_patient(identifier=[{"system": "urn:oid:1.2.3", "value": "lag"}])
        created = await send(machine, "POST", "/Patient", named)
        path = f"/Patient/{created.json()['id']}"
        assert (await send(machine, "GET", path)).json() == created.json()
        again = await send(machine, "POST", "/Patient", named, if_none_exist="identifier=urn:oid:1.2.3|lag")
        assert (again.status_code, again.json()["id"]) == (200, created.json()["id"])
        assert (await send(machine, "PUT", path, {**created.json(), "gender": "female"})).status_code == 200
        assert len((await send(machine, "GET", f"{path}/_history")).json()["entry"]) == 2
        found = await machine.get("/fhir/Patient", params={"identifier": "urn:oid:1.2.3|lag", "gender": "female"})
        assert len(found.json()["entry"]) == 1
        assert (await send(machine, "DELETE", path)).status_code == 204
        assert (await send(machine, "GET", path)).status_code == 410
    await on_the_replica(database)


async def test_the_trail_of_what_is_read_on_the_replica_is_written(
    database: Database, primary: EmbeddedPostgres, machine: httpx.AsyncClient
) -> None:
    created = await send(machine, "POST", "/Patient", a_patient())
    served = database.statistics()["replica_reads"]
    assert (await send(machine, "GET", f"/Patient/{created.json()['id']}")).status_code == 200
    assert database.statistics()["replica_reads"] > served
    with psycopg.connect(primary.dsn) as connection:
        lines = connection.execute("select action from audit where id = %s order by action", [created.json()["id"]]).fetchall()
    assert lines == [("C",), ("R",)]


async def test_behind_a_replica_that_lags_a_revoked_token_lets_nobody_in(
    database: Database, replica: StreamingReplica, access: Access
) -> None:
    token = await access.issue_token(MACHINE, lifetime=timedelta(hours=1))
    session = await access.sign_in(MACHINE)
    with replica.paused():
        assert (await access.bearer(token)).id == MACHINE.id
        await access.revoke_token(token)
        await access.sign_out(session)
        for refused in (access.bearer(token), access.session(session)):
            with pytest.raises(Unauthenticated):
                await refused
    await on_the_replica(database)


async def test_a_replica_that_is_set_aside_is_not_waited_for_again_and_again(
    database: Database, replica: StreamingReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica.paused():
        await note(database, 1)
        assert await read(database) == (1, False)
        asked = 0

        async def ask() -> bool:
            nonlocal asked
            asked += 1
            return False

        monkeypatch.setattr(database._replica, "_has_all", ask)
        began = monotonic()
        for _ in range(20):
            assert await read(database) == (1, False)
        assert asked <= 1 + (monotonic() - began) / ASIDE


async def test_reads_go_on_when_the_replica_is_killed_and_come_back_to_it(database: Database, replica: StreamingReplica) -> None:
    await note(database, 1)
    replica.kill()
    try:
        # A backend may outlive its killed server by one answer, which is as true as the others, or lose the statement that it was given.
        reads = asyncio.gather(*(read(database) for _ in range(5)), return_exceptions=True)
        for found in await asyncio.wait_for(reads, PATIENCE):
            assert isinstance(found, Unavailable) or found[0] == 1, found
        while not await on_the_primary(database):
            await asyncio.sleep(0.05)
        await note(database, 2)
        assert await read(database) == (2, False)
    finally:
        replica.start()
    await on_the_replica(database)
    assert await read(database) == (2, True)


async def test_reads_go_on_when_the_replica_hangs(database: Database, replica: StreamingReplica) -> None:
    """It neither answers nor closes."""
    stopped = replica.backends()
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        found = await asyncio.wait_for(asyncio.gather(*(read(database) for _ in range(8))), PATIENCE)
        assert found == [(0, False)] * 8
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    await on_the_replica(database)


async def test_a_server_of_another_cluster_is_never_read_from(primary: EmbeddedPostgres, postgres: str) -> None:
    async with await Database.open(primary.dsn, size=2) as database:
        await database.follow(postgres, size=2)
        for _ in range(3):
            assert not (await read(database))[1]
            await asyncio.sleep(0.2)
        assert database.statistics()["replica_reads"] == 0


async def test_a_replica_that_was_promoted_is_not_read_from(primary: EmbeddedPostgres) -> None:
    with StreamingReplica(primary, name="heir") as heir:
        async with await Database.open(primary.dsn, size=2) as database:
            await database.follow(heir.dsn, size=2)
            await on_the_replica(database)
            heir.promote()
            with psycopg.connect(heir.dsn, autocommit=True) as connection:
                connection.execute("insert into noted values (1000000)")
            assert (await read(database))[0] < 1000000
            served = database.statistics()["replica_reads"]
            await asyncio.sleep(ASIDE + 0.1)
            assert (await read(database))[0] < 1000000
            assert database.statistics()["replica_reads"] == served


async def test_a_platform_whose_replica_is_away_starts_and_reads_and_its_check_says_so(
    primary: EmbeddedPostgres, tmp_path: Path
) -> None:
    away = Config(data=tmp_path, database_url=primary.dsn, database_replica_url=f"host={tmp_path} user=nobody dbname=nothing")
    async with platform_of(away) as platform:
        assert not (await read(platform.database))[1]
        with pytest.raises(SetupError, match="reads go to the database"):
            await dict(CHECKS)["réplique"](platform)


async def test_the_check_and_the_measures_say_that_the_replica_is_read(
    primary: EmbeddedPostgres, replica: StreamingReplica, tmp_path: Path
) -> None:
    config = Config(data=tmp_path, database_url=primary.dsn, database_replica_url=replica.dsn, database_replica_patience=5.0)
    async with platform_of(config) as platform:
        assert await dict(CHECKS)["réplique"](platform) == "lue, à jour"
        assert (await database_probe(platform.database)()).measures["replica_reads"] == 1
