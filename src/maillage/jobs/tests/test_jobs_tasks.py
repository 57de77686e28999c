"""Tasks, errands and schedules: written with the data, run afterwards, their database effect once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import procrastinate
import pytest

from maillage.access.access import Access
from maillage.access.actors import job_actor
from maillage.access.context import Context
from maillage.clock import SystemClock
from maillage.connectors.mail import Letter, Mailer
from maillage.connectors.mail.emulator import Mailbox, smtp_door
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.db.queries import parse
from maillage.errors import Conflict, Unavailable
from maillage.events import Event
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.jobs import Job, JobRunner, Outside, Reaction, Task, declared_in, errand, periodic, reaction, task
from maillage.jobs.health import worker_probe

SQL = parse(
    """
-- name: add :exec
-- One effect.
insert into effect (word) values (%(word)s)

-- name: effects :many
-- Effects in the order they came.
select word from effect order by place
""",
    origin="test_jobs_tasks",
)


class Written(Event, frozen=True, kw_only=True):
    word: str


@task()
async def keep(ctx: Context, *, word: str) -> None:
    await ctx.run(SQL.add, word=f"{word} by {ctx.actor.id}")


@task(attempts=2)
async def stumble(ctx: Context, *, word: str) -> None:
    await ctx.run(SQL.add, word=word)
    raise Conflict("Dominique PAT-TROIS")


@errand()
async def tell(job: Job, *, to: str) -> None:
    await job.outside.mail.send(Letter(to=to, subject="Une nouveauté", text="À lire.", key=job.key))
    async with job.act() as ctx:
        await ctx.run(SQL.add, word=f"told {to}")


@reaction(Written)
async def pass_on(ctx: Context, event: Any) -> None:
    await ctx.later(tell, to=f"{event.word}@exemple.example")


@periodic("* * * * * */1")
async def tick(ctx: Context) -> None:
    await ctx.run(SQL.add, word="tick")


@pytest.fixture
async def access(database: Database, tmp_path: Path) -> Access:
    async with database.transaction() as conn:
        await conn.execute("create table effect (place bigint generated always as identity, word text)")
    return Access(database, store=Store(), files=LocalFiles(tmp_path), clock=SystemClock())


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox(SystemClock())


@pytest.fixture
async def outside(mailbox: Mailbox, tmp_path: Path) -> AsyncIterator[Outside]:
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        yield Outside(
            mail=Mailer(address=address, sender="maillage@maillage.example", clock=SystemClock()),
            base_url="http://door.example",
            anchor=tmp_path,
            erasures=tmp_path,
        )


def runner(database: Database, access: Access, outside: Outside, *, reactions: list[Reaction], tasks: list[Task]) -> JobRunner:
    return JobRunner(database=database, access=access, clock=SystemClock(), outside=outside, reactions=reactions, tasks=tasks)


async def effects(database: Database) -> list[str]:
    async with database.transaction() as conn:
        return [row["word"] for row in await SQL.effects(conn)]


async def works_until(one: JobRunner, holds: Callable[[], Awaitable[bool]]) -> None:
    """Let the worker live until this holds."""
    life = asyncio.create_task(one.run())
    try:
        async with asyncio.timeout(20):
            while not await holds():
                assert not life.done(), life.result()
                await asyncio.sleep(0.02)
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def test_a_task_put_off_runs_after_the_commit_and_never_without_it(
    database: Database, access: Access, outside: Outside
) -> None:  # fmt: skip
    with pytest.raises(Conflict):
        async with access.act(job_actor("test")) as ctx:
            await ctx.later(keep, word="undone")
            raise Conflict("no")
    async with access.act(job_actor("test")) as ctx:
        await ctx.later(keep.at(ctx.now + timedelta(days=1)), word="tomorrow")
        await ctx.later(keep, word="kept")
    one = runner(database, access, outside, reactions=[], tasks=[keep])
    await works_until(one, lambda: seen(database, f"kept by job:{keep.name}"))
    assert await effects(database) == [f"kept by job:{keep.name}"]


async def seen(database: Database, word: str) -> bool:
    return word in await effects(database)


async def test_a_reaction_sends_a_letter_by_an_errand(
    database: Database, access: Access, outside: Outside, mailbox: Mailbox
) -> None:  # fmt: skip
    async with access.act(job_actor("test")) as ctx:
        ctx.announce(Written(word="camille"))
    one = runner(database, access, outside, reactions=[pass_on], tasks=[tell])
    await works_until(one, lambda: seen(database, "told camille@exemple.example"))
    (letter,) = mailbox.letters(to="camille@exemple.example")
    assert str(letter.message["Message-ID"]).startswith(f"<{tell.name}-")


async def test_a_job_run_again_after_a_crash_changes_nothing(database: Database, access: Access, outside: Outside) -> None:
    await keep.run(access, outside, 7, {"word": "once"})
    await keep.run(access, outside, 7, {"word": "once"})
    assert len(await effects(database)) == 1


async def test_a_failing_task_is_undone_ends_after_its_attempts_and_keeps_no_message(
    database: Database, access: Access, outside: Outside
) -> None:  # fmt: skip
    async with access.act(job_actor("test")) as ctx:
        await ctx.later(stumble, word="never")
    probe = worker_probe(database, SystemClock())

    async def ended() -> bool:
        return (await probe()).measures["tasks_failed"] == 1.0

    await works_until(runner(database, access, outside, reactions=[], tasks=[stumble]), ended)
    assert await effects(database) == []


async def test_a_schedule_happens_by_itself(database: Database, access: Access, outside: Outside) -> None:
    await works_until(runner(database, access, outside, reactions=[], tasks=[tick]), lambda: seen(database, "tick"))


async def test_a_job_left_by_a_killed_worker_is_taken_up(
    database: Database, access: Access, outside: Outside, dsn: str
) -> None:  # fmt: skip
    async with access.act(job_actor("test")) as ctx:
        await ctx.later(keep, word="left")
    dead = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
    async with dead.open_async():
        worker = await dead.job_manager.register_worker()
        job = await dead.job_manager.fetch_job(queues=None, worker_id=worker)
        assert job is not None
    async with database.transaction() as conn:
        await conn.execute("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'")
    one = runner(database, access, outside, reactions=[], tasks=[keep])
    await works_until(one, lambda: seen(database, f"left by job:{keep.name}"))


async def test_health_says_whether_someone_works(database: Database, access: Access, outside: Outside) -> None:
    probe = worker_probe(database, SystemClock())
    assert not (await probe()).ok
    async with access.act(job_actor("test")) as ctx:
        ctx.announce(Written(word="x"))
    one = runner(database, access, outside, reactions=[pass_on], tasks=[tell])
    await one.reactor.prepare()
    assert (await probe()).measures["events_waiting"] == 1.0

    async def well() -> bool:
        state = await probe()
        return state.ok and state.measures["events_waiting"] == 0.0

    await works_until(one, well)
    assert not (await probe()).ok, "it left"


def test_what_a_module_declares_is_found() -> None:
    module = ModuleType("maillage.services.x.jobs")
    module.__dict__.update(keep=keep, tell=tell, pass_on=pass_on, other=3)
    reactions, tasks = declared_in([module])
    assert ([one.name for one in reactions], [one.name for one in tasks]) == ([pass_on.name], [keep.name, tell.name])


async def test_a_database_lost_while_a_worker_starts_comes_back(
    database: Database, access: Access, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = runner(database, access, outside, reactions=[], tasks=[])
    prepare, tried = one.reactor.prepare, []

    async def lost_once() -> None:
        tried.append(1)
        if len(tried) == 1:
            raise Unavailable("the connection to the database was lost")
        await prepare()

    monkeypatch.setattr(one.reactor, "prepare", lost_once)

    async def begun() -> bool:
        return len(tried) == 2 and (await worker_probe(database, SystemClock())()).ok

    await works_until(one, begun)


async def test_a_worker_told_to_stop_ends_even_when_the_database_is_gone(outside: Outside, scratch: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(scratch / "gone", settings="fsync = off\n") as server:
        migrate(server.dsn)
        async with await Database.open(server.dsn, patience=1) as database:
            clock = SystemClock()
            access = Access(database, store=Store(), files=LocalFiles(tmp_path), clock=clock)
            one = runner(database, access, outside, reactions=[pass_on], tasks=[tell])
            life = asyncio.create_task(one.run())
            probe = worker_probe(database, clock)
            async with asyncio.timeout(20):
                while not (await probe()).ok:
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(server.run, "pg_ctl", "--pgdata", str(server.cluster), "--mode=immediate", "stop")
            life.cancel()
            async with asyncio.timeout(40):
                await asyncio.gather(life, return_exceptions=True)
            assert life.done()
