"""What is erased leaves the store: no version, no index, no way to write it again; what stays names nobody."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from maillage.db import Database
from maillage.errors import Conflict, Gone, MaillageError, NotFound
from maillage.fhir import feed, ids
from maillage.fhir.change import Change, Operation, Verb
from maillage.fhir.erasing import Erased
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

ALL, STORE = Scope.all(), Store()
Resource = dict[str, Any]
MARKER = "quetzalcoatlus"


def note(id: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "code": {"text": MARKER}, "subject": {"reference": "Patient/p"},
        "effectivePeriod": {"start": "2026-01-01", "end": "2026-03-01"}, "valueDateTime": "2026-02-03", "component": [{"code": {"text": "x"}, "valueQuantity": {"value": 3, "unit": "kg"}}], **more,
    }  # fmt: skip


async def write(database: Database, *changes: Change) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, changes, scope=ALL)


async def erase(database: Database, *names: tuple[str, str]) -> Sequence[Erased]:
    async with database.transaction() as conn:
        return await STORE.erase(conn, names)


async def rows(database: Database, id: str) -> dict[str, int]:
    """How many rows each table has about an id."""
    async with database.reading() as conn:
        counts = {}
        for table, column in (("res", "id"), ("ver", "id"), ("hot", "id"), ("refs", "src"), ("amount", "id"), ("words", "id")):
            cursor = await conn.execute(f"select count(*) as n from {table} where {column} = %s", [ids.key(id)])
            counts[table] = next(iter((await cursor.fetchall())[0].values()))
        return counts


@pytest.fixture
async def noted(database: Database) -> Database:
    """An observation of three versions, one that was deleted, one that refers to the first."""
    await write(database, Change(Verb.CREATE, {"resourceType": "Patient", "id": "p"}))
    await write(database, Change(Verb.CREATE, note("a")), Change(Verb.CREATE, note("b")))
    for text in ("second", "third"):
        await write(database, Change(Verb.PUT, note("a", note=[{"text": f"{MARKER} {text}"}])))
    await write(
        database, Change(Verb.CREATE, note("c", derivedFrom=[{"reference": "Observation/a"}])), Change.delete("Observation", "b")
    )
    return database


async def test_no_row_is_left_but_those_that_say_nothing(noted: Database) -> None:
    before = await rows(noted, "a")
    assert min(before[table] for table in ("res", "ver", "hot", "amount", "words")) > 0, before
    assert (await rows(noted, "c"))["refs"] > 0
    [one, other] = await erase(noted, ("Observation", "a"), ("Observation", "b"), ("Observation", "never"))
    assert {(one.id, one.patient), (other.id, other.patient)} == {("a", ids.key("p")), ("b", ids.key("p"))}
    for id, versions in (("a", 4), ("b", 3)):
        assert await rows(noted, id) == {"res": 0, "ver": versions, "hot": 0, "refs": 0, "amount": 0, "words": 0}
    async with noted.reading() as conn:
        left = await (
            await conn.execute("select version, op, patient, was from ver where id = %s order by version", [ids.key("a")])
        ).fetchall()
    said = '{"resourceType":"Observation","id":"a"}'
    assert left == [{"version": version, "op": "d", "patient": None, "was": said} for version in (1, 2, 3, 4)]
    assert await erase(noted, ("Observation", "a")) == []


async def test_readers_find_that_it_was_erased_and_searches_find_nothing(noted: Database) -> None:
    before = await searched(noted)
    await erase(noted, ("Observation", "a"), ("Observation", "b"))
    assert before["_content"] == {"a", "c"}
    assert await searched(noted) == {"_content": {"c"}, "_has": set(), "derived-from": {"c"}, "included": {"c"}}
    async with noted.reading() as conn:
        with pytest.raises(Gone, match="erased"):
            await STORE.read(conn, "Observation", "a", scope=ALL)
        with pytest.raises(NotFound):
            await STORE.read(conn, "Observation", "a", scope=Scope("{row}.patient is not null"))
        for version in (1, 2, 3, 4):
            with pytest.raises((Gone, NotFound)):
                await STORE.vread(conn, "Observation", "a", version, scope=ALL)
        pages = [
            await STORE.history(conn, kind="Observation", id="a", scope=ALL),
            await STORE.history(conn, kind="Observation", scope=ALL),
            await STORE.history(conn, scope=ALL),
        ]
        for page in pages:
            assert [(one.operation, one.body) for one in page.versions if one.id == "a"] == [(Operation.DELETE, None)] * 4
        told = await feed.read(conn, feed.Place())
    assert {one.operation for one in told if one.id == "a"} == {Operation.DELETE}


async def searched(database: Database) -> dict[str, set[str]]:
    asked = {
        "_content": [("_content", MARKER)],
        "_has": [("_has:Observation:derived-from:_id", "c")],
        "derived-from": [("derived-from", "Observation/a")],
        "included": [("_id", "c"), ("_include", "Observation:derived-from")],
    }
    found = {}
    async with database.reading() as conn:
        for name, params in asked.items():
            page = await STORE.search(conn, parse("Observation", params), scope=ALL)
            found[name] = {one["id"] for one in [*page.matches, *page.included]}
    return found


async def test_its_id_is_never_taken_again(noted: Database) -> None:
    await erase(noted, ("Observation", "a"), ("Patient", "p"))
    for change in (
        Change(Verb.CREATE, note("a")),
        Change(Verb.PUT, note("a")),
        Change(Verb.PUT, {"resourceType": "Patient", "id": "p"}),
    ):
        with pytest.raises(Conflict):
            await write(noted, change)
    with pytest.raises(NotFound):
        await write(noted, Change(Verb.UPDATE, note("a")))
    with pytest.raises(Conflict, match="exists already"):
        async with noted.transaction() as conn:
            await STORE.load(conn, [note("a")])
    assert (await rows(noted, "a"))["res"] == 0
    await write(noted, Change(Verb.PUT, note("d")))


@pytest.mark.parametrize("round", range(4))
async def test_who_writes_at_the_same_instant_has_written_before_or_has_lost(noted: Database, round: int) -> None:
    async def put(number: int) -> str:
        try:
            await write(noted, Change(Verb.PUT, note("a", note=[{"text": f"late {number}"}])))
        except MaillageError as fault:
            return type(fault).__name__
        return "written"

    writers = [asyncio.create_task(put(number)) for number in range(4)]
    await asyncio.sleep(0.002 * round)
    erasers = [erase(noted, ("Observation", "a")) for _ in range(2)]
    erased = await asyncio.gather(*erasers)
    said = set(await asyncio.gather(*writers))
    assert said <= {"written", "Conflict", "NotFound"}
    assert sorted(map(len, erased)) == [0, 1]
    counts = await rows(noted, "a")
    assert (counts["res"], counts["words"]) == (0, 0), said
    async with noted.reading() as conn:
        left = await (await conn.execute("select distinct op, was from ver where id = %s", [ids.key("a")])).fetchall()
    assert left == [{"op": "d", "was": '{"resourceType":"Observation","id":"a"}'}]
