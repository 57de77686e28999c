"""A running demonstration: the whole product as `maillage demo` starts it, on free ports, for tests from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Territory:
    """What `maillage demo --json` said: addresses, and each role's persona with a token."""

    web: str
    fhir: str
    mllp: tuple[str, int]
    smtp: str
    mail: str
    personas: dict[str, dict[str, str]]
    data: Path
    pid: int

    def token(self, role: str) -> str:
        return self.personas[role]["token"]

    def persona(self, role: str) -> str:
        return self.personas[role]["id"]


def plain_environment() -> dict[str, str]:
    """The environment without any setting of Maillage or of its tests: for child processes."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MAILLAGE_")}


@contextmanager
def running_territory(data: Path, *arguments: str) -> Iterator[Territory]:
    """Starts `maillage demo --json --port 0` on a folder and stops it with SIGTERM; its diary is `demo.log` beside the folder."""
    command = [sys.executable, "-m", "maillage.cli", "demo", "--json", "--port", "0", "--data", str(data), *arguments]
    with data.with_suffix(".log").open("w") as diary:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=diary, env=plain_environment(), text=True, start_new_session=True
        )
        try:
            yield _territory(process, data)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def _territory(process: "subprocess.Popen[str]", data: Path) -> Territory:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"maillage demo ended before it was ready:\n{data.with_suffix('.log').read_text()[-3000:]}")
    said: dict[str, Any] = json.loads(line)
    host, _, port = said["mllp"].rpartition(":")
    personas = {p["role"]: p for p in said["personas"]}
    return Territory(said["web"], said["fhir"], (host, int(port)), said["smtp"], said["mail"], personas, data, process.pid)


@pytest.fixture(scope="session")
def territory(scratch: Path) -> Iterator[Territory]:
    """One small territory for the whole session."""
    with running_territory(scratch / "territory", "--scale", "0.05") as running:
        yield running
