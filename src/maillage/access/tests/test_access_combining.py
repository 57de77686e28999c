"""Writes of one actor that meet are committed together, and each is answered as if it had come alone."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.audit import Trail
from maillage.access.context import Context
from maillage.access.guards import _GUARDS, guard
from maillage.db import Database
from maillage.errors import Forbidden, Invalid, NotFound, PreconditionFailed, Unavailable
from maillage.fhir.change import Change, Stored, Verb
from tests.support.people import MACHINE, SEED, care_team, professional

Resource = dict[str, Any]

NURSE = professional("nurse", Role.NURSE)
OUTSIDER = professional("outsider", Role.NURSE)


@pytest.fixture
async def seeded(access: Access) -> Access:
    """Patient p of the nurse."""
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "p"}, care_team("p", "Practitioner/nurse"))
    return access


def a_condition(**more: Any) -> Resource:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/p"}, "code": {"text": "fever"}, **more}


async def write(access: Access, change: Change, actor: Actor = MACHINE) -> Stored:
    async with access.act(actor) as ctx:
        return await ctx.records.write_alone(change)


async def created(access: Access, actor: Actor = MACHINE, **more: Any) -> Stored:
    return await write(access, Change(Verb.CREATE, a_condition(**more)), actor)


async def put(access: Access, id: str, note: str, expected: int | None = None) -> Stored:
    return await write(access, Change(Verb.PUT, a_condition(id=id, note=[{"text": note}]), expected))


async def rows(database: Database, statement: str, *parameters: Any) -> list[Any]:
    async with database.transaction() as conn:
        return [tuple(row.values()) for row in await (await conn.execute(statement.encode(), parameters)).fetchall()]


async def outcomes(database: Database, actor: Actor = MACHINE) -> Counter[str]:
    """How often each outcome is in the trail of what the actor wrote."""
    found = await rows(database, "select action || outcome from audit where actor = %s and action <> 'R'", actor.id)
    return Counter(text for (text,) in found)


async def test_those_that_meet_are_one_transaction_and_each_gets_its_own_answer(seeded: Access, database: Database) -> None:
    done = await asyncio.gather(*(created(seeded, note=[{"text": str(n)}]) for n in range(30)))
    assert [one.resource["note"][0]["text"] for one in done] == [str(n) for n in range(30)]
    assert len({one.id for one in done}) == 30
    (first,), *_ = await rows(
        database, "select count(distinct xid) from ver where rt = (select rt from ver where id = %s)", done[0].id
    )
    assert first <= 3
    assert await outcomes(database) == {"C0": 30}


async def test_one_that_is_refused_fails_no_other_and_is_the_only_refusal_in_the_trail(
    seeded: Access, database: Database
) -> None:
    missing = Change(Verb.UPDATE, a_condition(id="never"))
    invalid = Change(Verb.CREATE, a_condition(surprise=True))
    waiting = [write(seeded, missing), *(created(seeded) for _ in range(10)), write(seeded, invalid)]
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in done] == [NotFound, *[Stored] * 10, Invalid]
    assert await outcomes(database) == {"C0": 10, "U4": 1, "C4": 1}
    assert await rows(database, "select count(*) from res where patient is not null and body like %s", '%"fever"%') == [(10,)]


async def test_two_writes_to_one_resource_come_one_after_the_other_in_their_order(seeded: Access) -> None:
    done = await asyncio.gather(*(put(seeded, "c", str(n)) for n in range(6)), *(created(seeded) for _ in range(3)))
    assert [(one.version, one.resource["note"][0]["text"]) for one in done[:6]] == [(n + 1, str(n)) for n in range(6)]


async def test_of_two_writes_over_the_same_version_the_second_is_refused(seeded: Access) -> None:
    await put(seeded, "c", "first")
    done = await asyncio.gather(*(put(seeded, "c", str(n), 1) for n in range(5)), created(seeded), return_exceptions=True)
    assert [type(one) for one in done] == [Stored, *[PreconditionFailed] * 4, Stored]


async def test_no_update_is_lost_between_those_who_read_write_and_try_again(seeded: Access) -> None:
    ids, each = ("a", "b", "c"), 6
    await asyncio.gather(*(put(seeded, id, "0") for id in ids))

    async def add_one(id: str) -> None:
        while True:
            async with seeded.act(MACHINE, read_only=True) as ctx:
                stored = await ctx.records.read_raw("Condition", id)
            count = int(stored.resource["note"][0]["text"])
            try:
                await put(seeded, id, str(count + 1), stored.version)
            except PreconditionFailed:
                continue
            return

    await asyncio.gather(*(add_one(id) for id in ids for _ in range(each)))
    async with seeded.act(MACHINE, read_only=True) as ctx:
        counts = [(await ctx.records.read("Condition", id))["note"][0]["text"] for id in ids]
    assert counts == [str(each)] * 3


async def test_one_who_goes_away_takes_nobody_along(seeded: Access) -> None:
    waiting = [asyncio.create_task(created(seeded)) for _ in range(8)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[5].cancel()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one).__name__ for one in done] == [
        "CancelledError" if place in (0, 5) else "Stored" for place in range(8)
    ]  # fmt: skip
    assert (await created(seeded)).version == 1


async def test_each_actor_writes_within_their_own_sight(seeded: Access, database: Database) -> None:
    actors = [NURSE, OUTSIDER, MACHINE] * 4
    done = await asyncio.gather(*(created(seeded, actor) for actor in actors), return_exceptions=True)
    assert [type(one) for one in done] == [Stored, Forbidden, Stored] * 4
    assert [await outcomes(database, actor) for actor in (NURSE, OUTSIDER, MACHINE)] == [{"C0": 4}, {"C4": 4}, {"C0": 4}]


async def test_when_it_is_not_known_whether_a_group_was_committed_all_are_told_and_nothing_is_written_again(
    seeded: Access, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    async def lost(*_: object) -> None:
        nonlocal attempts
        attempts += 1
        raise Unavailable("the connection to the database was lost")

    with monkeypatch.context() as patched:
        patched.setattr(Trail, "write", lost)
        first = asyncio.create_task(created(seeded))
        await asyncio.sleep(0)
        done = await asyncio.gather(first, *(created(seeded) for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in done] == [Unavailable] * 6
    assert attempts <= 2
    assert await rows(database, "select count(*) from res where body like %s", '%"fever"%') == [(0,)]


async def test_what_a_guard_expects_to_see_alone_is_written_alone(seeded: Access) -> None:
    together: list[int] = []

    @guard("Condition")
    async def noted(ctx: Context, change: Change) -> Resource:
        together.append(len(ctx.records.together))
        return change.resource

    try:
        await asyncio.gather(*(created(seeded) for _ in range(5)))
    finally:
        _GUARDS["Condition"].remove(noted)
    assert together == [1] * 5


async def test_a_context_that_did_something_else_before_writes_in_its_own_transaction(seeded: Access) -> None:
    with pytest.raises(RuntimeError, match="after"):
        async with seeded.act(MACHINE) as ctx:
            await ctx.records.read("Patient", "p")
            stored = await ctx.records.write_alone(Change(Verb.CREATE, a_condition()))
            raise RuntimeError("after the write")
    async with seeded.act(MACHINE, read_only=True) as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Condition", stored.id)
