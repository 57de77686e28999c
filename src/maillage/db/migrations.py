"""Schema changes in plain SQL: numbered, applied once, verified after applying, resumable, refused on a newer schema.

A migration is `<package>/migrations/0001_what.sql`. Its head holds `-- verify: <select that answers true>` lines, at least one, and
`-- transaction: none` when PostgreSQL cannot run it inside one (it must then be safe to run again). `lock_timeout` and
`statement_timeout` keep a migration from stopping the service: it fails, and the next start resumes.
`-- include: package/path.sql` stands for a file of an installed package, which is then applied, and kept from changing, like the rest; with
` without <regular expression>` behind it, what matches is left out.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import psycopg
from psycopg import Connection

from maillage.errors import SetupError

ADVISORY_KEY = 0x6D61696C  # 'mail': one migrating process at a time
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "120s"
FIRST = ("maillage.fhir", "maillage.access", "maillage.events", "maillage.jobs")

_NAME = re.compile(r"^(?P<number>\d{4})_(?P<what>[a-z0-9_]+)\.sql$")
_INCLUDE = re.compile(r"^-- include: (?P<package>[a-z_]+)/(?P<path>\S+?)(?: without (?P<without>.+))?$", re.MULTILINE)
_VERIFY = re.compile(r"^-- verify: (?P<sql>.+)$", re.MULTILINE)

_LEDGER = """
create table if not exists migration (
  owner text not null, number int not null, what text not null, sha256 text not null,
  state text not null check (state in ('started', 'applied')), at timestamptz not null default now(),
  primary key (owner, number))
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered change of one owner (the dotted package it lives in)."""

    owner: str
    number: int
    what: str
    sql: str

    @property
    def label(self) -> str:
        return f"{self.owner} {self.number:04d} {self.what}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def checks(self) -> list[str]:
        return [match["sql"].strip() for match in _VERIFY.finditer(self.sql)]

    @property
    def transactional(self) -> bool:
        return "-- transaction: none" not in self.sql


def discover() -> list[Migration]:
    """All migrations of the product: the core in its order, then services by name."""
    root = Path(str(files("maillage")))
    folders = sorted(root.glob("**/migrations"))
    owners = {"maillage." + ".".join(folder.parent.relative_to(root).parts): folder for folder in folders}
    ordered = [o for o in FIRST if o in owners] + sorted(o for o in owners if o not in FIRST)
    return [m for owner in ordered for m in read(owner, owners[owner])]


def read(owner: str, folder: Traversable) -> list[Migration]:
    """The migrations of one folder in order; gaps, misnamed files and missing checks are a SetupError."""
    found = []
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name):
        match = _NAME.match(file.name)
        if not match:
            raise SetupError(f"{owner}: {file.name} is not named like 0001_what.sql")
        found.append(Migration(owner, int(match["number"]), match["what"], _whole(file.read_text("utf-8"))))
    for position, migration in enumerate(found, start=1):
        if migration.number != position:
            raise SetupError(f"{migration.label}: expected number {position:04d}")
        if not migration.checks:
            raise SetupError(f"{migration.label}: no '-- verify:' line says what must be true afterwards")
    return found


def _whole(sql: str) -> str:
    return _INCLUDE.sub(_included, sql)


def _included(match: re.Match[str]) -> str:
    text = files(match["package"]).joinpath(match["path"]).read_text("utf-8")
    if match["without"] is None:
        return text
    text, count = re.subn(match["without"], "", text, flags=re.MULTILINE)
    if not count:
        raise SetupError(f"{match['package']}/{match['path']} has nothing like {match['without']}")
    return text


def pending(dsn: str, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """What `migrate` would apply; raises SetupError where the schema is newer than this program."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return _pending(connection, discover() if migrations is None else migrations)


def migrate(dsn: str, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """Applies what is pending, in order, and answers it. Several processes may call it at once: one works, the others wait."""
    todo = discover() if migrations is None else migrations
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [ADVISORY_KEY])
        try:
            applied = _pending(connection, todo)
            for migration in applied:
                _apply(connection, migration)
        finally:
            connection.execute("select pg_advisory_unlock(%s)", [ADVISORY_KEY])
    return list(applied)


def _pending(connection: Connection, migrations: Iterable[Migration]) -> list[Migration]:
    if connection.execute("select to_regclass('migration') is not null").fetchone() != (True,):
        connection.execute(_LEDGER)
    known = {(m.owner, m.number): m for m in migrations}
    done: set[tuple[str, int]] = set()
    for owner, number, what, sha256, state in connection.execute(
        "select owner, number, what, sha256, state from migration"
    ).fetchall():
        migration = known.get((owner, number))
        if migration is None:
            raise SetupError(
                f"the database has {owner} {number:04d} {what}, which this version does not know: use a newer Maillage"
            )
        if state == "applied":
            if migration.sha256 != sha256:
                raise SetupError(f"{migration.label} was edited after it was applied: add a new migration instead")
            done.add((owner, number))
    return [m for key, m in known.items() if key not in done]


def _apply(connection: Connection, migration: Migration) -> None:
    connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'; set statement_timeout = '{STATEMENT_TIMEOUT}'")
    try:
        if migration.transactional:
            with connection.transaction():
                _run(connection, migration)
        else:
            _note(connection, migration, "started")
            _run(connection, migration)
    except psycopg.Error as fault:
        raise SetupError(f"{migration.label} failed and was undone: {fault}") from fault
    finally:
        connection.execute("reset lock_timeout; reset statement_timeout")


def _run(connection: Connection, migration: Migration) -> None:
    connection.execute(migration.sql.encode())
    for check in migration.checks:
        row = connection.execute(check.encode()).fetchone()
        if row is None or row[0] is not True:
            raise SetupError(f"{migration.label} did not do what it says: {check}")
    _note(connection, migration, "applied")


def _note(connection: Connection, migration: Migration, state: str) -> None:
    connection.execute(
        """insert into migration (owner, number, what, sha256, state) values (%s, %s, %s, %s, %s)
           on conflict (owner, number) do update set state = excluded.state, sha256 = excluded.sha256, at = now()""",
        [migration.owner, migration.number, migration.what, migration.sha256, state],
    )
