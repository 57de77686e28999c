"""The trail: complete, chained, never changed, readable by the person it is about."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from maillage.access import audit, chain
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.audit import Action, GroupedTrails, Outcome, Position, Trail, query_text
from maillage.access.purpose import Purpose
from maillage.db import Connection, Database
from maillage.errors import Forbidden
from maillage.fhir import ids

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOCTOR = Actor(
    id="psc:1",
    kind=ActorKind.PROFESSIONAL,
    name="Camille Exemple",
    roles=frozenset({Role.GP}),
    reference="Practitioner/1",
    organizations=("Organization/o",),
)


async def read_by(conn: Connection, actor: Actor = DOCTOR, *, patient: str = "p", at: datetime = AT, lines: int = 1) -> None:
    trail = Trail(actor, Purpose.TREAT, door="page", at=at)
    for n in range(lines):
        trail.add(Action.READ, "Condition", str(n)).patients.add(ids.key(patient))
    await trail.write(conn)


async def test_a_line_says_who_why_what_and_whose(database: Database) -> None:
    async with database.transaction() as conn:
        await read_by(conn)
        (row,) = await audit.of_patient(conn, "p")
    said = {
        key: row[key]
        for key in ("actor", "name", "roles", "reference", "organizations", "purpose", "door", "action", "type", "id")
    }
    assert said == {
        "actor": "psc:1",
        "name": "Camille Exemple",
        "roles": ["gp"],
        "reference": "Practitioner/1",
        "organizations": ["Organization/o"],
        "purpose": "TREAT",
        "door": "page",
        "action": "R",
        "type": "Condition",
        "id": "0",
    }
    assert row["at"] == AT
    assert row["outcome"] == Outcome.DONE


async def test_a_context_that_touched_nothing_leaves_no_line(database: Database) -> None:
    async with database.transaction() as conn:
        await Trail(DOCTOR, Purpose.TREAT, door="page", at=AT).write(conn)
        assert await chain.heads(conn) == []


async def test_nobody_changes_or_removes_a_line(database: Database) -> None:
    async with database.transaction() as conn:
        await read_by(conn)
    for table in ("audit", "audit_batch"):
        for statement in (f"update {table} set chain = 1", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
                async with database.transaction() as conn:
                    await conn.execute(statement.encode())


async def test_trails_that_wait_together_are_committed_together(database: Database) -> None:
    grouped = GroupedTrails(database)
    trails = [Trail(DOCTOR, Purpose.TREAT, door="page", at=AT) for _ in range(50)]
    for trail in trails:
        trail.add(Action.READ, "Condition", "c")
    await asyncio.gather(*(grouped.write(trail) for trail in trails))
    async with database.transaction() as conn:
        assert sum(head.n for head in await chain.heads(conn)) < 10
        cursor = await conn.execute("select count(*) as lines from audit")
        assert await cursor.fetchone() == {"lines": 50}
    assert (await chain.verify(database)).holds


async def links(database: Database) -> int:
    async with database.reading() as conn:
        return int((await (await conn.execute("select count(*) as n from audit_batch")).fetchall())[0]["n"])


async def test_who_has_read_waits_for_who_still_reads_and_both_are_committed_as_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PATIENCE", 30)
    trails, still_reading = GroupedTrails(database), asyncio.Event()
    early, late = (Trail(DOCTOR, Purpose.TREAT, door="page", at=AT) for _ in range(2))

    async def reads_until_told() -> None:
        with trails.to_come():
            late.add(Action.READ, "Condition", "late")
            await still_reading.wait()
        await trails.write(late)

    async def comes_early() -> None:
        with trails.to_come():
            early.add(Action.READ, "Condition", "early")
        await trails.write(early)

    both = [asyncio.create_task(one()) for one in (reads_until_told, comes_early)]
    await asyncio.sleep(0.1)
    assert await links(database) == 0
    still_reading.set()
    await asyncio.gather(*both)
    assert await links(database) == 1


async def test_nobody_waits_long_for_who_still_reads(database: Database) -> None:
    trails, trail = GroupedTrails(database), Trail(DOCTOR, Purpose.TREAT, door="page", at=AT)
    trail.add(Action.READ, "Condition", "1")
    with trails.to_come():
        await asyncio.wait_for(trails.write(trail), 10)
        assert await links(database) == 1


async def test_a_line_that_cannot_be_stored_fails_its_own_context_only(database: Database) -> None:
    grouped = GroupedTrails(database)
    trails = [Trail(DOCTOR, Purpose.TREAT, door="page", at=AT) for _ in range(5)]
    for trail in trails:
        trail.add(Action.READ, "Condition", "c")
    trails[3].entries[0].outcome = "not an outcome"  # type: ignore[assignment]
    faults = await asyncio.gather(*(grouped.write(trail) for trail in trails), return_exceptions=True)
    assert [type(fault) for fault in faults if fault] == [psycopg.errors.CheckViolation]
    assert isinstance(faults[3], psycopg.errors.CheckViolation)


async def test_a_person_reads_their_trail_newest_first_page_by_page(database: Database) -> None:
    async with database.transaction() as conn:
        for n in range(5):
            await read_by(conn, at=AT + timedelta(minutes=n))
        await read_by(conn, patient="other")
        first = await audit.of_patient(conn, "p", count=3)
        last = first[-1]
        after = Position(last["at"], last["chain"], last["batch"], last["place"])
        second = await audit.of_patient(conn, "p", before=after, count=3)
    assert [row["at"].minute for row in [*first, *second]] == [4, 3, 2, 1, 0]


async def test_a_trail_follows_linked_identities(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            "insert into access_link (via, patient, other) values (%s, %s, %s)", [ids.key("v"), ids.key("source"), ids.key("p")]
        )
        await read_by(conn, patient="source")
        assert len(await audit.of_patient(conn, "p")) == 1


async def test_machines_are_left_out_unless_asked_for(database: Database) -> None:
    machine = Actor(id="lab", kind=ActorKind.SYSTEM, name="Laboratoire", roles=frozenset({Role.SYSTEM}))
    async with database.transaction() as conn:
        await read_by(conn, machine)
        assert await audit.of_patient(conn, "p") == []
        assert len(await audit.of_patient(conn, "p", kinds=[ActorKind.SYSTEM])) == 1


def test_a_search_is_kept_without_the_names_that_were_searched() -> None:
    params = [
        ("family", "DURAND"),
        ("identifier", "1.2|279035121518989"),
        ("birthdate", "1979-03-28"),
        ("status", "current"),
        ("_count", "20"),
    ]
    text = query_text(params, b"secret")
    assert "DURAND" not in text
    assert "279035121518989" not in text
    assert "1979" not in text
    assert text.endswith("status=current&_count=20")
    assert query_text([("family", "durand ")], b"secret") == text.split("&")[0]
    assert query_text([("family", "DURAND")], b"other") != text.split("&")[0]


def test_a_chain_or_an_identifier_of_a_reference_names_somebody() -> None:
    for name in ("patient.family", "subject:identifier", "subject:Patient.name", "_has:Condition:patient:code", "unknown"):
        assert "Durand" not in query_text([(name, "Durand")], b"secret")
    assert (
        query_text([("subject:Patient", "12"), ("patient", "Patient/12")], b"secret") == "subject:Patient=12&patient=Patient/12"
    )


def test_a_refusal_and_a_failure_are_not_the_same() -> None:
    assert audit.outcome_of(Forbidden("no")) is Outcome.REFUSED
    assert audit.outcome_of(RuntimeError()) is Outcome.FAILED


def test_what_was_rolled_back_is_not_told_as_done() -> None:
    trail = Trail(DOCTOR, Purpose.TREAT, door="page", at=AT)
    read, wrote = trail.add(Action.READ, "Patient", "p"), trail.add(Action.CREATE, "Condition")
    trail.undo()
    assert (read.outcome, wrote.outcome) == (Outcome.DONE, Outcome.FAILED)
