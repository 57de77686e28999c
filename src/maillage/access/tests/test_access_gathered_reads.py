"""Reads asked for at the same time, by different people, go together and answer as if each had been alone."""

import asyncio
from itertools import product

import psycopg
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.visibility import visible_to
from maillage.db import Database, count_statements
from maillage.errors import Gone, NotFound
from maillage.fhir import gathering
from maillage.fhir.gathering import GatheredReads
from maillage.fhir.scope import Scope
from tests.support.people import MACHINE, NOON, SEED, care_team, officer_of, patient, professional

NURSE = professional("nurse", Role.NURSE)
OTHER_NURSE = professional("other-nurse", Role.NURSE)
ACTORS = (NURSE, OTHER_NURSE, professional("outsider"), patient("p"), patient("q"), MACHINE, officer_of(Role.STEWARD))
IDS = ("p", "q", "gone", "never", "not/an/id")


@pytest.fixture
async def seeded(access: Access) -> Access:
    """Patient p of the one nurse, q of the other, and one who was deleted."""
    async with access.act(SEED) as ctx:
        for id, nurse in (("p", "nurse"), ("q", "other-nurse"), ("gone", "nurse")):
            await ctx.records.write({"resourceType": "Patient", "id": id}, care_team(id, f"Practitioner/{nurse}"))
        await ctx.records.delete("Patient", "gone")
    return access


async def told(access: Access, actor: Actor, id: str) -> str:
    """The id that is read, or the class of the refusal."""
    try:
        async with access.act(actor, read_only=True) as ctx:
            return str((await ctx.records.read("Patient", id))["id"])
    except (NotFound, Gone) as refusal:
        return type(refusal).__name__


async def test_everyone_is_told_together_what_they_are_told_alone(seeded: Access) -> None:
    wanted = [*product(ACTORS, IDS)]
    alone = [await told(seeded, actor, id) for actor, id in wanted]
    assert {"p", "q", "NotFound", "Gone"} == set(alone)
    assert await asyncio.gather(*(told(seeded, actor, id) for actor, id in wanted * 5)) == alone * 5


async def test_what_waits_while_a_statement_is_under_way_goes_in_the_next(
    seeded: Access, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    read_each = gathering._read_each

    async def noted(conn: object, group: list[object]) -> object:
        groups.append(len(group))
        return await read_each(conn, group)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(gathering, "_read_each", noted)
    reads, scope = GatheredReads(database), visible_to(NURSE, NOON)
    async with database.reading() as conn:
        with count_statements() as counted:
            found = await asyncio.gather(*(reads.read_raw(conn, "Patient", "p", scope=scope) for _ in range(100)))
    assert {one.id for one in found} == {"p"}
    assert groups == [64, 36]
    assert counted.statements == 100


async def test_one_who_goes_away_takes_nobody_along(seeded: Access, database: Database) -> None:
    reads, scope = GatheredReads(database), visible_to(NURSE, NOON)
    async with database.reading() as conn:
        waiting = [asyncio.create_task(reads.read_raw(conn, "Patient", "p", scope=scope)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one).__name__ for one in found] == ["Stored", "CancelledError", "Stored"]


async def test_a_scope_that_breaks_fails_those_who_have_it_and_no_others(seeded: Access, database: Database) -> None:
    reads, broken = GatheredReads(database), Scope("{row}.no_such_column")
    async with database.reading() as conn:
        scopes = [broken, visible_to(NURSE, NOON), broken]
        found = await asyncio.gather(
            *(reads.read_raw(conn, "Patient", "p", scope=scope) for scope in scopes), return_exceptions=True
        )
    assert [type(one) for one in found[::2]] == [psycopg.errors.UndefinedColumn] * 2
    assert getattr(found[1], "id", None) == "p"
