"""The proof of the trail: whatever is changed in it is found, whoever changed it, in both forms of its links."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from maillage.access import anchor, chain
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.audit import Action, Trail
from maillage.access.chain import Head, KeptHeads, Range
from maillage.access.purpose import Purpose
from maillage.db import Connection, Database, migrate
from maillage.db.migrations import discover
from maillage.errors import Invalid, SetupError
from maillage.fhir import ids

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOCTOR = Actor(id="psc:1", kind=ActorKind.PROFESSIONAL, name='Zoë "É"\tExemple', roles=frozenset({Role.GP}))
AS_LINES = """
update audit_batch b set form = 1, prev = p.prev, hash = p.hash from (
  with recursive linked(chain, n, prev, hash) as (
    select chain, n, ''::bytea, sha256(convert_to(said, 'UTF8')) from said where n = 1
    union all
    select s.chain, s.n, l.hash, sha256(l.hash || convert_to(s.said, 'UTF8')) from linked l join said s on s.chain = l.chain and s.n = l.n + 1),
  said(chain, n, said) as (select chain, batch, string_agg(audit_line(a), E'\\n' order by place) from audit a group by chain, batch)
  select * from linked) p
where p.chain = b.chain and p.n = b.n
"""


async def read_by(conn: Connection, *, at: datetime = AT, lines: int = 1) -> None:
    trail = Trail(DOCTOR, Purpose.TREAT, door="page", at=at)
    for n in range(lines):
        trail.add(Action.READ, "Condition", str(n), query=None if n else "code=é").patients.add(ids.key("p"))
    await trail.write(conn)


async def tampered(database: Database, statement: str) -> None:
    async with database.transaction() as conn:
        await conn.execute("set local session_replication_role = replica")
        await conn.execute(statement.encode())


@pytest.fixture(params=[chain.BYTES, chain.LINES])
async def written(database: Database, request: pytest.FixtureRequest) -> Database:
    """Three links of two rows each in one chain, of one form."""
    async with database.transaction() as conn:
        for _ in range(3):
            await read_by(conn, lines=2)
    if request.param == chain.LINES:
        await tampered(database, AS_LINES)
    return database


async def test_an_untouched_trail_holds(database: Database) -> None:
    for n in range(3):
        async with database.transaction() as one, database.transaction() as other:
            await read_by(one, lines=2)
            await read_by(other, at=AT + timedelta(seconds=n))
    found = await chain.verify(database)
    assert (found.holds, found.entries, found.links, found.faults) == (True, 9, 6, [])


async def test_both_forms_hold_and_are_read_whole(written: Database) -> None:
    found = await chain.verify(written)
    assert (found.holds, found.entries, found.links) == (True, 6, 3)


async def test_a_trail_of_the_version_before_holds_after_the_migration(postgres: str) -> None:
    """Written by the function of that version, not by ours."""
    name = "before_the_bytes"
    with psycopg.connect(make_conninfo(postgres, dbname="postgres"), autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        try:
            dsn = make_conninfo(postgres, dbname=name)
            migrate(dsn, [one for one in discover() if one.owner != "maillage.access" or one.number <= 3])
            for forms in ([1], [1, 2]):
                async with await Database.open(dsn, size=2) as database:
                    async with database.transaction() as conn:
                        await read_by(conn, lines=3)
                    migrate(dsn)
                    assert (await chain.verify(database)).entries == 3 * len(forms)
                    assert (await chain.verify(database)).holds
                    async with database.transaction() as conn:
                        assert await found_forms(conn) == forms
        finally:
            server.execute(f"drop database {name} with (force)".encode())


async def found_forms(conn: Connection) -> list[int]:
    rows = await (await conn.execute("select form from audit_batch order by chain, n")).fetchall()
    return sorted(row["form"] for row in rows)


async def test_new_links_follow_old_ones_of_the_other_form(database: Database) -> None:
    async with database.transaction() as conn:
        await read_by(conn, lines=2)
        await read_by(conn)
        await conn.execute("set local session_replication_role = replica")
        await conn.execute(AS_LINES.encode())
        await conn.execute("set local session_replication_role = origin")
        await read_by(conn)
        assert await found_forms(conn) == [1, 1, 2]
    assert (await chain.verify(database)).holds


@pytest.mark.parametrize(
    "statement, fault",
    [
        ("update audit set name = 'Someone Else' where batch = 2", "a row was changed"),
        ("update audit set patients = '{}' where batch = 2", "a row was changed"),
        ("update audit set at = at + interval '1 microsecond' where batch = 2", "a row was changed"),
        ("update audit set query = null where batch = 2 and place = 1", "a row was changed"),
        ("update audit_batch set rows = 1 where n = 2", "rows are missing or added"),
        ("delete from audit where batch = 2 and place = 1", "rows are missing or added"),
        ("delete from audit where batch = 2", "rows are missing or added"),
        ("update audit set place = place + 5 where batch = 2", "a row was changed"),
        ("delete from audit_batch where n = 2", "rows without a link"),
        ("delete from audit_batch where n = 2", "a link before this one is missing"),
        ("delete from audit_batch where n = 1; delete from audit where batch = 1", "a link before this one is missing"),
        ("update audit_batch set hash = sha256('x') where n = 2", "does not follow the link before"),
    ],
)
async def test_tampering_is_found(written: Database, statement: str, fault: str) -> None:
    await tampered(written, statement)
    assert fault in {link.fault for link in (await chain.verify(written)).faults}


async def test_a_row_that_was_added_is_found(written: Database) -> None:
    columns = "at, actor, kind, name, roles, reference, organizations, purpose, door, action, type, id, patients, query, outcome"
    await tampered(written, f"insert into audit select chain, batch, 3, {columns} from audit where batch = 2 and place = 1")
    assert [link[1:] for link in (await chain.verify(written)).faults] == [(2, "rows are missing or added")]


async def test_rows_of_a_chain_that_never_was_are_found(written: Database) -> None:
    columns = "batch, place, at, actor, kind, name, roles, reference, organizations, purpose, door, action, type, id, patients, query, outcome"
    await tampered(written, f"insert into audit select 77, {columns} from audit where batch = 2")
    assert [tuple(link) for link in (await chain.verify(written)).faults] == [(77, 2, "rows without a link")]


async def test_one_who_makes_the_link_again_breaks_the_next(database: Database) -> None:
    async with database.transaction() as conn:
        for _ in range(3):
            await read_by(conn, lines=2)
    await tampered(
        database,
        "update audit set name = 'Someone Else' where batch = 2; update audit_batch b set hash = sha256(prev || "
        "(select string_agg(audit_bytes(a), '' order by place) from audit a where a.batch = 2)) where n = 2",
    )
    assert [link[1:] for link in (await chain.verify(database)).faults] == [(3, "does not follow the link before")]


async def test_a_link_that_says_another_form_is_found(written: Database) -> None:
    await tampered(written, "update audit_batch set form = 3 - form where n = 3")
    assert not (await chain.verify(written)).holds


async def test_a_tail_that_was_cut_is_found_by_the_heads_kept_outside(written: Database, tmp_path: Path) -> None:
    async with written.transaction() as conn:
        kept = KeptHeads.of(await chain.heads(conn), at=AT)
    await anchor.keep(tmp_path, kept)
    assert (await chain.verify(written, kept=await anchor.kept(tmp_path))).holds
    await tampered(written, "delete from audit where batch = 3; delete from audit_batch where n = 3")
    assert (await chain.verify(written)).holds
    found = await chain.verify(written, kept=await anchor.kept(tmp_path))
    assert [link[1:] for link in found.faults] == [(3, "the end of the chain was cut")]


async def test_a_chain_made_again_from_its_beginning_is_found_by_the_heads_kept_outside(database: Database) -> None:
    async with database.transaction() as conn:
        for _ in range(3):
            await read_by(conn)
        kept = await chain.heads(conn)
    await tampered(database, "update audit set name = 'Someone Else' where batch = 1")
    await tampered(database, AS_LINES)
    assert (await chain.verify(database)).holds
    found = await chain.verify(database, kept=kept)
    assert [link[1:] for link in found.faults] == [(3, "is not the link that was kept outside")]


async def test_heads_are_kept_once_and_refused_when_they_are_not_ours(tmp_path: Path) -> None:
    heads = KeptHeads.of([Head(chain=3, n=7, hash="ab" * 32)], at=AT)
    file = await anchor.keep(tmp_path / "new", heads)
    assert await anchor.kept(tmp_path / "new") == heads.heads
    assert await anchor.kept(tmp_path / "none") == []
    with pytest.raises(SetupError, match="exists"):
        await anchor.keep(tmp_path / "new", heads)
    for text in (
        b"",
        b"[]",
        b"\xff",
        b'{"format": "other", "at": "2026-11-22T12:00:00Z", "heads": []}',
        heads.written().replace(b"ab", b"zz"),
    ):
        with pytest.raises(Invalid):
            KeptHeads.parse(text)
    file.write_bytes(b"{}")
    with pytest.raises(SetupError, match=file.name):
        await anchor.kept(tmp_path / "new")


@pytest.mark.parametrize("turn, forms", [(None, [1, 1, 1]), (1, [2, 2, 2]), (4, [1, 2, 2]), (7, [1, 1, 2])])
def test_every_number_a_link_may_have_is_in_one_range(turn: int | None, forms: list[int]) -> None:
    found = list(chain.ranges(5, 1, 9, turn, step=3))
    assert [one.form for one in found] == forms
    assert (found[0].low, found[-1].high) == (chain.LOWEST, chain.HIGHEST)
    assert all(after.low == before.high + 1 for before, after in pairwise(found))


def test_rows_without_any_link_are_looked_at_too() -> None:
    assert list(chain.ranges(5, None, None, None)) == [Range(5, chain.BYTES, chain.LOWEST, chain.HIGHEST)]


async def test_ranges_meet_without_a_gap(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with database.transaction() as conn:
        for _ in range(7):
            await read_by(conn)
    monkeypatch.setattr(chain.ranges, "__defaults__", (2,))
    assert (await chain.verify(database)).entries == 7
    await tampered(database, "delete from audit_batch where n in (3, 4); delete from audit where batch in (3, 4)")
    assert [link[1:] for link in (await chain.verify(database)).faults] == [(5, "a link before this one is missing")]


async def test_verifying_goes_on_beside_those_who_write(database: Database) -> None:
    async def write() -> None:
        for _ in range(30):
            async with database.transaction() as conn:
                await read_by(conn, lines=3)

    async def look() -> list[bool]:
        return [(await chain.verify(database)).holds for _ in range(5)]

    _, held = await asyncio.gather(write(), look())
    assert held == [True] * 5


async def test_a_client_of_another_encoding_cannot_write_a_line(database: Database) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="UTF8 only"):
        async with database.transaction() as conn:
            await conn.execute("set local client_encoding = 'LATIN1'")
            await read_by(conn)
