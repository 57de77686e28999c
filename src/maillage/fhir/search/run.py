"""Runs searches: plan, statement, page."""

import re
from collections.abc import Sequence
from typing import Any

from maillage.db import Connection, execute_planned_anew, fetch
from maillage.errors import Issue
from maillage.fhir import ids
from maillage.fhir.past import foreign_cursor
from maillage.fhir.reading import stored
from maillage.fhir.scope import Scope
from maillage.fhir.search import cursors, statement
from maillage.fhir.search.commons import commons
from maillage.fhir.search.compose import Statement
from maillage.fhir.search.includes import MAX_INCLUDED
from maillage.fhir.search.includes import round_of as including
from maillage.fhir.search.plan import plan
from maillage.fhir.search.query import After, Include, SearchQuery, SeveralQuery, StoredPage

_KEY = re.compile(r"k\d")


Rows = list[dict[str, Any]]


async def search(conn: Connection, query: SearchQuery, *, scope: Scope) -> StoredPage:
    """One page of what the query finds within the scope. A cursor of another search is Invalid."""
    total = await count(conn, query, scope=scope) if query.total else None
    if query.count == 0:
        return StoredPage((), total=total, issues=query.issues)
    keys = cursors.read(query)
    found = await rows_of(conn, query, scope=scope, after=After(tuple(keys)) if keys else None)
    matches = [row for row in found if row["mode"] == "match"]
    shown = matches[: query.count]
    following = cursors.write(query, keys_of(shown[-1])) if len(matches) > query.count else None
    first = [row for row in found if row["mode"] == "include"]
    return await page_of(conn, query, shown, first, scope=scope, following=following, total=total)


async def rows_of(conn: Connection, query: SearchQuery, *, scope: Scope, after: After | None) -> Rows:
    """One more match than the query asks for, in order (see `statement.page`), as the first driver finds them that is enough."""
    common, rows = await commons(conn, query.texts), []
    planned = plan(query, circled=scope.circled(ids.number(query.kind)), common=common)
    if after and len(after.keys) != len(planned.order):
        raise foreign_cursor("search")
    for driver in planned.drivers:
        rows = await run(conn, statement.page(query, planned, driver, scope, after))
        if not any(row["mode"] == "more" for row in rows):
            break
    return rows


def keys_of(row: dict[str, Any]) -> list[str]:
    """The place of a match in the order."""
    return [row[key] for key in sorted(row) if _KEY.fullmatch(key)]


async def count(conn: Connection, query: SearchQuery, *, scope: Scope) -> int:
    """How many resources the query finds within the scope."""
    planned = plan(query, circled=scope.circled(ids.number(query.kind)))
    for driver in planned.counting:
        if (total := (await run(conn, statement.count(query, planned, driver, scope)))[0]["total"]) is not None:
            return int(total)
    raise AssertionError("the last driver of a count always counts")


async def run(conn: Connection, wanted: Statement) -> Rows:
    """Stable statements are prepared and keep their plan; the others have their values written in, to be planned for them."""
    if wanted.stable:
        return await fetch(conn, wanted.text.encode(), wanted.params, binary=True)
    cursor = await execute_planned_anew(conn, wanted.text, wanted.params)
    return await cursor.fetchall()


async def page_of(
    conn: Connection, query: SearchQuery | SeveralQuery, shown: Rows, first: Rows, *, scope: Scope, following: str | None, total: int | None
) -> StoredPage:  # fmt: skip
    """The page of these matches; `first` is what they include, without what `:iterate` adds."""
    included = await _included(conn, query, scope, shown, first)
    issues = (*query.issues, *_too_many(included))
    return StoredPage([stored(r) for r in shown], [stored(r) for r in included[:MAX_INCLUDED]], following, total, issues)


async def round_of(
    conn: Connection, includes: Sequence[Include], revincludes: Sequence[Include], rows: Rows, *, scope: Scope
) -> Rows:
    """What these rows include."""
    if not rows or not (includes or revincludes):
        return []
    places = [(row["rt"], row["id"], row["patient"]) for row in rows]
    return await run(conn, including(includes, revincludes, places, scope))


async def _included(conn: Connection, query: SearchQuery | SeveralQuery, scope: Scope, matches: Rows, first: Rows) -> Rows:
    """Each resource once and no match again: the first round, then what `:iterate` adds until nothing is new."""
    known = {(row["rt"], row["id"]) for row in matches}
    includes = [one for one in query.includes if one.iterate]
    revincludes = [one for one in query.revincludes if one.iterate]
    included: Rows = []
    found = first
    while new := [row for row in found if (row["rt"], row["id"]) not in known]:
        included += new
        known |= {(row["rt"], row["id"]) for row in new}
        if len(included) > MAX_INCLUDED:
            break
        found = await round_of(conn, includes, revincludes, new, scope=scope)
    return included


def _too_many(included: Rows) -> list[Issue]:
    if len(included) <= MAX_INCLUDED:
        return []
    message = f"more than {MAX_INCLUDED} resources would be included: ask for fewer matches a page"
    return [Issue("too-costly", message, None, "warning")]
