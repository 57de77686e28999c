"""Runs searches: plan, statement, page."""

from typing import Any

from psycopg import AsyncClientCursor

from maillage.db import Connection
from maillage.errors import Issue
from maillage.fhir import ids
from maillage.fhir.change import Operation, Stored
from maillage.fhir.reading import text_id
from maillage.fhir.scope import Scope
from maillage.fhir.search import cursors, includes, statement
from maillage.fhir.search.compose import Statement
from maillage.fhir.search.includes import MAX_INCLUDED
from maillage.fhir.search.plan import Plan, plan
from maillage.fhir.search.query import SearchQuery, StoredPage


async def search(conn: Connection, query: SearchQuery, *, scope: Scope) -> StoredPage:
    """One page of what the query finds within the scope. A cursor of another search is Invalid."""
    total = await count(conn, query, scope=scope) if query.total else None
    if query.count == 0:
        return StoredPage((), total=total, issues=query.issues)
    planned = plan(query)
    rows = await _page(conn, query, planned, scope)
    found = [row for row in rows if row["mode"] == "match"]
    shown = found[: query.count]
    keys = [f"k{i}" for i in range(len(planned.order))]
    following = cursors.write(query, [shown[-1][key] for key in keys]) if len(found) > query.count else None
    included = await _included(conn, query, scope, shown, [row for row in rows if row["mode"] == "include"])
    issues = (*query.issues, *_too_many(included))
    return StoredPage([_stored(r) for r in shown], [_stored(r) for r in included[:MAX_INCLUDED]], following, total, issues)


async def _page(conn: Connection, query: SearchQuery, planned: Plan, scope: Scope) -> list[dict[str, Any]]:
    """The rows that the first driver finds that is enough."""
    after, rows = cursors.read(query), []
    for driver in planned.drivers:
        rows = await _run(conn, statement.page(query, planned, driver, scope, after))
        if not any(row["mode"] == "more" for row in rows):
            break
    return rows


async def count(conn: Connection, query: SearchQuery, *, scope: Scope) -> int:
    """How many resources the query finds within the scope."""
    rows = await _run(conn, statement.count(query, plan(query), scope))
    return int(rows[0]["total"])


async def _run(conn: Connection, wanted: Statement) -> list[dict[str, Any]]:
    """Stable statements are prepared and keep their plan; the others have their values written in, to be planned for them."""
    if wanted.stable:
        cursor = await conn.execute(wanted.text.encode(), wanted.params, prepare=True)
    else:
        literal = AsyncClientCursor(conn).mogrify(wanted.text.encode(), wanted.params)
        cursor = await conn.execute(literal.encode())
    return await cursor.fetchall()


async def _included(
    conn: Connection, query: SearchQuery, scope: Scope, matches: list[dict[str, Any]], first: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What the page includes, each resource once and no match again: the first round, then what `:iterate` adds until nothing is new."""
    known = {(row["rt"], row["id"]) for row in matches}
    iterates = any(one.iterate for one in (*query.includes, *query.revincludes))
    included: list[dict[str, Any]] = []
    found = first
    while new := [row for row in found if (row["rt"], row["id"]) not in known]:
        included += new
        known |= {(row["rt"], row["id"]) for row in new}
        if not iterates or len(included) > MAX_INCLUDED:
            break
        places = [(row["rt"], row["id"], row["patient"]) for row in new]
        found = await _run(conn, includes.next_round(query, places, scope))
    return included


def _too_many(included: list[dict[str, Any]]) -> list[Issue]:
    if len(included) <= MAX_INCLUDED:
        return []
    message = f"more than {MAX_INCLUDED} resources would be included: ask for fewer matches a page"
    return [Issue("too-costly", message, None, "warning")]


def _stored(row: dict[str, Any]) -> Stored:
    body = row["body"]
    return Stored(
        ids.kind(row["rt"]),
        text_id(row["id"], body),
        row["version"],
        row["updated"],
        row["patient"],
        Operation.UPDATE,
        body.encode(),
    )
