"""Reindexing: rows of older rules are found again, writers that come in between win, an interrupted run goes on, nothing else changes."""

import asyncio
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import pytest

from maillage.db import Database
from maillage.fhir import reindexing
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

STORE = Store()
Resource = dict[str, Any]
PATIENT = "6a0e9c1e-7c2b-4f6a-9f58-2f4f0e7a1c01"
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Patiente <b>hospitalisée</b></div>'}
SAMPLE: list[Resource] = [
    {
        "resourceType": "Patient", "id": PATIENT, "text": NARRATIVE, "birthDate": "1950-02", "gender": "female",
        "name": [{"family": "Lefèvre", "given": ["Zoé"]}], "telecom": [{"system": "phone", "value": "01"}],
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "2", "type": {"coding": [{"system": "urn:t", "code": "INS"}]}}],
    },
    {
        "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": f"Patient/{PATIENT}"},
        "performer": [{"reference": "Practitioner/p"}], "effectivePeriod": {"start": "2024-01-01", "end": "2024-02-01"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": "Glycémie"}], "text": "Glycémie à jeun"},
        "valueQuantity": {"value": 99, "comparator": "<", "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
        "component": [{"code": {"coding": [{"code": "c"}]}, "valueString": "trouble"}], "meta": {"profile": ["http://example.org/p|1"]},
    },
    {
        "resourceType": "Task", "id": "t", "status": "requested", "intent": "order", "authoredOn": "2024-01-05T08:00:00+01:00",
        "owner": {"reference": "Practitioner/p"}, "for": {"reference": f"Patient/{PATIENT}"},
    },
    {"resourceType": "Location", "id": "l", "name": "Hôpital", "position": {"latitude": Decimal("48.8"), "longitude": Decimal("2.3")}},
    {"resourceType": "RiskAssessment", "id": "r", "status": "final", "subject": {"reference": "Patient/elsewhere"},
     "prediction": [{"probabilityDecimal": Decimal("0.5")}]},
    {"resourceType": "ValueSet", "id": "v", "status": "draft", "url": "http://example.org/vs", "title": "Jeu"},
]  # fmt: skip
ROWS_OF_EDITION = {1: "75267ac1ee2f3e86", 2: "c95f00e3dce0003e", 3: "c95f00e3dce0003e", 4: "8537c6d9e448fad2"}
"""A digest of the rows of SAMPLE by edition of the code."""

SEARCHES = [
    ("Patient", "family", "lefevre", PATIENT),
    ("Patient", "identifier", "2", PATIENT),
    ("Patient", "_text", "hospitalisation", PATIENT),
    ("Observation", "code", "2339-0", "o"),
    ("Observation", "date", "gt2024-01-15", "o"),
    ("Observation", "value-quantity", "lt1|http://unitsofmeasure.org|g/L", "o"),
    ("Observation", "performer", "Practitioner/p", "o"),
    ("Observation", "patient", PATIENT, "o"),
    ("Observation", "component-code:missing", "false", "o"),
    ("Observation", "_content", "glycémies", "o"),
    ("Task", "modified:missing", "true", "t"),
    ("Task", "authored-on", "2024-01-05", "t"),
    ("Location", "near", "48.8|2.3|1", "l"),
]
INDEX = [
    b"""select rt, id::text, patient::text, shard::text, d0::text, d1::text, array(select unnest(tok) order by 1) as tok,
      array(select unnest(has) order by 1) as has, str from res order by rt, id""",
    *(f"select t::text from {table} t order by t".encode() for table in ("hot", "refs", "amount", "words")),
]
AWAY = b"""
truncate words, amount, hot, refs;
update res set tok = '{}', has = '{}', str = null, d0 = '-infinity', d1 = null, patient = null, shard = id
"""


async def hold(database: Database, *resources: Resource) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, one) for one in resources], scope=Scope.all())


async def found(database: Database, kind: str, name: str, value: str) -> list[str]:
    async with database.transaction() as conn:
        page = await STORE.search(conn, parse(kind, [(name, value)]), scope=Scope.all())
    return [one["id"] for one in page.matches]


async def rows(database: Database, statement: bytes) -> list[dict[str, Any]]:
    async with database.transaction() as conn:
        cursor = await conn.execute(statement)
        return await cursor.fetchall() if cursor.description else []


async def is_current(database: Database) -> bool:
    async with database.transaction() as conn:
        return (await reindexing.state(conn)).current


