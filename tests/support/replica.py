"""A streaming replica of an embedded server, made with the programs of the same wheel."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg

from maillage.clock import monotonic
from maillage.db import EmbeddedPostgres
from maillage.db.embedded import DATABASE, SUPERUSER
from maillage.errors import SetupError


class StreamingReplica:
    """`with StreamingReplica(server) as replica: replica.dsn`: a base backup of the server that follows it from then on."""

    def __init__(self, primary: EmbeddedPostgres, *, name: str = "replica") -> None:
        self._primary = primary
        self._cluster = primary.root / name
        self._sockets = primary.root / f"{name}-run"
        self.dsn = f"host={self._sockets} user={SUPERUSER} dbname={DATABASE}"

    def __enter__(self) -> Self:
        self._primary.run(
            "pg_basebackup", "--host", str(self._primary.sockets), "--username", SUPERUSER, "--pgdata", str(self._cluster),
            "--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf",
        )  # fmt: skip
        self._sockets.mkdir()
        owner = self._cluster.stat()
        os.chown(self._sockets, owner.st_uid, owner.st_gid)
        with (self._cluster / "maillage.conf").open("a") as settings:
            settings.write(f"unix_socket_directories = '{self._sockets}'\n")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pid() is not None:
            self._control("stop", "--mode=immediate")

    def start(self) -> None:
        """Starts it, and waits until it answers. After a kill, the last processes of the dead server are waited for."""
        deadline = monotonic() + 30
        while True:
            try:
                return self._control("start", "--log", str(self._primary.root / f"{self._cluster.name}.log"))
            except SetupError:
                if monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def kill(self) -> None:
        """As the machine would, without a word."""
        pid = self._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def promote(self) -> None:
        """It goes its own way."""
        self._control("promote")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It goes on receiving, and replays nothing."""
        self._ask("select pg_wal_replay_pause()")
        deadline = monotonic() + 10
        while self._ask("select pg_get_wal_replay_pause_state()") != "paused":
            assert monotonic() < deadline
            time.sleep(0.01)
        try:
            yield
        finally:
            self._ask("select pg_wal_replay_resume()")

    def backends(self) -> list[int]:
        """The processes that serve connections now, but the one that asks."""
        listed = self._ask(
            "select string_agg(pid::text, ' ') from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        return [int(pid) for pid in str(listed or "").split()]

    def _ask(self, statement: str) -> object:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None

    def _pid(self) -> int | None:
        try:
            return int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
        except FileNotFoundError:
            return None

    def _control(self, verb: str, *arguments: str) -> None:
        self._primary.run("pg_ctl", "--pgdata", str(self._cluster), "--silent", "--wait", *arguments, verb)


def folder_of(scratch: Path, name: str) -> Path:
    """A folder for a server of one module of tests."""
    folder = scratch / name
    folder.mkdir()
    folder.chmod(0o755)
    return folder
