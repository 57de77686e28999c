"""The shard of a resource: the patient in whose record it stands, else its own id; and one resource of an id, whatever its shard."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from maillage.db import Database
from maillage.errors import Conflict
from maillage.fhir import ids
from maillage.fhir.change import Change
from tests.fhir.test_fhir_store import ALL, STORE, an_observation, create, put, write

TABLES = ("res", "hot", "refs", "amount")
FULL = {
    "effectiveDateTime": "2024-03-01",
    "performer": [{"reference": "Organization/org"}],
    "valueQuantity": {"value": 70, "system": "http://unitsofmeasure.org", "code": "/min"},
}


async def shards(database: Database, table: str) -> list[str]:
    """The shards in which rows of a table are."""
    async with database.reading() as conn:
        rows = await (await conn.execute(f"select distinct shard::text from {table}".encode())).fetchall()
    return [row["shard"] for row in rows]


async def shards_of_all(database: Database) -> list[list[str]]:
    return [await shards(database, table) for table in TABLES]


async def test_a_record_is_in_the_shard_of_its_patient(database: Database) -> None:
    await write(database, put(an_observation("a", id="o", **FULL)))
    assert await shards_of_all(database) == [[ids.key_text("a")]] * 4


async def test_what_is_in_nobodys_record_is_in_a_shard_of_its_own(database: Database) -> None:
    await write(database, put({"resourceType": "Organization", "id": "org", "partOf": {"reference": "Organization/whole"}}))
    assert await shards(database, "res") == await shards(database, "refs") == [ids.key_text("org")]


async def test_a_record_that_changes_its_patient_moves_with_all_it_is_found_by(database: Database) -> None:
    await write(database, put(an_observation("a", id="o", **FULL)))
    await write(database, put(an_observation("b", id="o", **FULL)))
    assert await shards_of_all(database) == [[ids.key_text("b")]] * 4
    await write(database, Change.delete("Observation", "o"))
    assert await shards_of_all(database) == [[]] * 4


async def test_bulk_loading_knows_the_shards_too(database: Database) -> None:
    resources = [an_observation("a", id=f"o{n}", **FULL) for n in range(3)]
    async with database.transaction() as conn:
        await STORE.load(conn, resources)
    assert await shards_of_all(database) == [[ids.key_text("a")]] * 4


@pytest.mark.parametrize("change", [put, create])
async def test_two_writers_of_one_new_id_for_two_patients_make_one_resource(database: Database, change: Any) -> None:
    """The keys of the two rows differ by their shards: the log refuses the second."""

    async def attempt(number: int, patient: str) -> str:
        try:
            await write(database, change(an_observation(patient, id=f"o{number}")))
        except Conflict:
            return "conflict"
        return "written"

    for number in range(25):
        done = Counter(await asyncio.gather(*(attempt(number, patient) for patient in "abc")))
        assert done["written"] >= 1
    async with database.reading() as conn:
        found = await (await conn.execute("select rt, id from res group by rt, id having count(*) > 1")).fetchall()
        [row] = await (await conn.execute("select count(*) as rows from res")).fetchall()
    assert (found, row["rows"]) == ([], 25)


async def test_who_loads_an_id_that_is_taken_for_another_patient_is_refused(database: Database) -> None:
    await write(database, put(an_observation("a", id="o")))
    with pytest.raises(Conflict):
        async with database.transaction() as conn:
            await STORE.load(conn, [an_observation("b", id="o")])


async def test_a_writer_who_missed_a_whole_life_of_a_resource_does_not_write_a_version_twice(database: Database) -> None:
    """Deleted, born again for one patient and deleted again: who still sees the first deletion writes the version after that one."""
    await write(database, put(an_observation("a", id="o")))
    await write(database, Change.delete("Observation", "o"))
    with pytest.raises(Conflict):
        async with database.transaction() as conn:
            await conn.execute("set transaction isolation level repeatable read")
            await conn.execute("select from ver")
            await write(database, put(an_observation("a", id="o")))
            await write(database, Change.delete("Observation", "o"))
            await STORE.write(conn, [put(an_observation("b", id="o"))], scope=ALL)
