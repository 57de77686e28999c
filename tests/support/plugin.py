"""Fixtures of the whole tree: a real PostgreSQL, a fresh database for each test, the official data where it is present."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from maillage.db import Database, EmbeddedPostgres, migrate
from tests.support.people import access, clock

__all__ = ["access", "clock"]

pytest_plugins = ["tests.support.browser", "tests.support.pages", "tests.support.territory"]

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MAILLAGE_TEST_SHARED", ROOT.parent / "shared"))
TEMPLATE = "maillage_template"
_numbers = count(1)

# The suite's server may lose its last seconds when the machine stops: nothing of it is kept. Tests of durability start their own.
FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n"


def pytest_sessionstart(session: pytest.Session) -> None:
    # Tests describe their settings themselves: the operator's must not leak in.
    for key in [k for k in os.environ if k.startswith("MAILLAGE_") and not k.startswith("MAILLAGE_TEST_")]:
        del os.environ[key]


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder with a short path that the server's account may enter (socket paths are limited)."""
    folder = Path(tempfile.mkdtemp(prefix="mlg-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[EmbeddedPostgres]:
    """One server for the session, with a migrated template database."""
    with EmbeddedPostgres(scratch / "pg", settings=FAST) as server:
        _administer(server, sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
        migrate(_dsn(server, TEMPLATE))
        yield server


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    create = sql.SQL("create database {} template {} strategy file_copy")
    _administer(postgres, create.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    yield _dsn(postgres, name)
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


def _dsn(server: EmbeddedPostgres, name: str) -> str:
    return server.dsn.replace("dbname=maillage", f"dbname={name}")


def _administer(server: EmbeddedPostgres, statement: sql.Composable) -> None:
    with psycopg.connect(_dsn(server, "postgres"), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(autouse=True)
def _no_stray_tasks() -> Iterator[None]:
    """A test that leaves a running event loop behind would hide its faults."""
    yield
    assert asyncio._get_running_loop() is None
