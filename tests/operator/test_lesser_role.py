"""The processes run as a role that makes, changes and drops nothing of the schema, and only adds to the trail (OWASP ASVS 5.0, V13.2.2)."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from maillage.access import chain
from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.db import Database, pending
from maillage.errors import SetupError
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.operator.checks import CHECKS
from maillage.operator.granting import grant_runtime, held_beyond
from tests.support.people import MACHINE
from tests.support.plugin import ROOT

ROLE = "maillage_lesser"
SUBSTANTIAL = (
    "src/maillage/services/exchange/tests/test_exchange_mllp.py", "src/maillage/services/documents/tests/test_documents_receiving.py",
    "src/maillage/services/identity/tests/test_identity_service.py", "src/maillage/access/tests/test_access_records.py",
    "src/maillage/access/tests/test_access_sessions.py", "src/maillage/services/rights/tests/test_rights_pages.py",
    "src/maillage/services/software/tests/test_software_consent.py", "src/maillage/services/accounts/tests/test_accounts_proofs.py", "tests/fhir/test_fhir_store.py", "tests/conformance/test_conformance_door.py",
)  # fmt: skip

AS_IT_IS = "not without_a_trail and not database_that"
"""Without those that break the schema or take the database away, which is the owner's to do."""


@pytest.fixture
async def lesser(dsn: str) -> str:
    """The same database, as the role of the processes."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(f"do $$ begin create role {ROLE} login; exception when duplicate_object then null; end $$")
    await grant_runtime(dsn, ROLE)
    return make_conninfo(dsn, user=ROLE)


@pytest.fixture
async def running(lesser: str, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Platform]:
    async with await Database.open(lesser, size=4) as database:
        files = LocalFiles(tmp_path / "files")
        access = Access(database, store=Store(), files=files, clock=clock)
        yield Platform(Config(database_url=lesser), clock, database, files, access)


async def test_it_reads_and_writes_rows_and_the_trail_holds(running: Platform) -> None:
    async with running.access.act(MACHINE, door="fhir") as ctx:
        made = await ctx.records.write({"resourceType": "Patient", "name": [{"family": "ESSAI"}]})
        await ctx.records.write({**made, "birthDate": "1950-02-03"})
    async with running.access.act(MACHINE, door="fhir") as ctx:
        await ctx.records.delete("Patient", made["id"])
    found = await chain.verify(running.database)
    assert (found.holds, found.entries) == (True, 3)
    assert pending(running.config.database_url) == []
    assert await held_beyond(running) == []
    assert "ne fait qu’ajouter" in await dict(CHECKS)["rôle"](running)


@pytest.mark.parametrize(
    "statement",
    [
        "create table evil (x int)", "create table public.evil (x int)", "alter table res add column evil int", "drop table audit", "truncate audit",
        "update audit set actor = 'x'", "delete from audit_batch", "update audit_check set broken = 0", "truncate audit_batch",
        "alter table audit disable trigger audit_is_kept", "drop trigger audit_is_kept on audit", "alter table audit disable trigger all",
        "create or replace function audit_refuses() returns trigger language plpgsql as $$ begin return null; end $$",
        "create function evil() returns int language sql as 'select 1'", "drop function audit_append(jsonb)", "set session_replication_role = replica",
        "delete from migration", "insert into migration (owner, number, what, sha256, state) values ('x', 1, 'x', 'x', 'applied')",
        "create trigger evil before insert on audit for each row execute function audit_refuses()", "create role evil",
        "alter role current_user superuser", "copy res to program 'id'", "copy res to '/tmp/evil'",
    ],
)  # fmt: skip
async def test_what_it_may_not_do_the_owner_may(dsn: str, lesser: str, statement: str) -> None:
    with psycopg.connect(lesser) as connection:
        connection.execute("select count(*) from audit")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]  # written above


async def test_the_owner_is_told_that_they_may_more(dsn: str, lesser: str, platform: Platform) -> None:
    assert "peut plus" in await dict(CHECKS)["rôle"](platform)
    with psycopg.connect(dsn) as owner:
        owner.execute("alter table audit disable trigger audit_is_kept")
        owner.rollback()
    for role in ("postgres", "nobody_at_all", str(psycopg.conninfo.conninfo_to_dict(dsn)["user"])):
        with pytest.raises(SetupError, match=role):
            await grant_runtime(dsn, role)


@pytest.mark.long
def test_a_substantial_part_of_the_tests_passes_as_the_lesser_role() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", AS_IT_IS, *SUBSTANTIAL]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"MAILLAGE_TEST_LESSER": ROLE}, capture_output=True, text=True, timeout=1_800, check=False
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
