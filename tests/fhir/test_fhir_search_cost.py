"""What a search by references costs: rows looked at, not time, and with statistics that lie."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import AsyncClientCursor

from maillage.db import Connection, Database
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.search.plan import plan
from maillage.fhir.search.statement import count, page
from maillage.fhir.store import Store

ALL = Scope.all()
STORE = Store()
ORGANISATIONS, SERVICES = 2_000, 3


def a_notice(n: int, to: str, status: str = "completed") -> Resource:
    return {
        "resourceType": "Communication",
        "id": f"{to}{n}",
        "status": status,
        "recipient": [{"reference": f"Practitioner/{to}"}],
    }


def an_organisation(n: int) -> Resource:
    return {"resourceType": "Organization", "id": f"o{n}", "name": f"n{n}", "type": [{"coding": [{"code": f"t{n % 40}"}]}]}


def a_service(n: int) -> Resource:
    return {"resourceType": "HealthcareService", "id": f"s{n}", "providedBy": {"reference": f"Organization/o{n % ORGANISATIONS}"}}


async def explained(conn: Connection, kind: str, params: list[tuple[str, str]], *, counting: bool = False) -> tuple[int, int]:
    """How many rows all steps of a search look at, and how many matches its first page has."""
    query, seen, found = parse(kind, params), 0, 0
    planned = plan(query)
    statements = [count(query, planned, ALL)] if counting else [page(query, planned, d, ALL, None) for d in planned.drivers]
    for statement in statements:
        text = AsyncClientCursor(conn).mogrify(statement.text.encode(), statement.params)
        rows = await (await conn.execute(text.encode())).fetchall()
        plans = await (await conn.execute(b"explain (analyze, format json) " + text.encode())).fetchone()
        assert plans is not None
        seen += sum(looked_at(next(iter(plans.values()))[0]["Plan"]))
        found = len(rows)
        if not any(row.get("mode") == "more" for row in rows):
            break
    return seen, found


def looked_at(node: dict[str, Any]) -> Iterator[int]:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    yield round((node["Actual Rows"] + removed) * node["Actual Loops"])
    for below in node.get("Plans", ()):
        yield from looked_at(below)


@pytest.mark.parametrize(
    "params",
    [
        [("recipient", "Practitioner/d")],
        [("recipient", "d")],
        [("recipient", "Practitioner/d,Practitioner/e"), ("status", "completed")],
        [("recipient", "Practitioner/d"), ("status:not", "in-progress")],
    ],
)
async def test_referrers_are_walked_once_whatever_the_statistics_say(database: Database, params: list[tuple[str, str]]) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, a_notice(0, "x"))], scope=ALL)
        await conn.execute(b"analyze res, refs, hot")
        await STORE.write(conn, [Change(Verb.PUT, a_notice(n, "d")) for n in range(800)], scope=ALL)
        await STORE.write(conn, [Change(Verb.PUT, a_notice(n, "f")) for n in range(2_500)], scope=ALL)
        seen, found = await explained(conn, "Communication", params)
        counted, _ = await explained(conn, "Communication", params, counting=True)
    assert found == 21
    assert seen < 15 * 800
    assert counted < 15 * 800


async def test_a_chain_that_matches_many_fills_its_page_from_the_order(database: Database) -> None:
    types = ",".join(f"t{n}" for n in range(11))
    async with database.transaction() as conn:
        await STORE.load(conn, [an_organisation(n) for n in range(ORGANISATIONS)])
        await STORE.load(conn, [a_service(n) for n in range(ORGANISATIONS * SERVICES)])
        for params in ([], [("_sort", "-_lastUpdated")], [("service-type:missing", "true")]):
            seen, found = await explained(conn, "HealthcareService", [("organization.type", types), *params])
            assert (found, seen < 12_000) == (21, True), (params, seen)
        seen, found = await explained(conn, "HealthcareService", [("organization.name", "n77")])
        assert (found, seen < 600) == (21, True), seen
