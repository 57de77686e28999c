"""Reactions: each event once for each of them, in order, whatever fails or dies."""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.clock import FixedClock, SystemClock
from maillage.db import Database
from maillage.db.queries import parse
from maillage.errors import Conflict, Forbidden, NotFound
from maillage.events import Event, record
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.jobs import Reaction, Reactor
from maillage.jobs.dead_letters import dead_letters, try_again
from maillage.jobs.reactions import PATIENCE
from maillage.jobs.reactor import QUERIES

SQL = parse(
    """
-- name: add :exec
-- One effect.
insert into effect (word, reaction) values (%(word)s, %(reaction)s)

-- name: effects :many
-- Effects in the order they came.
select reaction, word from effect order by place
""",
    origin="test_jobs_reactions",
)
OPERATOR = Actor(id="operator", kind=ActorKind.PROFESSIONAL, name="Rose", roles=frozenset({Role.OPERATOR}))
NURSE = Actor(id="nurse", kind=ActorKind.PROFESSIONAL, name="Nora", roles=frozenset({Role.NURSE}))


class Noted(Event, frozen=True, kw_only=True):
    word: str


class Struck(Event, frozen=True, kw_only=True):
    word: str


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
async def access(database: Database, clock: FixedClock, tmp_path: Path) -> Access:
    async with database.transaction() as conn:
        await conn.execute("create table effect (place bigint generated always as identity, word text, reaction text)")
    return Access(database, store=Store(), files=LocalFiles(tmp_path), clock=clock)


def noting(name: str = "noting", *, fails: Callable[[str], bool] = lambda word: False, batch: int = 16) -> Reaction:
    async def handler(ctx: Context, event: Any) -> None:
        await ctx.run(SQL.add, word=event.word, reaction=name)
        if fails(event.word):
            raise Conflict(f"Dominique PAT-TROIS is named in this message, about {event.word}")

    return Reaction(name, (Noted,), handler, batch)


def reactor(access: Access, database: Database, clock: FixedClock, *reactions: Reaction) -> Reactor:
    return Reactor(database=database, access=access, clock=clock, reactions=reactions)


async def announce(access: Access, *words: str, kind: type[Event] = Noted) -> None:
    async with access.act(job_actor("test")) as ctx:
        for word in words:
            ctx.announce(kind(word=word))  # type: ignore[call-arg]


async def effects(database: Database, name: str = "noting") -> list[str]:
    async with database.transaction() as conn:
        return [row["word"] for row in await SQL.effects(conn) if row["reaction"] == name]


async def test_each_event_is_handled_once_in_order_by_each_reaction(
    access: Access, database: Database, clock: FixedClock
) -> None:
    one = reactor(access, database, clock, noting("a"), noting("b", batch=2))
    await one.prepare()
    await announce(access, "1", "2", "3")
    await announce(access, "x", kind=Struck)
    await announce(access, "4")
    assert await one.drain() == 8
    assert await one.drain() == 0
    assert await effects(database, "a") == await effects(database, "b") == ["1", "2", "3", "4"]


async def test_a_new_platform_begins_with_its_first_event_and_a_later_reaction_with_the_next(
    access: Access, database: Database, clock: FixedClock
) -> None:
    await announce(access, "1")
    first = reactor(access, database, clock, noting("a"))
    await first.prepare()
    await first.drain()
    second = reactor(access, database, clock, noting("a"), noting("b"))
    await second.prepare()
    await announce(access, "2")
    await second.drain()
    assert (await effects(database, "a"), await effects(database, "b")) == (["1", "2"], ["2"])


async def test_a_failure_undoes_its_own_event_alone_is_tried_again_and_keeps_the_order(
    access: Access, database: Database, clock: FixedClock
) -> None:
    failures = ["2", "2"]  # once among others, once alone
    one = reactor(access, database, clock, noting(fails=lambda word: word in failures and not failures.remove(word)))
    await one.prepare()
    await announce(access, "1", "2", "3")
    await one.drain()
    assert await effects(database) == ["1"]
    await one.drain()
    assert await effects(database) == ["1"], "the pause lasts"
    clock.advance(PATIENCE[0])
    await one.drain()
    assert await effects(database) == ["1", "2", "3"]


async def until_set_aside(one: Reactor, clock: FixedClock) -> None:
    for pause in (*PATIENCE, timedelta(0)):
        await one.drain()
        clock.advance(pause)


async def test_an_event_that_keeps_failing_is_set_aside_without_a_word_about_a_patient_and_the_next_ones_go_on(
    access: Access, database: Database, clock: FixedClock
) -> None:
    one = reactor(access, database, clock, noting(fails=lambda word: word == "bad"))
    await one.prepare()
    await announce(access, "1", "bad", "2")
    await until_set_aside(one, clock)
    assert await effects(database) == ["1", "2"]
    async with access.act(OPERATOR, read_only=True) as ctx:
        (letter,) = await dead_letters(ctx)
    assert (letter.reaction, letter.kind, letter.attempts) == ("noting", Noted.kind, len(PATIENCE) + 1)
    assert letter.fault.startswith("Conflict at ")
    assert "PAT-TROIS" not in letter.fault