async def all_of_it(database: Database, **wanted: Any) -> list[int]:
    return [far.done async for far in reindexing.reindex(database, **wanted)]


async def test_what_older_rules_indexed_is_found_again_and_nothing_else_changes(database: Database) -> None:
    await hold(database, *SAMPLE)
    kept = b"select rt, id, version, updated, body from res order by rt, id"
    before, log = await rows(database, kept), await rows(database, b"select * from ver order by seq")
    indexed = [await rows(database, one) for one in INDEX]
    await rows(database, AWAY)
    assert [await found(database, *one[:3]) for one in SEARCHES if one[1] != "modified:missing"] == [[]] * (len(SEARCHES) - 1)

    assert await all_of_it(database, batch=4) == [4, 6]
    assert [await found(database, *one[:3]) for one in SEARCHES] == [[one[3]] for one in SEARCHES]
    assert [await rows(database, one) for one in INDEX] == indexed
    assert (await rows(database, kept), await rows(database, b"select * from ver order by seq")) == (before, log)


async def test_rows_that_are_as_they_should_be_are_not_written(database: Database) -> None:
    await hold(database, *SAMPLE)
    places = b"""select ctid, 'res' from res union all select ctid, 'hot' from hot union all select ctid, 'refs' from refs
      union all select ctid, 'amount' from amount union all select ctid, 'words' from words"""
    before = await rows(database, places)
    await all_of_it(database)
    assert await rows(database, places) == before


async def test_who_writes_meanwhile_wins(database: Database) -> None:
    old = {"resourceType": "Basic", "id": "b", "code": {"text": "avant"}}
    await hold(database, old, {**old, "id": "gone"})
    async with database.transaction() as conn:
        await STORE.write(
            conn, [Change(Verb.UPDATE, {**old, "code": {"text": "après"}}), Change.delete("Basic", "gone")], scope=Scope.all()
        )
        running = asyncio.create_task(all_of_it(database))
        while not await rows(
            database, b"select pid from pg_locks where not granted"
        ):  # it has read the old version, and waits for the row
            await asyncio.sleep(0.01)
            assert not running.done()
    await running
    assert (await found(database, "Basic", "_content", "avant"), await found(database, "Basic", "_content", "après")) == (
        [],
        ["b"],
    )
    assert await rows(database, b"select count(*) as n from words") == [{"n": 1}]
    assert await is_current(database)


