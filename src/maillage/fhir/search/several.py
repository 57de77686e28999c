"""A search of several types: of the whole system or a whole compartment. One query a type, and one order over all of them."""

from collections.abc import Sequence

from msgspec.structs import replace

from maillage.db import Connection
from maillage.fhir import ids
from maillage.fhir.scope import Scope
from maillage.fhir.search import cursors
from maillage.fhir.search.compose import Composer, Statement
from maillage.fhir.search.query import After, SearchQuery, SeveralQuery, StoredPage
from maillage.fhir.search.run import Rows, count, keys_of, page_of, round_of, rows_of, run


async def search_several(conn: Connection, query: SeveralQuery, *, scope: Scope) -> StoredPage:
    """One page: type after type where no order is wanted, else merged. A cursor of another search is Invalid."""
    queries = await _inhabited(conn, query.queries)
    total = sum([await count(conn, one, scope=scope) for one in queries]) if query.total else None
    if query.count == 0:
        return StoredPage((), total=total, issues=query.issues)
    shown, following = await (_merged if query.sort else _in_turn)(conn, query, queries, scope)
    first = await round_of(conn, query.includes, query.revincludes, shown, scope=scope)
    return await page_of(conn, query, shown, first, scope=scope, following=following, total=total)


async def _inhabited(conn: Connection, queries: Sequence[SearchQuery]) -> list[SearchQuery]:
    """The queries of types of which there is any resource, in the order of their numbers."""
    composer = Composer(Scope.all())
    numbers = composer.bind([ids.number(one.kind) for one in queries], "int2[]")
    text = f"select t.rt from unnest({numbers}) as t(rt) where (select true from res where res.rt = t.rt limit 1)"
    there = {row["rt"] for row in await run(conn, Statement(text, composer.params, stable=True))}
    return sorted((one for one in queries if _number(one) in there), key=_number)


async def _in_turn(
    conn: Connection, query: SeveralQuery, queries: Sequence[SearchQuery], scope: Scope
) -> tuple[Rows, str | None]:
    """The matches of one type after those of the other, each type in the order that its own plan gives."""
    begun, *keys = cursors.read(query) or ["0"]
    shown: Rows = []
    for one in (one for one in queries if _number(one) >= int(begun)):
        if len(shown) == query.count:
            return shown, cursors.write(query, [str(_number(one))])
        wanted = query.count - len(shown)
        after = After(tuple(keys)) if keys and _number(one) == int(begun) else None
        rows = await rows_of(conn, replace(one, count=wanted), scope=scope, after=after)
        found = [row for row in rows if row["mode"] == "match"]
        shown += found[:wanted]
        if len(found) > wanted:
            return shown, cursors.write(query, [str(_number(one)), *keys_of(shown[-1])])
    return shown, None


async def _merged(conn: Connection, query: SeveralQuery, queries: Sequence[SearchQuery], scope: Scope) -> tuple[Rows, str | None]:
    """The matches of all types in the wanted order, in that of their types where it leaves two equal."""
    place, descending = cursors.read(query), query.sort[0].descending
    found: Rows = []
    for one in queries:
        after = None
        if place:
            number = int(place[0])
            after = After(tuple(place[1:]), at=_number(one) < number if descending else _number(one) > number)
        rows = await rows_of(conn, replace(one, count=query.count), scope=scope, after=after)
        found += [row for row in rows if row["mode"] == "match"]
    by_id = query.sort[0].column == "id"
    found.sort(key=lambda row: (None if by_id else row["updated"], row["id"], row["rt"]), reverse=descending)
    shown = found[: query.count]
    if len(found) == len(shown):
        return shown, None
    return shown, cursors.write(query, [str(shown[-1]["rt"]), *keys_of(shown[-1])])


def _number(query: SearchQuery) -> int:
    return ids.number(query.kind)