async def test_an_operator_has_a_set_aside_event_tried_again(access: Access, database: Database, clock: FixedClock) -> None:
    broken = ["bad"]
    one = reactor(access, database, clock, noting(fails=lambda word: word in broken))
    await one.prepare()
    await announce(access, "bad")
    await until_set_aside(one, clock)
    async with access.act(OPERATOR) as ctx:
        (letter,) = await dead_letters(ctx)
        await try_again(ctx, dead_letter=letter.id)
    restarted = reactor(access, database, clock, noting(fails=lambda word: word in broken))
    await restarted.drain()
    async with access.act(OPERATOR) as ctx:
        (letter,) = await dead_letters(ctx)
        assert (letter.retry, letter.attempts) == (False, len(PATIENCE) + 2), "it failed again and waits for the next word"
        await try_again(ctx, dead_letter=letter.id)
    broken.clear()
    await reactor(access, database, clock, noting()).drain()
    assert await effects(database) == ["bad"]
    async with access.act(OPERATOR) as ctx:
        assert await dead_letters(ctx) == []
        with pytest.raises(NotFound):
            await try_again(ctx, dead_letter=letter.id)


async def test_only_operators_see_what_was_set_aside(access: Access) -> None:
    with pytest.raises(Forbidden):
        async with access.act(NURSE) as ctx:
            await dead_letters(ctx)


async def test_two_workers_share_without_doing_anything_twice(access: Access, database: Database, clock: FixedClock) -> None:
    ours, theirs = (reactor(access, database, clock, noting("a", batch=2), noting("b", batch=2)) for _ in range(2))
    await ours.prepare()
    words = [str(n) for n in range(60)]
    await announce(access, *words)
    await asyncio.gather(ours.drain(), theirs.drain())
    await ours.drain()
    assert await effects(database, "a") == await effects(database, "b") == words


async def test_an_event_committed_late_is_not_passed_over(access: Access, database: Database, clock: FixedClock) -> None:
    one = reactor(access, database, clock, noting())
    await one.prepare()
    async with access.act(job_actor("slow")) as ctx:
        await record(ctx._conn, [Noted(word="late")])
        await announce(access, "early")
        assert await one.drain() == 0, "held back by the older transaction"
    await one.drain()
    assert sorted(await effects(database)) == ["early", "late"]


async def test_idle_reactions_move_up_and_miss_nothing(access: Access, database: Database, clock: FixedClock) -> None:
    one = reactor(access, database, clock, noting())
    await one.prepare()
    await announce(access, "x", kind=Struck)

    async with database.transaction() as conn:
        assert await QUERIES.catch_up_idle(conn, reactions=["noting"]) == 1
    await announce(access, "1")
    async with database.transaction() as conn:
        assert await QUERIES.catch_up_idle(conn, reactions=["noting"]) == 0, "an event waits"
    await one.drain()
    assert await effects(database) == ["1"]


async def test_a_running_reactor_is_woken_by_the_commit(access: Access, database: Database, clock: FixedClock) -> None:
    one = reactor(access, database, clock, noting())
    await one.prepare()
    async with running(one.run()):
        for n in range(5):
            await announce(access, str(n))
            await eventually(lambda n=n: has(database, n + 1))
    assert await effects(database) == ["0", "1", "2", "3", "4"]


async def has(database: Database, count: int) -> bool:
    async with database.transaction() as conn:
        return len(await SQL.effects(conn)) == count


async def eventually(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.01)


class running:
    """A task that runs while the block lasts."""

    def __init__(self, work: Any) -> None:
        self._work = work

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._work)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
def killed(dsn: str, tmp_path: Path) -> Callable[[Awaitable[None]], Awaitable[None]]:
    """Starts a worker process and kills it with SIGKILL when this ends, begun once the worker says it is ready."""

    async def live(life: Awaitable[None]) -> None:
        script = Path(__file__).with_name("worker_to_kill.py")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, str(script), dsn, str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
        await life
        worker.kill()
        await worker.wait()

    return live


async def test_a_worker_killed_at_any_moment_leaves_each_effect_once(
    access: Access, database: Database, killed: Callable[[Awaitable[None]], Awaitable[None]]
) -> None:
    words = [f"{n:03d}" for n in range(200)]
    await announce(access, *words)
    async with database.transaction() as conn:
        await conn.execute("update event set kind = '__main__.Noted'")  # the name it has in the program that is killed
    chance = random.Random(7)
    for _ in range(4):
        await killed(asyncio.sleep(chance.uniform(0.05, 0.3)))
    assert len(await effects(database, "first")) < len(words), "it was killed in the middle"
    await killed(eventually(lambda: has(database, 2 * len(words)), seconds=30))
    assert await effects(database, "first") == await effects(database, "second") == words
