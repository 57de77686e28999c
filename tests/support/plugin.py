"""Fixtures of the whole tree: a real PostgreSQL, a fresh database for each test, the official data where it is present."""

import asyncio
import io
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo

from maillage import logs
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir.reindexing import note_rules
from maillage.operator.granting import grant_runtime
from tests.support.people import access, clock

__all__ = ["access", "clock"]

pytest_plugins = [
    "tests.support.attacked",
    "tests.support.browser",
    "tests.support.pages",
    "tests.support.territory",
    "tests.support.followed",
]

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MAILLAGE_TEST_SHARED", ROOT.parent / "shared"))
TEMPLATE = "maillage_template"
LESSER = os.environ.get("MAILLAGE_TEST_LESSER", "")
"""A role without DDL that everything runs as: tests that tamper with the schema, or with rows that nobody may change, fail under it."""
_numbers = count(1)

# A database of its own for each test is a copy of some 600 files: ten times quicker in memory than on most disks.
MEMORY = Path("/dev/shm")  # a folder of random name is made in it
ROOM = 4 * 2**30  # bytes free

# The suite's server may lose its last seconds when the machine stops: nothing of it is kept. Tests of durability start their own.
FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n"


def pytest_sessionstart(session: pytest.Session) -> None:
    # Tests describe their settings themselves: the operator's must not leak in.
    for key in [k for k in os.environ if k.startswith("MAILLAGE_") and not k.startswith("MAILLAGE_TEST_")]:
        del os.environ[key]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, those of a file stay together, and so do all that look at the one running demonstration."""
    for item in items:
        shared = "territory" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("territory" if shared else str(item.path)))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder with a short path that the server's account may enter (socket paths are limited), in memory where there is room."""
    folder = Path(tempfile.mkdtemp(prefix="mlg-", dir=MEMORY if _has_room(MEMORY) else "/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[str]:
    """The DSN of the session's server, which has a migrated template database.

    It is an embedded one, or the one of `MAILLAGE_TEST_SERVER`: a DSN whose role may create databases, for other versions of PostgreSQL.
    """
    with ExitStack() as open_servers:
        server = os.environ.get("MAILLAGE_TEST_SERVER")
        if server is None:
            server = open_servers.enter_context(EmbeddedPostgres(scratch / "pg", settings=FAST)).dsn
        _administer(server, sql.SQL("drop database if exists {}").format(sql.Identifier(TEMPLATE)))
        _administer(server, sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
        migrate(make_conninfo(server, dbname=TEMPLATE))
        asyncio.run(note_rules(make_conninfo(server, dbname=TEMPLATE)))
        if LESSER:
            made = sql.SQL("do $$ begin create role {} login; exception when duplicate_object then null; end $$")
            _administer(server, made.format(sql.Identifier(LESSER)))
            asyncio.run(grant_runtime(make_conninfo(server, dbname=TEMPLATE), LESSER))
        yield server


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    create = sql.SQL("create database {} template {} strategy file_copy")
    _administer(postgres, create.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    yield make_conninfo(postgres, dbname=name, **({"user": LESSER} if LESSER else {}))
    _administer(postgres, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A pool on a fresh database."""
    async with await Database.open(dsn, size=6) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """`../shared/specs/data`; tests that need it skip in a plain checkout."""
    folder = SHARED / "specs" / "data"
    if not folder.is_dir():
        pytest.skip("the official data (../shared/specs/data) is not beside this checkout")
    return folder


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged while a test runs, as a process would write it."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setattr(logs._often, "_written", None)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("INFO", process="web")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM


def _administer(server: str, statement: sql.Composable) -> None:
    with psycopg.connect(make_conninfo(server, dbname="postgres"), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(autouse=True)
def _no_stray_tasks() -> Iterator[None]:
    """A test that leaves a running event loop behind would hide its faults."""
    yield
    assert asyncio._get_running_loop() is None
