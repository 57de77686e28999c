"""What a search costs: the rows that the steps of its plan look at, as the server tells."""

from collections.abc import Iterator
from typing import Any

from psycopg import AsyncClientCursor

from maillage.db import Connection
from maillage.fhir import ids
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.search.commons import commons
from maillage.fhir.search.plan import plan
from maillage.fhir.search.statement import count, page

ALL = Scope.all()


async def explained(
    conn: Connection, kind: str, params: list[tuple[str, str]], *, counting: bool = False, scope: Scope = ALL
) -> tuple[int, int]:
    """How many rows all steps of a search look at, and how many matches its first page has (or what it counts)."""
    query, seen, found = parse(kind, params), 0, 0
    planned = plan(query, circled=scope.circled(ids.number(kind)), common=await commons(conn, query.texts))
    for driver in planned.counting if counting else planned.drivers:
        statement = count(query, planned, driver, scope) if counting else page(query, planned, driver, scope, None)
        text = AsyncClientCursor(conn).mogrify(statement.text.encode(), statement.params)
        rows = await (await conn.execute(text.encode())).fetchall()
        plans = await (await conn.execute(b"explain (analyze, format json) " + text.encode())).fetchone()
        assert plans is not None
        seen += sum(looked_at(next(iter(plans.values()))[0]["Plan"]))
        found = rows[0]["total"] if counting else len(rows)
        if found is not None and not any(row.get("mode") == "more" for row in rows):
            break
    return seen, found


def looked_at(node: dict[str, Any]) -> Iterator[int]:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    yield round((node["Actual Rows"] + removed) * node["Actual Loops"])
    for below in node.get("Plans", ()):
        yield from looked_at(below)