async def test_writers_and_a_reindex_together_lose_nothing(database: Database) -> None:
    people = [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": "zero"}} for n in range(60)]
    await hold(database, *people)

    async def change(turn: int) -> None:
        for n in range(turn, 60, 3):
            await hold(database, {**people[n], "code": {"text": f"un{n}"}})

    await asyncio.gather(*(change(turn) for turn in range(3)), all_of_it(database, batch=7), all_of_it(database, batch=5))
    assert await found(database, "Basic", "_content", "zero") == []
    assert [await found(database, "Basic", "_content", f"un{n}") for n in range(60)] == [[f"b{n}"] for n in range(60)]


async def test_an_interrupted_run_goes_on_where_it_was(database: Database) -> None:
    await hold(database, *SAMPLE)
    await rows(database, AWAY)
    await rows(database, b"update indexing set rules = 'older'")
    broken = reindexing.reindex(database, batch=2)
    assert [(await anext(broken)).done, (await anext(broken)).done] == [2, 4]
    await broken.aclose()
    async with database.transaction() as conn:
        assert await reindexing.state(conn) == reindexing.Indexed(current=False, done=4)

    assert await all_of_it(database, batch=2) == [6]
    assert [await found(database, *one[:3]) for one in SEARCHES] == [[one[3]] for one in SEARCHES]
    async with database.transaction() as conn:
        assert await reindexing.state(conn) == reindexing.Indexed(current=True, done=None)


async def test_a_body_that_cannot_be_read_is_named_and_the_others_are_done(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await hold(database, *SAMPLE)
    await rows(database, AWAY)
    await rows(database, b"update indexing set rules = 'older'")
    broken = b"update res set body = replace(body, '%s', '%s') where body like '%%\"id\":\"%s\"%%'"
    await rows(database, broken % (b'"valueQuantity":{', b'"valueQuantity":[', b"o"))
    await rows(database, broken % (b'"resourceType"', b'"kind"', b"t"))

    assert [far async for far in reindexing.reindex(database, batch=4)] == [reindexing.Progress(4, 1), reindexing.Progress(6, 2)]
    said = capsys.readouterr().out
    assert [said.count(f"resource={name}") for name in ("Observation/o", "Task/t", "Location/l")] == [1, 1, 0]
    assert [await found(database, *one[:3]) for one in SEARCHES if one[0] not in ("Observation", "Task")] == [
        [one[3]] for one in SEARCHES if one[0] not in ("Observation", "Task")
    ]
    async with database.transaction() as conn:
        assert await reindexing.state(conn) == reindexing.Indexed(current=False, done=None, failed=2)

    await hold(database, SAMPLE[1], SAMPLE[2])
    assert await all_of_it(database) == [6]
    async with database.transaction() as conn:
        assert await reindexing.state(conn) == reindexing.Indexed(current=True, done=None, failed=0)


async def test_a_body_whose_rows_are_refused_is_named_and_the_others_are_done(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await hold(database, *SAMPLE)
    await rows(database, AWAY)
    await rows(database, b"update indexing set rules = 'older'")
    endless = ",".join(f'"{"x" * 300}{n}"' for n in range(5_000)).encode()
    spoilt = b"update res set body = replace(body, '%s', '%s') where body like '%%\"id\":\"%s\"%%'"
    await rows(database, spoilt % (b'"Zo\xc3\xa9"', endless, PATIENT.encode()))
    await rows(database, spoilt % (b'"Jeu"', rb'"\u0000"', b"v"))

    assert [far async for far in reindexing.reindex(database)] == [reindexing.Progress(6, 2)]
    said = capsys.readouterr().out
    assert [said.count(f"resource={name}") for name in (f"Patient/{PATIENT}", "ValueSet/v", "Task/t")] == [1, 1, 0]
    kept = [one for one in SEARCHES if one[0] != "Patient"]
    assert [await found(database, *one[:3]) for one in kept] == [[one[3]] for one in kept]
    async with database.transaction() as conn:
        assert await reindexing.state(conn) == reindexing.Indexed(current=False, done=None, failed=2)


async def test_what_is_left_is_counted_to_a_bound(database: Database) -> None:
    await hold(database, *SAMPLE)
    await rows(database, b"update indexing set rules = 'older'")
    async with database.transaction() as conn:
        assert (await reindexing.left(conn, most=4), await reindexing.left(conn, most=100)) == (4, 6)
    begun = reindexing.reindex(database, batch=4)
    await anext(begun)
    await begun.aclose()
    async with database.transaction() as conn:
        assert await reindexing.left(conn, most=100) == 2


async def test_other_rules_begin_anew(database: Database) -> None:
    await hold(database, *SAMPLE)
    await rows(
        database, b"update indexing set rules = 'older', running = 'older still', rt = 30000, id = gen_random_uuid(), done = 9"
    )
    assert await all_of_it(database) == [6]
    assert await is_current(database)


async def test_a_store_knows_by_which_rules_it_was_indexed(database: Database, dsn: str) -> None:
    assert await is_current(database)
    await hold(database, SAMPLE[0])
    assert await is_current(database)
    await rows(database, b"delete from indexing")
    assert not await is_current(database)
    await reindexing.note_rules(dsn)
    assert not await is_current(database), "what is stored already was indexed by rules that nobody knows"
    await rows(database, b"update indexing set rules = 'older'")
    assert not await is_current(database)


async def test_a_text_of_any_length_is_stored_and_its_beginning_found(database: Database) -> None:
    long = " ".join(f"mot{n}" for n in range(300_000))
    await hold(database, {"resourceType": "Basic", "id": "b", "code": {"text": long}})
    assert await found(database, "Basic", "_content", "mot17") == ["b"]
    assert await all_of_it(database) == [1]


async def test_large_resources_are_taken_few_at_a_time(database: Database) -> None:
    data = "AAAA" * 800_000
    await hold(
        database, *({"resourceType": "Binary", "id": f"b{n}", "contentType": "text/plain", "data": data} for n in range(4))
    )
    assert await all_of_it(database) == [3, 4]


async def test_code_that_finds_other_rows_is_of_another_edition(database: Database) -> None:
    """When this fails: raise `reindexing.EDITION` and note the digest under it, so that operators are told to reindex."""
    await hold(database, *SAMPLE)
    made = [sorted(str(tuple(row.values())) for row in await rows(database, statement)) for statement in INDEX]
    assert blake2b(repr(made).encode(), digest_size=8).hexdigest() == ROWS_OF_EDITION[reindexing.EDITION]
