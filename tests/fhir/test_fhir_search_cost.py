"""What a search by references costs: rows looked at, not time, and with statistics that lie."""

import re
from dataclasses import replace

import pytest
from msgspec import structs
from psycopg import AsyncClientCursor

from maillage.db import Connection, Database
from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, parse
from maillage.fhir.search.plan import plan
from maillage.fhir.search.statement import page
from maillage.fhir.store import Store
from tests.support.explaining import explained, looked_at

ALL = Scope.all()
STORE = Store()
ORGANISATIONS, SERVICES = 2_000, 3


def a_notice(n: int, to: str, status: str = "completed") -> Resource:
    return {
        "resourceType": "Communication",
        "id": f"{to}{n}",
        "status": status,
        "recipient": [{"reference": f"Practitioner/{to}"}],
    }


def an_organisation(n: int) -> Resource:
    return {"resourceType": "Organization", "id": f"o{n}", "name": f"n{n}", "type": [{"coding": [{"code": f"t{n % 40}"}]}]}


def a_service(n: int) -> Resource:
    return {"resourceType": "HealthcareService", "id": f"s{n}", "providedBy": {"reference": f"Organization/o{n % ORGANISATIONS}"}}


def an_observation(n: int, patients: int) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "s", "code": f"c{n % 5}"}]},
        "subject": {"reference": f"Patient/{n % patients}"},
        "effectiveDateTime": f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}T08:00:00Z",
        "valueQuantity": {"value": n % 100, "system": "http://unitsofmeasure.org", "code": "kg"},
    }


def records_of(*patients: str) -> Scope:
    """Rows in the records of these patients only, as `access` says it of somebody to whom they were given."""
    given = "unnest(%(access_mine)s::uuid[])"
    return Scope(
        f"(select true from {given} m where m = {{row}}.patient) is true",
        {"access_mine": [ids.key(patient) for patient in patients]},
        circle=f"select m.patient from {given} m(patient)",
    )


async def looked_at_by_a_kept_plan(conn: Connection, query: SearchQuery, scope: Scope) -> int:
    """How many rows the steps of a search by its first driver look at, planned without its values as the doors do."""
    planned = plan(query, circled=scope.circled(ids.number(query.kind)))
    statement = page(query, planned, planned.drivers[0], scope, None)
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement.text)))
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", statement.text)
    values = ", ".join(AsyncClientCursor(conn).mogrify("%s", [statement.params[name]]) for name in names)
    await conn.execute(f"prepare kept as {text}".encode())
    plans = await (await conn.execute(f"explain (analyze, format json) execute kept ({values})".encode())).fetchone()
    assert plans is not None
    return int(sum(looked_at(next(iter(plans.values()))[0]["Plan"])))


@pytest.mark.parametrize(
    "params",
    [
        [("recipient", "Practitioner/d")],
        [("recipient", "d")],
        [("recipient", "Practitioner/d,Practitioner/e"), ("status", "completed")],
        [("recipient", "Practitioner/d"), ("status:not", "in-progress")],
    ],
)
async def test_referrers_are_walked_once_whatever_the_statistics_say(database: Database, params: list[tuple[str, str]]) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, a_notice(0, "x"))], scope=ALL)
        await conn.execute(b"analyze res, refs, hot")
        await STORE.write(conn, [Change(Verb.PUT, a_notice(n, "d")) for n in range(800)], scope=ALL)
        await STORE.write(conn, [Change(Verb.PUT, a_notice(n, "f")) for n in range(2_500)], scope=ALL)
        seen, found = await explained(conn, "Communication", params)
        counted, _ = await explained(conn, "Communication", params, counting=True)
    assert found == 21
    assert seen < 15 * 800
    assert counted < 15 * 800


async def test_a_chain_that_matches_many_fills_its_page_from_the_order(database: Database) -> None:
    types = ",".join(f"t{n}" for n in range(11))
    async with database.transaction() as conn:
        await STORE.load(conn, [an_organisation(n) for n in range(ORGANISATIONS)])
        await STORE.load(conn, [a_service(n) for n in range(ORGANISATIONS * SERVICES)])
        for params in ([], [("_sort", "-_lastUpdated")], [("service-type:missing", "true")]):
            seen, found = await explained(conn, "HealthcareService", [("organization.type", types), *params])
            assert (found, seen < 12_000) == (21, True), (params, seen)
        seen, found = await explained(conn, "HealthcareService", [("organization.name", "n77")])
        assert (found, seen < 5_000) == (21, True), seen


PATIENTS, OBSERVATIONS = 400, 8_000


