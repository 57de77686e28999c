"""The store: what is written is read back, versions are kept, writers do not overwrite each other."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from maillage.db import Database, count_statements
from maillage.errors import Conflict, Forbidden, Gone, Invalid, NotFound, PreconditionFailed
from maillage.fhir import ids, json
from maillage.fhir.change import Change, Operation, Verb
from maillage.fhir.past import Past
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

ALL = Scope.all()
NOBODY = Scope("false")
STORE = Store()
Resource = dict[str, Any]


def only(patient: str) -> Scope:
    """The scope of someone who may see one patient and what belongs to no patient."""
    return Scope("({row}.patient is null or {row}.patient = %(access_patient)s)", {"access_patient": ids.key(patient)})


def a_patient(family: str = "Martin", **more: Any) -> Resource:
    return {"resourceType": "Patient", "name": [{"family": family}], **more}


def an_observation(patient: str, **more: Any) -> Resource:
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


def create(resource: Resource) -> Change:
    return Change(Verb.CREATE, resource)


def put(resource: Resource, expected: int | None = None) -> Change:
    return Change(Verb.PUT, resource, expected)


def update(resource: Resource, expected: int | None = None) -> Change:
    return Change(Verb.UPDATE, resource, expected)


async def write(database: Database, *changes: Change, scope: Scope = ALL) -> list[Resource]:
    async with database.transaction() as conn:
        return await STORE.write(conn, changes, scope=scope)


async def found(database: Database, kind: str, scope: Scope = ALL, **params: str) -> list[str]:
    async with database.transaction() as conn:
        query = parse(kind, [(name.replace("__", ":"), value) for name, value in params.items()])
        return sorted(one["id"] for one in (await STORE.search(conn, query, scope=scope)).matches)


async def test_a_created_resource_gets_an_id_a_version_and_a_time(database: Database) -> None:
    [written] = await write(database, create(a_patient()))
    async with database.transaction() as conn:
        assert await STORE.read(conn, "Patient", written["id"], scope=ALL) == written
    assert written["meta"]["versionId"] == "1"
    assert written["meta"]["lastUpdated"].endswith("Z")


async def test_decimals_keep_their_digits(database: Database) -> None:
    text = b'{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.00},"referenceRange":[{"low":{"value":0.10}}]}'
    await write(database, put(json.loads(text)))
    async with database.transaction() as conn:
        stored = await STORE.read_raw(conn, "Observation", "o", scope=ALL)
    assert stored.body is not None
    assert b'"value":1.00}' in stored.body
    assert stored.resource["referenceRange"][0]["low"]["value"].as_tuple() == Decimal("0.10").as_tuple()


async def test_what_write_answers_is_what_is_read(database: Database) -> None:
    resource = a_patient("L'Haÿ \"\\ \n", meta={"tag": [{"code": "x"}], "versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z"})
    async with database.transaction() as conn:
        [stored] = await STORE.write_raw(conn, [create(resource)], scope=ALL)
        read = await STORE.read_raw(conn, "Patient", stored.id, scope=ALL)
    assert (read.body, read.version, read.updated, read.patient) == (stored.body, 1, stored.updated, ids.key(stored.id))
    assert stored.operation is Operation.CREATE


@pytest.mark.parametrize("id", ["abc", "A.b-C", "0F9B4A0E-5C7B-4F6A-9A52-3F1A0A1D2C3B", "x" * 64, str(ids.key("abc"))])
async def test_any_legal_id_of_a_client_works_and_none_meets_another(database: Database, id: str) -> None:
    await write(
        database, put(a_patient("one", id=id)), put(a_patient("other", id="other")), put({"resourceType": "Basic", "id": id})
    )
    async with database.transaction() as conn:
        read = await STORE.read(conn, "Patient", id, scope=ALL)
        assert (read["id"], read["name"][0]["family"]) == (id, "one")
        with pytest.raises(NotFound):
            await STORE.read(conn, "Patient", str(ids.key(id) if ids.key(id).int >> 76 & 0xF == 8 else id.upper()), scope=ALL)
    assert await found(database, "Patient", _id=id) == [id]


@pytest.mark.parametrize("id", ["", "a b", "x" * 65, "é", "a/b", None, 7])
async def test_an_illegal_id_is_refused(database: Database, id: Any) -> None:
    with pytest.raises(Invalid):
        await write(database, put(a_patient(id=id)))


async def test_an_update_keeps_the_version_before(database: Database) -> None:
    [first] = await write(database, create(a_patient("Martin")))
    [second] = await write(database, update({**first, "name": [{"family": "Durand"}]}, expected=1))
    async with database.transaction() as conn:
        assert await STORE.vread(conn, "Patient", first["id"], 1, scope=ALL) == first
        assert await STORE.vread(conn, "Patient", first["id"], 2, scope=ALL) == second
        assert await STORE.read(conn, "Patient", first["id"], scope=ALL) == second
        with pytest.raises(NotFound):
            await STORE.vread(conn, "Patient", first["id"], 3, scope=ALL)


async def test_a_deleted_resource_is_gone_but_its_versions_stay(database: Database) -> None:
    await write(database, put(a_patient(id="p")))
    await write(database, Change.delete("Patient", "p"))
    async with database.transaction() as conn:
        with pytest.raises(Gone):
            await STORE.read(conn, "Patient", "p", scope=ALL)
        with pytest.raises(Gone):
            await STORE.vread(conn, "Patient", "p", 2, scope=ALL)
        assert (await STORE.vread(conn, "Patient", "p", 1, scope=ALL))["name"] == [{"family": "Martin"}]
    assert await found(database, "Patient") == []


async def test_more_text_to_be_found_by_than_can_be_kept_is_refused(database: Database) -> None:
    names = [{"family": f"{n:05}" + "".join(chr(97 + (n * k) % 26) for k in range(390))} for n in range(4_000)]
    with pytest.raises(Invalid, match="longer"):
        async with database.transaction() as conn:
            await STORE.write(conn, [Change(Verb.CREATE, {"resourceType": "Patient", "id": "p", "name": names})], scope=ALL)


async def test_a_deleted_id_goes_on_counting_when_it_is_written_again(database: Database) -> None:
    await write(database, put(a_patient(id="p")))
    await write(database, Change.delete("Patient", "p"))
    [again] = await write(database, put(a_patient("Durand", id="p")))
    async with database.transaction() as conn:
        page = await STORE.history(conn, kind="Patient", id="p", scope=ALL, past=Past(total=True))
    assert again["meta"]["versionId"] == "3"
    assert [(one.version, one.operation) for one in page.versions] == [(3, "create"), (2, "delete"), (1, "create")]
    assert page.total == 3


async def test_the_second_of_two_writers_of_one_version_is_refused(database: Database) -> None:
    [read] = await write(database, create(a_patient()))

    async def rename(family: str) -> str:
        try:
            await write(database, update({**read, "name": [{"family": family}]}, expected=1))
        except PreconditionFailed:
            return "refused"
        return family

    outcomes = await asyncio.gather(*(rename(f"writer {i}") for i in range(6)))
    winners = [outcome for outcome in outcomes if outcome != "refused"]
    assert len(winners) == 1
    async with database.transaction() as conn:
        assert (await STORE.read(conn, "Patient", read["id"], scope=ALL))["name"] == [{"family": winners[0]}]


async def test_a_writer_who_waited_for_another_writes_over_what_that_one_left(database: Database) -> None:
    [read] = await write(database, create(a_patient()))
    await asyncio.gather(*(write(database, update({**read, "name": [{"family": f"writer {i}"}]})) for i in range(6)))
    async with database.transaction() as conn:
        page = await STORE.history(conn, kind="Patient", id=read["id"], scope=ALL)
    assert [one.version for one in page.versions] == [7, 6, 5, 4, 3, 2, 1]
    assert len({one.body for one in page.versions}) == 7


async def test_the_indexes_of_a_row_are_those_of_its_last_writer(database: Database) -> None:
    await write(database, put(a_patient(id="p")), put(an_observation("p", id="o")))

    def from_doctor(number: int) -> Change:
        performer = [{"reference": f"Practitioner/{number}"}]
        return put(an_observation("p", id="o", performer=performer, valueDateTime=f"20{number}", effectiveDateTime=f"20{number}"))

    await asyncio.gather(*(write(database, from_doctor(number)) for number in range(10, 20)))
    async with database.transaction() as conn:
        last = (await STORE.read(conn, "Observation", "o", scope=ALL))["valueDateTime"]
    for number in range(10, 20):
        for search in (
            {"performer": f"Practitioner/{number}"},
            {"value-date": f"20{number}"},
            {"code": "8867-4", "date": f"20{number}"},
        ):
            assert await found(database, "Observation", **search) == (["o"] if last == f"20{number}" else []), (number, search)
    async with database.transaction() as conn:
        for table, rows in (("refs", 1), ("hot", 3)):
            assert await (await conn.execute(f"select count(*) as n from {table}".encode())).fetchone() == {"n": rows}, table


async def test_of_two_writers_who_create_one_id_one_is_refused(database: Database) -> None:
    outcomes = await asyncio.gather(*(write(database, create(a_patient(id="p"))) for _ in range(4)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Conflict", "Conflict", "list"]


async def test_an_update_of_what_does_not_exist_is_refused(database: Database) -> None:
    for change in (update(a_patient(id="p")), Change.delete("Patient", "p")):
        with pytest.raises(NotFound):
            await write(database, change)


async def test_a_write_with_one_lost_row_writes_nothing(database: Database) -> None:
    [one] = await write(database, put(a_patient(id="one")))
    async with database.transaction() as conn:
        with pytest.raises(PreconditionFailed) as refused:
            await STORE.write(
                conn, [put(a_patient("new", id="two")), update({**one, "name": [{"family": "x"}]}, expected=9)], scope=ALL
            )
    assert refused.value.issues[0].expression == "change[1]"
    assert await found(database, "Patient") == ["one"]
    assert await found(database, "Patient", family="x") == []


async def test_a_text_that_the_database_cannot_hold_is_refused(database: Database) -> None:
    with pytest.raises(Invalid, match=r"U\+0000"):
        await write(database, create(a_patient("a\0b")))


async def test_one_resource_may_not_be_changed_twice_in_one_write(database: Database) -> None:
    with pytest.raises(Conflict):
        await write(database, put(a_patient(id="p")), Change.delete("Patient", "p"))


async def test_creations_updates_and_deletions_go_in_one_write(database: Database) -> None:
    await write(database, put(a_patient("Martin", id="changed")), put(a_patient("Durand", id="deleted")))
    outcomes = await write(
        database,
        Change.delete("Patient", "deleted"),
        update(a_patient("Petit", id="changed")),
        create(a_patient("Petit", id="new")),
    )
    assert [one["meta"]["versionId"] for one in outcomes] == ["2", "2", "1"]
    assert await found(database, "Patient", family="petit") == ["changed", "new"]
    assert await found(database, "Patient") == ["changed", "new"]


async def test_an_update_moves_every_index(database: Database) -> None:
    await write(database, put(a_patient(id="p")), put(a_patient(id="q")))
    old = {"performer": [{"reference": "Practitioner/a"}], "effectiveDateTime": "2024-01-01", "valueDateTime": "2020-01-01"}
    new = {"performer": [{"reference": "Practitioner/b"}], "effectiveDateTime": "2025-01-01", "valueDateTime": "2021-01-01"}
    searches = [
        ({"patient": "p"}, {"patient": "q"}),
        ({"performer": "Practitioner/a"}, {"performer": "Practitioner/b"}),
        ({"date": "2024-01-01"}, {"date": "2025-01-01"}),
        ({"code": "8867-4", "date": "2024"}, {"code": "8867-4", "date": "2025"}),
        ({"value-date": "2020"}, {"value-date": "2021"}),
    ]
    await write(database, put(an_observation("p", id="o", **old)))
    for before, after in searches:
        assert (await found(database, "Observation", **before), await found(database, "Observation", **after)) == (["o"], []), (
            before
        )
    await write(database, put(an_observation("q", id="o", **new)))
    for before, after in searches:
        assert (await found(database, "Observation", **before), await found(database, "Observation", **after)) == ([], ["o"]), (
            before
        )
    await write(database, Change.delete("Observation", "o"))
    async with database.transaction() as conn:
        for table in ("hot", "refs"):
            rows = await (await conn.execute(f"select count(*) as n from {table}".encode())).fetchone()
            assert rows == {"n": 0}, table


async def test_a_row_outside_the_scope_is_neither_read_nor_written(database: Database) -> None:
    await write(database, put(a_patient(id="mine")), put(a_patient(id="theirs")), put(an_observation("theirs", id="o")))
    scope = only("mine")
    async with database.transaction() as conn:
        for read in (
            STORE.read(conn, "Patient", "theirs", scope=scope),
            STORE.vread(conn, "Patient", "theirs", 1, scope=scope),
            STORE.history(conn, kind="Patient", id="theirs", scope=scope),
        ):
            with pytest.raises(NotFound):
                await read
        assert {one.id for one in (await STORE.history(conn, scope=scope)).versions} == {"mine"}
    for change in (update(a_patient(id="theirs")), put(a_patient(id="theirs")), Change.delete("Observation", "o")):
        with pytest.raises(NotFound):
            await write(database, change, scope=scope)


async def test_a_row_may_not_be_taken_from_or_given_to_a_patient_outside_the_scope(database: Database) -> None:
    await write(database, put(a_patient(id="mine")), put(a_patient(id="theirs")), put(an_observation("theirs", id="o")))
    with pytest.raises(NotFound):
        await write(database, put(an_observation("mine", id="o")), scope=only("mine"))
    with pytest.raises(Forbidden):
        await write(database, create(an_observation("theirs")), scope=only("mine"))
    await write(database, put(an_observation("mine", id="o2")), scope=only("mine"))
    with pytest.raises(Forbidden):
        await write(database, put(an_observation("theirs", id="o2")), scope=only("mine"))


async def test_a_new_patient_opens_its_compartment_for_the_same_write(database: Database) -> None:
    await write(database, put(a_patient(id="new")), put(an_observation("new", id="o")), scope=NOBODY)
    assert await found(database, "Observation", patient="new") == ["o"]
    with pytest.raises((NotFound, Forbidden)):
        await write(database, put(a_patient(id="new")), put(an_observation("new", id="o3")), scope=NOBODY)


async def test_a_deleted_resource_outside_the_scope_is_not_even_gone(database: Database) -> None:
    await write(database, put(a_patient(id="theirs")))
    await write(database, Change.delete("Patient", "theirs"))
    async with database.transaction() as conn:
        with pytest.raises(NotFound):
            await STORE.read(conn, "Patient", "theirs", scope=only("mine"))
        assert (await STORE.history(conn, scope=only("mine"))).versions == []


async def test_an_old_version_of_another_patients_record_stays_closed(database: Database) -> None:
    await write(database, put(a_patient(id="mine")), put(a_patient(id="theirs")), put(an_observation("theirs", id="o")))
    await write(database, put(an_observation("mine", id="o")))
    async with database.transaction() as conn:
        page = await STORE.history(conn, kind="Observation", id="o", scope=only("mine"), past=Past(total=True))
        with pytest.raises(NotFound):
            await STORE.vread(conn, "Observation", "o", 1, scope=only("mine"))
    assert ([one.version for one in page.versions], page.total) == ([2], 1)


@pytest.mark.parametrize("which", [{}, {"kind": "Patient"}, {"kind": "Patient", "id": "p"}])
async def test_history_comes_in_pages(database: Database, which: dict[str, str]) -> None:
    for i in range(5):
        await write(database, put(a_patient(f"name {i}", id="p")))
    async with database.transaction() as conn:
        seen, cursor = [], None
        while True:
            page = await STORE.history(conn, **which, scope=ALL, past=Past(count=2, cursor=cursor))  # type: ignore[arg-type]  # kind and id only
            seen += [one.version for one in page.versions]
            if not (cursor := page.next):
                break
    assert seen == [5, 4, 3, 2, 1]


async def test_the_histories_of_several_come_at_once_and_within_the_scope(database: Database) -> None:
    await write(database, put(a_patient(id="mine")), put(a_patient(id="theirs")), put(an_observation("theirs", id="o")))
    await write(database, put(an_observation("mine", id="o")))
    await write(database, put(a_patient("again", id="mine")))
    names = [("Observation", "o"), ("Patient", "mine"), ("Patient", "theirs"), ("Patient", "unknown")]
    async with database.transaction() as conn:
        with count_statements() as counted:
            found = await STORE.histories(conn, names, count=1, scope=only("mine"))
        every = await STORE.histories(conn, names, count=9, scope=ALL)
    assert counted.statements == 1
    assert [(one.type, one.id, one.version) for one in found] == [("Observation", "o", 2), ("Patient", "mine", 2)]
    assert [(one.id, one.version) for one in every] == [("o", 2), ("o", 1), ("mine", 2), ("mine", 1), ("theirs", 1)]


async def test_bulk_loaded_resources_are_like_written_ones(database: Database) -> None:
    loaded = [a_patient("L'Haÿ \\ \t", id="p"), an_observation("p", id="o", effectiveDateTime="2024-01-01", valueString="a\nb")]
    async with database.transaction() as conn:
        assert await STORE.load(conn, loaded) == 2
        bulk = (await STORE.read_raw(conn, "Patient", "p", scope=ALL)).resource
    await write(database, update(bulk, expected=1), put(an_observation("p", id="o", valueString="a")))
    async with database.transaction() as conn:
        assert (await STORE.read(conn, "Patient", "p", scope=ALL))["name"] == loaded[0]["name"]
        assert (await STORE.vread(conn, "Observation", "o", 1, scope=ALL))["valueString"] == "a\nb"
    assert await found(database, "Patient", family="l'hay") == ["p"]
    assert await found(database, "Observation", code="8867-4", date="2024") == []
    with pytest.raises(Conflict):
        async with database.transaction() as conn:
            await STORE.load(conn, loaded)
