"""What history costs current reads: nothing. Counted in blocks that the server touches, which no other load changes."""

from typing import Any

from maillage.db import Connection, Database, load_queries
from maillage.fhir import ids
from maillage.fhir.change import Change
from tests.fhir.test_fhir_store import a_patient, put, write

QUERIES = load_queries("maillage.fhir")
READ = "explain (analyze, buffers, format json) " + QUERIES.text("read").replace("{row}", "true")


async def plan(conn: Connection, id: str) -> dict[str, Any]:
    """The plan of the second of two reads: the first marks the index entries of versions that are gone."""
    for _ in range(2):
        [row] = await (await conn.execute(READ.encode(), {"rt": ids.number("Patient"), "id": ids.key(id)})).fetchall()
    found: dict[str, Any] = row["QUERY PLAN"][0]["Plan"]
    return found


def blocks(found: dict[str, Any]) -> int:
    return int(found["Shared Hit Blocks"]) + int(found["Shared Read Blocks"])


async def test_a_resource_of_many_versions_is_read_as_one_of_a_single_version(database: Database) -> None:
    await write(database, put(a_patient(id="young")))
    for number in range(300):
        await write(database, put(a_patient(id="old", birthDate=f"{1900 + number % 100}-01-01")))
    async with database.reading() as conn:
        young, old = await plan(conn, "young"), await plan(conn, "old")
    assert blocks(old) <= blocks(young) + 1, old


async def test_a_read_by_type_and_id_is_one_probe_of_the_key(database: Database) -> None:
    """The key holds the shard behind them."""
    await write(database, put(a_patient(id="one")), *(put(a_patient(id=f"p{n}")) for n in range(200)))
    async with database.transaction() as conn:
        await conn.execute("analyze res")
        found = await plan(conn, "one")
    assert (found["Node Type"], found["Index Name"]) == ("Index Scan", "res_pkey")
    assert "shard" not in found["Index Cond"]
    assert blocks(found) <= 4


async def test_a_resource_born_again_many_times_is_read_as_any_other(database: Database) -> None:
    await write(database, put(a_patient(id="young")))
    for _ in range(100):
        await write(database, put(a_patient(id="phoenix")))
        await write(database, Change.delete("Patient", "phoenix"))
    await write(database, put(a_patient(id="phoenix")))
    async with database.reading() as conn:
        young, phoenix = await plan(conn, "young"), await plan(conn, "phoenix")
    assert blocks(phoenix) <= blocks(young) + 1, phoenix


async def test_all_that_is_walked_in_the_order_of_an_index_is_swept_early(database: Database) -> None:
    """Every table that holds what resources are found by (deploy/citus.sql distributes the same ones)."""
    async with database.reading() as conn:
        found = await (
            await conn.execute(b"select relname from pg_class where reloptions @> %s order by relname", [_SWEPT])
        ).fetchall()
    assert {row["relname"] for row in found} >= {"res", "hot", "refs", "amount", "words"}


_SWEPT = ["autovacuum_vacuum_scale_factor=0.005", "autovacuum_vacuum_threshold=10000", "vacuum_index_cleanup=on"]
