"""Runs searches: plan, statement, page."""

from typing import Any

from psycopg import AsyncClientCursor

from maillage.db import Connection
from maillage.errors import Issue
from maillage.fhir import ids
from maillage.fhir.change import Operation, Stored
from maillage.fhir.reading import text_id
from maillage.fhir.scope import Scope
from maillage.fhir.search import cursors, statement
from maillage.fhir.search.compose import Statement
from maillage.fhir.search.plan import plan
from maillage.fhir.search.query import SearchQuery, StoredPage


async def search(conn: Connection, query: SearchQuery, *, scope: Scope) -> StoredPage:
    """One page of what the query finds within the scope. A cursor of another search is Invalid."""
    total = await count(conn, query, scope=scope) if query.total else None
    if query.count == 0:
        return StoredPage((), total=total, issues=query.issues)
    planned = plan(query)
    rows = await _run(conn, statement.page(query, planned, scope, cursors.read(query)))
    found = [row for row in rows if row["mode"] == "match"]
    shown = found[: query.count]
    keys = [f"k{i}" for i in range(len(planned.order))]
    following = cursors.write(query, [shown[-1][key] for key in keys]) if len(found) > query.count else None
    matches = [_stored(row) for row in shown]
    included, issues = _included(rows, matches)
    return StoredPage(matches, included, following, total, (*query.issues, *issues))


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


def _included(rows: list[dict[str, Any]], matches: list[Stored]) -> tuple[list[Stored], tuple[Issue, ...]]:
    shown = {(match.type, match.id) for match in matches}
    found = [_stored(row) for row in rows if row["mode"] == "include"]
    included = [one for one in found if (one.type, one.id) not in shown]
    if len(found) <= statement.MAX_INCLUDED:
        return included, ()
    message = f"more than {statement.MAX_INCLUDED} resources would be included: ask for fewer matches a page"
    return included[: statement.MAX_INCLUDED], (Issue("too-costly", message, None, "warning"),)


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
