"""What a process has learnt of its databases."""

import psycopg
import pytest

from maillage.db import Connection, Database, remembered

HOUR = 3_600.0


class Learner:
    """Counts how often a database is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, conn: Connection) -> int:
        await conn.execute(b"select")
        self.asked += 1
        return self.asked


async def test_all_connections_of_a_database_share_what_was_learnt(database: Database) -> None:
    learner = Learner()
    for connection in (database.transaction, database.reading, database.statements, database.reading):
        async with connection() as conn:
            assert await remembered(conn, learner, seconds=HOUR) == 1


async def test_two_databases_of_one_process_never_mix(database: Database, dsn: str) -> None:
    """Even of one address: a database may have been dropped and made anew."""
    learner = Learner()
    async with await Database.open(dsn, size=2) as other:
        for opened, learnt in ((database, 1), (other, 2), (database, 1)):
            async with opened.reading() as conn:
                assert await remembered(conn, learner, seconds=HOUR) == learnt


async def test_what_was_learnt_is_believed_for_some_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner()
    for at, learnt in ((0.0, 1), (HOUR, 1), (HOUR + 1, 2), (2 * HOUR, 2)):
        monkeypatch.setattr("maillage.db.remembering.monotonic", lambda at=at: at)
        async with database.reading() as conn:
            assert await remembered(conn, learner, seconds=HOUR) == learnt


async def test_outside_a_database_nothing_is_kept(dsn: str) -> None:
    learner = Learner()
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        for learnt in (1, 2):
            assert await remembered(conn, learner, seconds=HOUR) == learnt