@pytest.mark.parametrize(
    "params",
    [
        [("code", "s|c1")],
        [("date", "ge2024-03-03"), ("date", "lt2024-08-01")],
        [("value-quantity", "gt1|http://unitsofmeasure.org|kg")],
        [("status", "final")],
        [("status", "final"), ("_sort", "-_lastUpdated")],
        [("patient.active", "true"), ("code", "s|c1")],
    ],
)
async def test_whoever_sees_few_records_asks_them_and_not_everyones(database: Database, params: list[tuple[str, str]]) -> None:
    async with database.transaction() as conn:
        await STORE.load(conn, [{"resourceType": "Patient", "id": str(n), "active": True} for n in range(PATIENTS)])
        await STORE.load(conn, [an_observation(n, PATIENTS) for n in range(OBSERVATIONS)])
        for scope in (records_of("11"), records_of("11", "12", "13")):
            seen, found = await explained(conn, "Observation", params, scope=scope)
            counted, total = await explained(conn, "Observation", params, scope=scope, counting=True)
            assert found == min(total, 21)
            assert seen < 3_000, params
            assert counted < 3_000, params


@pytest.mark.parametrize("value", ["gt5", "7", "7|http://unitsofmeasure.org|kg", "ne7"])
async def test_an_amount_that_many_have_fills_its_page_from_the_first_of_its_values(database: Database, value: str) -> None:
    async with database.transaction() as conn:
        await STORE.load(conn, [an_observation(n, PATIENTS) for n in range(OBSERVATIONS)])
        seen, found = await explained(conn, "Observation", [("value-quantity", value)])
        assert (found, seen < 400) == (21, True), (value, seen)


def a_person(n: int) -> Resource:
    return {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"Martin{n % 10}", "given": ["Camille"]}]}


@pytest.mark.parametrize("name", ["martin3", "camille"])
async def test_a_name_that_many_share_fills_its_page_from_the_order(database: Database, name: str) -> None:
    """They are neither all fetched, nor all looked up."""
    async with database.transaction() as conn:
        await STORE.load(conn, [a_person(n) for n in range(5_000)])
        await conn.execute(b"analyze res")
        seen, found = await explained(conn, "Patient", [("name", name)])
        again, _ = await explained(conn, "Patient", [("name", name), ("_sort", "-_lastUpdated")])
    assert (found, seen < 1_200, again < 1_200) == (21, True, True), (seen, again)


async def test_a_name_that_few_share_is_looked_up(database: Database) -> None:
    async with database.transaction() as conn:
        await STORE.load(conn, [a_person(n) for n in range(5_000)])
        await STORE.load(conn, [{"resourceType": "Patient", "id": f"d{n}", "name": [{"family": "Durand"}]} for n in range(30)])
        await conn.execute(b"analyze res")
        seen, found = await explained(conn, "Patient", [("name", "durand")])
    assert (found, seen < 200) == (21, True), seen


@pytest.mark.parametrize(
    "params", [[("code", "s|c1")], [("value-quantity", "gt1|http://unitsofmeasure.org|kg")], [("patient.active", "true")]]
)
async def test_whoever_sees_many_records_reads_as_many_as_fill_the_page(
    database: Database, params: list[tuple[str, str]]
) -> None:
    """However many others there are, whose records they do not see."""
    mine = [f"m{n}" for n in range(220)]
    async with database.transaction() as conn:
        await STORE.load(conn, [{"resourceType": "Patient", "id": id, "active": True} for id in (*mine, "0")])
        await STORE.load(conn, [an_observation(n, 1) for n in range(8_000)])
        later = {"effectiveDateTime": "2025-01-01T08:00:00Z"}
        await STORE.load(
            conn, [an_observation(n, 1) | later | {"subject": {"reference": f"Patient/{mine[n // 5]}"}} for n in range(1_100)]
        )
        scope = replace(records_of(*mine), text="{row}.patient = any(%(access_mine)s::uuid[])")
        seen, found = await explained(conn, "Observation", params, scope=scope)
    assert (found, seen < 1_200) == (21, True), seen


@pytest.mark.parametrize(
    "params", [[("code", "s|c1")], [("value-quantity", "gt50")], [("status", "final")], [("patient.name", "martin3")]]
)
@pytest.mark.parametrize("many", [4, 1_000])
async def test_records_are_read_to_their_end_in_steps_and_pages(
    database: Database, monkeypatch: pytest.MonkeyPatch, params: list[tuple[str, str]], many: int
) -> None:
    """Also where no step is long enough."""
    for name, value in (("RECORDS_AT_FIRST", 3), ("GLANCE", 5), ("RECORDS_AT_MOST", many)):
        monkeypatch.setattr(f"maillage.fhir.search.given.{name}", value)
    mine = [str(n) for n in range(0, 60, 4)]
    async with database.transaction() as conn:
        people = [a_person(n) | {"id": str(n)} for n in range(60)]
        await STORE.load(conn, [*people, *(an_observation(n, 60) | {"id": f"o{n}"} for n in range(600))])
        everyones = await found_by_pages(conn, params, ALL)
        found = await found_by_pages(conn, params, records_of(*mine))
    assert len(found) == len(set(found))
    assert set(found) == {id for id in everyones if str(int(id[1:]) % 60) in mine}


