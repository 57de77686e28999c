"""Processes of the platform for fault tests: started, killed without warning, started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from maillage.db import EmbeddedPostgres

PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Killable:
    """`maillage <verb>` with these settings, in a process that can be killed and started again."""

    verb: str
    settings: dict[str, str]
    log: Path
    kills: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
        environment = {**outside, **self.settings, "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "maillage.cli", self.verb], env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """SIGKILL to it and to the processes that it started: nothing is finished, nothing is closed."""
        assert self._process is not None
        assert self._process.poll() is None, f"{self.verb} had ended by itself: {self.log.read_text()[-2000:]}"
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for child in children:
            child.kill()
        while any(_lives(child) for child in children):
            time.sleep(0.01)
        self.kills += 1

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@dataclass
class Server:
    """A PostgreSQL of its own, with fsync, that can be killed and started again."""

    folder: Path
    kills: int = 0
    embedded: EmbeddedPostgres = field(init=False)

    def __post_init__(self) -> None:
        self.embedded = EmbeddedPostgres(self.folder)

    def start(self) -> None:
        self.embedded.attach()

    def kill(self) -> None:
        """SIGKILL to the postmaster: its children end as soon as they notice."""
        pid = self.embedded.postmaster_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        until = time.monotonic() + PATIENCE
        while _answers(self.embedded.dsn):
            assert time.monotonic() < until
            time.sleep(0.05)

    def stop(self) -> None:
        self.embedded.attach()
        self.embedded.detach()
        self.embedded.detach()


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs: one that is dead and that nobody has buried yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
