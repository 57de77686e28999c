"""A running server for clients that nobody here wrote: `maillage serve` in a process of its own, and a machine's token."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from maillage.access.access import Access
from maillage.clock import SystemClock
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from tests.support.people import MACHINE
from tests.support.processes import Killable, free_port

PATIENCE = 30.0


@dataclass(frozen=True)
class Served:
    """Where the FHIR door answers, and a token that opens all of it."""

    base: str
    token: str


@pytest.fixture
async def served(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Served]:
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "MAILLAGE_DATA": str(tmp_path),
        "MAILLAGE_DATABASE_URL": dsn,
        "MAILLAGE_WEB": address,
        "MAILLAGE_BASE_URL": f"http://{address}",
    }
    access = Access(database, store=Store(), files=LocalFiles(tmp_path / "files"), clock=SystemClock())
    token = await access.issue_token(MACHINE, lifetime=timedelta(hours=1))
    web = Killable("serve", settings, tmp_path / "web.log")
    web.start()
    try:
        _wait_until_it_answers(f"http://{address}/fhir/metadata", tmp_path / "web.log")
        yield Served(f"http://{address}/fhir", token)
    finally:
        web.stop()


def _wait_until_it_answers(url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=PATIENCE).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text()[-3000:]}")
