"""What the driver makes of a statement's parameters is made once, however long the statement."""

from psycopg import _queries

from maillage.db import Database


async def test_a_long_statement_is_taken_apart_once(database: Database) -> None:
    statement = (b"select %(value)s::text as value -- " + b"x" * 40_000).replace(b"-- ", b"/* ", 1) + b" */"
    async with database.reading() as conn:
        assert [await (await conn.execute(statement, {"value": text})).fetchall() for text in ("a", "b")] == [
            [{"value": "a"}],
            [{"value": "b"}],
        ]
        before = _queries._query2pg.cache_info()
        await conn.execute(statement, {"value": "c"})
        after = _queries._query2pg.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