async def test_a_cursor_of_records_given_to_somebody_is_foreign_to_who_sees_all(database: Database) -> None:
    query = parse("Observation", [("code", "s|c1"), ("_count", "2")])
    async with database.transaction() as conn:
        await STORE.load(conn, [an_observation(n, 1) for n in range(50)])
        page = await STORE.search(conn, query, scope=records_of("0"))
        with pytest.raises(Invalid):
            await STORE.search(conn, structs.replace(query, cursor=page.next), scope=ALL)


async def found_by_pages(conn: Connection, params: list[tuple[str, str]], scope: Scope) -> list[str]:
    query, found = parse("Observation", [*params, ("_count", "7")]), list[str]()
    while True:
        page = await STORE.search(conn, query, scope=scope)
        found += [one["id"] for one in page.matches]
        if page.next is None:
            return found
        query = structs.replace(query, cursor=page.next)


async def test_what_was_written_since_is_read_from_there_on(database: Database) -> None:
    windows = [("ge2024-01-15",), ("lt2024-01-15",), ("ge2024-01-15", "lt2024-01-20")]
    async with database.transaction() as conn:
        await STORE.load(conn, [an_observation(n, PATIENTS) for n in range(OBSERVATIONS)])
        await conn.execute(b"update res set updated = '2024-01-01T00:00:00Z'::timestamptz + random() * interval '30 days'")
        await conn.execute(b"analyze res")
        for window in windows:
            seen, found = await explained(conn, "Observation", [("_lastUpdated", bound) for bound in window])
            assert (found, seen < 100) == (21, True), (window, seen)


async def test_a_window_of_the_main_date_is_read_from_its_beginning_to_its_page(database: Database) -> None:
    stays = [
        {"resourceType": "Encounter", "id": "stay", "status": "finished", "class": {"code": "IMP"}, "period": {"start": "2023-11-02", "end": "2024-03-05"}},
        {"resourceType": "Encounter", "id": "over", "status": "finished", "class": {"code": "IMP"}, "period": {"start": "2023-11-02", "end": "2024-01-05"}},
    ]  # fmt: skip
    async with database.transaction() as conn:
        await STORE.load(conn, [an_observation(n, PATIENTS) for n in range(OBSERVATIONS)])
        await STORE.load(conn, stays)
        for first, last in (("2024-03-01", "2024-06-01"), ("2023-12-01", "2024-12-01")):
            seen, found = await explained(conn, "Observation", [("date", f"ge{first}"), ("date", f"lt{last}")])
            assert (found, seen < 300) == (21, True), (first, seen)
        page = await STORE.search(conn, parse("Encounter", [("date", "ge2024-03-01"), ("date", "lt2024-03-02")]), scope=ALL)
        assert [one["id"] for one in page.matches] == ["stay"]


async def test_an_inbox_is_read_from_its_newest_to_its_page(database: Database) -> None:
    """By a key in the order of the date, with a criterion that the key does not answer."""
    asked = [("recipient", "Practitioner/gp"), ("status", "in-progress"), ("category", "s|n"), ("_sort", "-sent")]
    async with database.transaction() as conn:
        await STORE.load(conn, [a_notice(n, f"p{n % 9}", "in-progress") for n in range(9_000)])
        await STORE.load(
            conn,
            [
                a_notice(n, "gp", "in-progress")
                | {"sent": f"2024-01-{n % 28 + 1:02}T08:00:00Z", "subject": {"reference": "Patient/p"}}
                | {"category": [{"coding": [{"system": "s", "code": "n"}]}]}
                for n in range(1_000)
            ],
        )
        await conn.execute(b"analyze res; analyze hot")
        scope = replace(records_of("p"), circle=None)
        assert await looked_at_by_a_kept_plan(conn, parse("Communication", asked), scope) < 300


async def test_no_search_starts_further_processes_of_the_server(database: Database) -> None:
    for opened in (database.transaction, database.reading):
        async with opened() as conn:
            row = await (await conn.execute(b"show max_parallel_workers_per_gather")).fetchone()
            assert row == {"max_parallel_workers_per_gather": "0"}
