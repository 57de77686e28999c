"""The trail verified by night: the heads are kept outside, and who must know is told once when it no longer holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from maillage.access import checking
from maillage.access.access import Access
from maillage.app import trail_probe
from maillage.clock import FixedClock, SystemClock
from maillage.connectors.mail import Mailer
from maillage.connectors.mail.emulator import Mailbox, smtp_door
from maillage.db import Database
from maillage.errors import SetupError
from maillage.jobs import Job, Outside
from maillage.services.rights import jobs
from tests.support.people import SEED


@asynccontextmanager
async def night(access: Access, folder: Path, *, alert: str = "dpo@exemple.fr") -> AsyncIterator[tuple[Job, Mailbox]]:
    mailbox = Mailbox(SystemClock())
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        mail = Mailer(address=address, sender="maillage@maillage.example", clock=SystemClock())
        outside = Outside(mail=mail, base_url="https://exemple.fr", anchor=folder, erasures=folder, alert=alert)
        yield Job(name="rights.verify_the_trail", key="k", outside=outside, access=access), mailbox


async def written(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "p"})


async def tampered(database: Database, statement: bytes) -> None:
    async with database.transaction() as conn:
        await conn.execute("set local session_replication_role = replica")
        await conn.execute(statement)


async def test_the_heads_of_each_night_are_kept_and_the_check_is_noted(
    access: Access, database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    probe = trail_probe(database, clock)
    assert "cette nuit" in (await probe()).detail
    await written(access)
    async with night(access, tmp_path) as (job, mailbox):
        await jobs.verify_the_trail(job)
        await written(access)
        clock.advance(timedelta(days=1))
        await jobs.verify_the_trail(job)
        assert mailbox.letters() == []
    assert len(list(tmp_path.glob("heads-*.json"))) == 2
    async with database.transaction() as conn:
        check = await checking.last(conn)
    assert check is not None
    assert (check.broken, check.entries > 0, check.kept > 0) == (0, True, True)
    assert (await probe()).ok


async def test_a_break_is_told_once_and_stays_on_the_health_page(
    access: Access, database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    await written(access)
    async with night(access, tmp_path) as (job, mailbox):
        await jobs.verify_the_trail(job)
        await tampered(database, b"delete from audit; delete from audit_batch")
        with capture_logs() as said:
            for _ in range(2):
                clock.advance(timedelta(days=1))
                await jobs.verify_the_trail(job)
        (letter,) = mailbox.letters()
    assert [one["event"] for one in said].count("audit_chain_broken") == 1
    assert letter.recipients == ("dpo@exemple.fr",)
    assert "maillage audit verify" in letter.text
    state = await trail_probe(database, clock)()
    assert (state.ok, state.measures["broken"] > 0) == (False, True)


async def test_without_an_address_nobody_is_written_to(access: Access, database: Database, tmp_path: Path) -> None:
    await written(access)
    async with night(access, tmp_path, alert="") as (job, mailbox):
        await tampered(database, b"update audit set name = 'x'")
        await jobs.verify_the_trail(job)
        assert mailbox.letters() == []


async def test_a_night_that_was_missed_is_seen(access: Access, database: Database, clock: FixedClock, tmp_path: Path) -> None:
    await written(access)
    async with night(access, tmp_path) as (job, _):
        await jobs.verify_the_trail(job)
    await tampered(database, b"update audit_check set at = at - interval '40 hours'")
    assert not (await trail_probe(database, clock)()).ok


async def test_heads_that_cannot_be_read_fail_the_job_rather_than_pass(access: Access, tmp_path: Path) -> None:
    (tmp_path / "heads-1.json").write_text("?")
    async with night(access, tmp_path) as (job, _):
        with pytest.raises(SetupError, match=r"heads-1\.json"):
            await jobs.verify_the_trail(job)
