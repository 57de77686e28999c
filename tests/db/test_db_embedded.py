"""The embedded server: first start, several processes, clean stop, and what remains after kill -9."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from maillage.db import Database, EmbeddedPostgres
from maillage.errors import SetupError, Unavailable

HOLD = """
import sys, time
from pathlib import Path
from maillage.db import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1])); server.attach()
print(server.postmaster_pid(), flush=True)
sys.stdin.readline()
server.detach()
"""


@pytest.fixture
def data(scratch: Path) -> Iterator[Path]:
    folder = scratch / uuid4().hex[:8]
    yield folder
    pid = EmbeddedPostgres(folder).postmaster_pid()
    if pid is not None:
        with EmbeddedPostgres(folder):
            pass


def one(server: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def hold(data: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    return process


def test_the_first_start_makes_a_cluster_and_the_last_to_leave_stops_it(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        assert one(server, "select count(*) from pg_database where datname = 'maillage'") == 1
        assert one(server, "show fsync") == "on"
        assert one(server, "show listen_addresses") == ""
        pid = server.postmaster_pid()
    assert pid is not None
    assert server.postmaster_pid() is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.dsn)


def test_several_processes_share_one_server(data: Path) -> None:
    first, second = hold(data), hold(data)
    with EmbeddedPostgres(data) as server:
        pid = server.postmaster_pid()
        for process in (first, second):
            process.communicate("\n", timeout=30)
        assert server.postmaster_pid() == pid
        assert one(server, "select 1") == 1
    assert server.postmaster_pid() is None


def test_our_process_killed_leaves_a_server_that_the_next_one_joins_and_stops(data: Path) -> None:
    process = hold(data)
    process.kill()
    process.wait()
    with EmbeddedPostgres(data) as server:
        assert one(server, "select 1") == 1
    assert server.postmaster_pid() is None


def test_a_killed_postmaster_is_started_again_with_what_was_committed(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        one(server, "create table kept (n int)")
        one(server, "insert into kept values (42)")
        pid = server.postmaster_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with EmbeddedPostgres(data) as again:
            assert again.postmaster_pid() != pid
            assert one(again, "select n from kept") == 42


def test_nothing_outside_the_data_folder_is_touched(data: Path, scratch: Path) -> None:
    beside = scratch / "beside"
    beside.mkdir(exist_ok=True)
    before = sorted(p.name for p in scratch.iterdir() if p != data)
    home_before = sorted(os.listdir(Path.home()))
    with EmbeddedPostgres(data):
        pass
    assert sorted(p.name for p in scratch.iterdir() if p != data) == before
    assert sorted(os.listdir(Path.home())) == home_before


def test_a_platform_without_a_wheel_is_told_what_to_do(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.db.embedded.find_spec", lambda _: None)
    with pytest.raises(SetupError, match="MAILLAGE_DATABASE_URL"):
        EmbeddedPostgres(data).attach()


def test_a_path_too_long_for_a_socket_is_refused(scratch: Path) -> None:
    with pytest.raises(SetupError, match="too long"):
        EmbeddedPostgres(scratch / ("x" * 100)).attach()


async def test_a_pool_recovers_when_the_server_comes_back(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        async with await Database.open(server.dsn, size=3, patience=1.0) as database:
            async with database.transaction() as connection:
                await connection.execute("select 1")
            pid = server.postmaster_pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Unavailable):
                for _ in range(20):
                    async with database.transaction() as connection:
                        await connection.execute("select 1")
                    time.sleep(0.05)
            with EmbeddedPostgres(data):
                deadline = time.monotonic() + 20
                while True:
                    try:
                        async with database.transaction() as connection:
                            await connection.execute("select 1")
                        break
                    except Unavailable:
                        assert time.monotonic() < deadline, "the pool did not recover"


async def test_a_statement_that_takes_too_long_is_given_up_and_the_connection_goes_on(dsn: str) -> None:
    async with await Database.open(dsn, size=1, longest=0.2) as database:
        for connect in (database.transaction, database.reading):
            with pytest.raises(Unavailable, match="too long"):
                async with connect() as connection:
                    await connection.execute("select pg_sleep(5)")
            async with connect() as connection:
                assert await (await connection.execute("select 1 as one")).fetchone() == {"one": 1}


async def test_what_reads_cannot_write(dsn: str) -> None:
    async with await Database.open(dsn, size=1) as database, database.reading() as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await connection.execute("create table written (id int)")


GROWN = "select coalesce(sum(autoanalyze_count), 0)::int from pg_stat_user_tables where relname = 'grown'"


def test_tables_that_grow_are_looked_at_every_ten_seconds(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        assert one(server, "show autovacuum_naptime") == "10s"


@pytest.mark.long
def test_a_table_that_fills_from_empty_has_statistics_within_seconds(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        one(server, "create table grown (n int) with (autovacuum_analyze_threshold = 1000); select 1")
        time.sleep(12)  # the server has looked at it while it was empty
        one(server, "insert into grown select generate_series(1, 2000); select 1")
        until = time.monotonic() + 30
        while not one(server, GROWN):
            assert time.monotonic() < until
            time.sleep(0.5)
