"""Events on a real database: in the writer's transaction, in an order nothing slips behind."""

import asyncio

import psycopg
import pytest

from maillage.db import Connection, Database
from maillage.events import START, Cursor, Event, kinds, read, record, settle_after_restore


class LetterSent(Event, frozen=True, kw_only=True):
    letter: str
    certain: bool = True


class LetterLost(Event, frozen=True, kw_only=True):
    letter: str


BOTH = (LetterSent.kind, LetterLost.kind)


async def announced(database: Database, *events: Event) -> None:
    async with database.transaction() as conn:
        await record(conn, events)


async def letters(conn: Connection, after: Cursor = START, limit: int = 100) -> list[str]:
    return [r.event.letter for r in await read(conn, after=after, kinds=BOTH, limit=limit)]  # type: ignore[attr-defined]


def test_the_kind_names_the_service_and_the_class() -> None:
    from maillage.events.base import _service

    assert _service("maillage.services.documents.events") == "documents"
    assert _service("maillage.http.events") == "http"
    assert kinds()[LetterSent.kind] is LetterSent


def test_two_modules_cannot_use_one_kind() -> None:
    with pytest.raises(TypeError, match="two events are called"):
        type(Event)(
            "LetterSent", (Event,), {"__module__": f"elsewhere.{__name__.rsplit('.', 1)[-1]}", "__annotations__": {}}, frozen=True
        )


async def test_an_event_comes_back_as_it_was(database: Database) -> None:
    await announced(database, LetterSent(letter="1", certain=False), LetterLost(letter="2"))
    async with database.transaction() as conn:
        found = await read(conn, after=START, kinds=BOTH)
    assert [r.event for r in found] == [LetterSent(letter="1", certain=False), LetterLost(letter="2")]


async def test_an_event_is_undone_with_its_transaction(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as conn:
            await record(conn, [LetterSent(letter="1")])
            raise RuntimeError
    async with database.transaction() as conn:
        assert await letters(conn) == []


async def test_a_reader_goes_on_after_its_cursor_and_only_with_its_kinds(database: Database) -> None:
    await announced(database, *(LetterSent(letter=str(n)) for n in range(5)))
    async with database.transaction() as conn:
        first = await read(conn, after=START, kinds=BOTH, limit=2)
        cursor = Cursor(first[-1].xid, first[-1].seq)
        assert await letters(conn, cursor) == ["2", "3", "4"]
        assert await read(conn, after=START, kinds=[LetterLost.kind]) == []


async def test_a_late_commit_is_never_skipped(database: Database) -> None:
    async with database.transaction() as slow:
        await record(slow, [LetterSent(letter="slow")])
        await announced(database, LetterSent(letter="quick"))
        async with database.transaction() as conn:
            assert await letters(conn) == []  # "quick" is committed, but "slow" may still come before it
    async with database.transaction() as conn:
        assert await letters(conn) == ["slow", "quick"]


async def test_a_listener_wakes_at_the_commit(database: Database) -> None:
    async with database.autocommit() as listener:
        await listener.execute("listen maillage_event")
        await announced(database, LetterSent(letter="1"), LetterSent(letter="2"))
        async with asyncio.timeout(5):
            notice = await anext(listener.notifies())
    assert notice.payload == LetterSent.kind


async def test_a_stored_event_nobody_declares_is_a_fault(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute("insert into event (kind, payload) values ('ghost.Gone', '{}')")
    async with database.transaction() as conn:
        with pytest.raises(LookupError, match=r"ghost\.Gone"):
            await read(conn, after=START, kinds=["ghost.Gone"])


async def test_events_of_another_cluster_are_readable_after_a_restore(database: Database) -> None:
    await announced(database, LetterSent(letter="1"), LetterSent(letter="2"))
    async with database.transaction() as conn:
        await conn.execute("update event set xid = '9000000000000'")
    async with database.transaction() as conn:
        assert await letters(conn) == []
        assert await settle_after_restore(conn) == 2
    async with database.transaction() as conn:
        assert await letters(conn) == ["1", "2"]


async def test_an_event_that_cannot_be_written_fails_the_transaction(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute("alter table event rename to elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await announced(database, LetterSent(letter="1"))
