"""Named SQL: what a file must look like, and what a call answers."""

import pytest

from maillage.db import Database, count_statements
from maillage.db.queries import parse
from maillage.errors import SetupError

FILE = """
-- name: two :many
-- Two rows.
select n from generate_series(1, %(upto)s) n order by n;

-- name: first :one
-- The first row.
select n from generate_series(1, 3) n order by n limit 1

-- name: total :value
-- How many.
select count(*) from generate_series(1, 4)
"""


async def test_a_statement_answers_by_its_kind(database: Database) -> None:
    queries = parse(FILE, origin="here")
    async with database.transaction() as connection:
        with count_statements() as counted:
            assert await queries.two(connection, upto=2) == [{"n": 1}, {"n": 2}]
            assert await queries.first(connection) == {"n": 1}
            assert await queries.total(connection) == 4
    assert counted.statements == 3


def test_an_unknown_statement_is_named() -> None:
    with pytest.raises(AttributeError, match="here has no statement named three"):
        _ = parse(FILE, origin="here").three


@pytest.mark.parametrize(
    "text", ["-- name: Two :many\n-- x\nselect 1", "-- name: two :lots\n-- x\nselect 1", "-- name: two :one\nselect 1"]
)
def test_a_malformed_file_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="here"):
        parse(text, origin="here")
