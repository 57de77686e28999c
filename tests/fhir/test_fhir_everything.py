"""`$everything`: the whole record and what it names, whatever the filters, the pages and the scope."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from maillage.db import Database
from maillage.errors import Invalid, NotFound
from maillage.fhir import definitions, ids
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.dates import span
from maillage.fhir.index import index
from maillage.fhir.operations import everything
from maillage.fhir.operations.everything import Everything
from maillage.fhir.scope import Scope
from maillage.fhir.search import StoredPage
from maillage.fhir.store import Store

ALL = Scope.all()
STORE = Store()
BORN_ONLY = {"Patient", "RelatedPerson", "Person", "Practitioner"}


def to(reference: str) -> Resource:
    return {"reference": reference}


def an(kind: str, id: str, **more: Any) -> Resource:
    return {"resourceType": kind, "id": id, **more}


def an_observation(id: str, patient: str, at: str | None = None, **more: Any) -> Resource:
    dated = {"effectiveDateTime": at} if at else {}
    return an("Observation", id, status="final", code={"text": "x"}, subject=to(f"Patient/{patient}"), **dated, **more)


async def put(database: Database, *resources: Resource) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, resource) for resource in resources], scope=ALL)


async def pages(database: Database, wanted: Everything, scope: Scope = ALL) -> list[StoredPage]:
    found: list[StoredPage] = []
    cursor = None
    async with database.transaction() as conn:
        while not found or cursor:
            one = Everything(wanted.kind, wanted.id, wanted.types, wanted.since, wanted.care, wanted.count, cursor)
            found.append(await everything.everything(conn, one, scope=scope))
            cursor = found[-1].next
            assert len(found) < 200, "pages that never end"
    return found


def names(found: Sequence[StoredPage]) -> list[str]:
    return [f"{one.type}/{one.id}" for page in found for one in page.matches]


def beside(found: Sequence[StoredPage]) -> set[str]:
    return {f"{one.type}/{one.id}" for page in found for one in page.included}


async def test_the_record_comes_page_by_page_once_with_what_it_names(database: Database) -> None:
    await put(database, an("Practitioner", "d"), an("Patient", "p"), an("Patient", "q"), an_observation("x", "q"))
    await put(database, *(an_observation(f"o{i}", "p", f"2024-01-0{i + 1}", performer=[to("Practitioner/d")]) for i in range(5)))
    found = await pages(database, Everything("Patient", "p", count=2))
    assert sorted(names(found)) == sorted([*(f"Observation/o{i}" for i in range(5)), "Patient/p"])
    assert beside(found) == {"Practitioner/d"}
    assert [len(page.matches) for page in found] == [2, 2, 2]


async def test_what_concerns_several_patients_is_in_the_record_of_each(database: Database) -> None:
    both = [{"actor": to(f"Patient/{patient}"), "status": "accepted"} for patient in "pq"]
    await put(database, an("Patient", "p"), an("Patient", "q"), an("Appointment", "a", status="proposed", participant=both))
    for patient in "pq":
        assert names(await pages(database, Everything("Patient", patient, count=1))) == ["Appointment/a", f"Patient/{patient}"]
    assert names(await pages(database, Everything("Patient", "p", types=("Appointment",)))) == ["Appointment/a"]


async def test_types_that_stand_outside_of_records_are_found_through_them(database: Database) -> None:
    await put(
        database, an("Practitioner", "d"), an("Organization", "o"), an("Patient", "p", managingOrganization=to("Organization/o"))
    )
    await put(database, *(an_observation(f"o{i}", "p", performer=[to("Practitioner/d")]) for i in range(3)))
    found = await pages(database, Everything("Patient", "p", types=("Practitioner",), count=2))
    assert (names(found), beside(found)) == ([], {"Practitioner/d"})
    found = await pages(database, Everything("Patient", "p", types=("Patient",)))
    assert (names(found), beside(found)) == (["Patient/p"], set())


async def test_only_what_was_written_since_comes(database: Database) -> None:
    await put(database, an("Patient", "p"), an_observation("old", "p"))
    async with database.transaction() as conn:
        row = await (await conn.execute(b"select max(updated) + interval '1 millisecond' as since from res")).fetchone()
        await conn.execute(b"select pg_sleep(0.005)")
    await put(database, an_observation("new", "p"))
    assert row is not None
    assert names(await pages(database, Everything("Patient", "p", since=row["since"]))) == ["Observation/new"]


async def test_a_span_of_care_keeps_what_has_no_date_of_care(database: Database) -> None:
    await put(database, an("Patient", "p", birthDate="1950-02-03"), an_observation("undated", "p"))
    await put(database, *(an_observation(day, "p", f"2024-{day}") for day in ("01-31", "02-01", "02-29", "03-01")))
    care = (span("2024-02-01")[0], span("2024-02-29")[1])
    found = names(await pages(database, Everything("Patient", "p", care=care)))
    assert sorted(found) == ["Observation/02-01", "Observation/02-29", "Observation/undated", "Patient/p"]


async def test_an_encounter_comes_with_what_refers_to_it_and_what_that_names(database: Database) -> None:
    diagnosis = [{"condition": to("Condition/c")}]
    await put(database, an("Patient", "p"), an("Condition", "c", subject=to("Patient/p")), an("Practitioner", "d"))
    await put(
        database,
        an("Encounter", "e", status="finished", **{"class": {"code": "IMP"}}, subject=to("Patient/p"), diagnosis=diagnosis),
    )
    await put(
        database, *(an_observation(f"o{i}", "p", encounter=to("Encounter/e"), performer=[to("Practitioner/d")]) for i in range(3))
    )
    await put(database, an_observation("elsewhere", "p"))
    found = await pages(database, Everything("Encounter", "e", count=2))
    assert sorted(names(found)) == ["Encounter/e", "Observation/o0", "Observation/o1", "Observation/o2"]
    assert beside(found) == {"Condition/c", "Patient/p", "Practitioner/d"}
    found = await pages(database, Everything("Encounter", "e", types=("Observation", "Patient")))
    assert (len(names(found)), beside(found)) == (3, {"Patient/p"})


async def test_another_patient_named_by_the_record_stays_out(database: Database) -> None:
    await put(
        database, an("Patient", "mother"), an("Patient", "child", link=[{"other": to("Patient/mother"), "type": "seealso"}])
    )
    found = await pages(database, Everything("Patient", "child"))
    assert (names(found), beside(found)) == (["Patient/child"], set())


async def test_who_is_unknown_or_out_of_scope_is_not_found(database: Database) -> None:
    await put(
        database,
        an("Patient", "p"),
        an("Encounter", "e", status="planned", **{"class": {"code": "AMB"}}, subject=to("Patient/p")),
    )
    nobody = Scope("{row}.patient is null")
    for kind, id, scope in (("Patient", "x", ALL), ("Encounter", "x", ALL), ("Patient", "p", nobody), ("Encounter", "e", nobody)):
        with pytest.raises(NotFound):
            await pages(database, Everything(kind, id, types=("Observation",)), scope)


@pytest.mark.parametrize("cursor", ["", "x", "1~now~2", "1~2024-01-01~2", "9~-infinity"])
async def test_a_cursor_of_elsewhere_is_refused(database: Database, cursor: str) -> None:
    await put(database, an("Patient", "p"))
    async with database.transaction() as conn:
        if cursor:
            with pytest.raises(Invalid, match="_cursor"):
                await everything.everything(conn, Everything("Patient", "p", cursor=cursor), scope=ALL)
        else:
            assert (await everything.everything(conn, Everything("Patient", "p"), scope=ALL)).next is None


async def test_more_outside_of_the_record_than_a_page_holds_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything, "MAX_INCLUDED", 2)
    await put(database, *(an("Practitioner", f"d{i}") for i in range(3)))
    await put(
        database, an("Patient", "p"), *(an_observation(f"o{i}", "p", performer=[to(f"Practitioner/d{i}")]) for i in range(3))
    )
    page = (await pages(database, Everything("Patient", "p")))[0]
    assert len(page.included) == 2
    assert [issue.code for issue in page.issues] == ["too-costly"]


# Against a slow reading of the operation


def naive(resources: list[Resource], wanted: Everything) -> tuple[set[str], set[str]]:
    """The record and what it names, by looking at every resource."""
    rows = {f"{one['resourceType']}/{one['id']}": index(one) for one in resources}
    compartment = definitions.compartment()
    shared = {
        name
        for name, row in rows.items()
        if row.patient is None
        and any(
            code in compartment.get(row.type, ()) and (kind, id) == ("Patient", wanted.id) for code, kind, id in row.references
        )
    }
    record = {name for name, row in rows.items() if row.patient == wanted.id} | shared
    if wanted.care:
        begin, end = wanted.care
        record = {
            name
            for name in record
            if rows[name].type in BORN_ONLY or (date := rows[name].date) is None or (date[0] < end and date[1] > begin)
        }
    walked = record
    if wanted.types and not set(wanted.types) - {*compartment, "Patient"}:
        walked = {name for name in record if rows[name].type in wanted.types}
    named = {f"{kind}/{id}" for name in walked for _, kind, id in rows[name].references}
    outside = {name for name in named - record if name in rows and rows[name].patient is None}
    chosen = [{name for name in some if not wanted.types or rows[name].type in wanted.types} for some in (walked, outside)]
    return chosen[0], chosen[1]


def a_territory(r: random.Random) -> list[Resource]:
    patients = [
        an("Patient", f"p{i}", managingOrganization=to(f"Organization/o{r.randrange(3)}"), birthDate="1960") for i in range(3)
    ]
    directory = [an(kind, f"{letter}{i}") for kind, letter in (("Practitioner", "d"), ("Organization", "o")) for i in range(3)]
    encounters = [
        an("Encounter", f"e{i}", status="finished", **{"class": {"code": "IMP"}}, subject=to(f"Patient/p{r.randrange(3)}"),
           serviceProvider=to(f"Organization/o{r.randrange(3)}"), period={"start": f"2024-0{r.randint(1, 9)}-01"})
        for i in range(6)
    ]  # fmt: skip
    observations = [
        an_observation(f"b{i}", f"p{r.randrange(3)}", r.choice([None, f"2024-0{r.randint(1, 9)}-{r.randint(10, 28)}"]),
                       performer=[to(f"Practitioner/d{r.randrange(4)}")])
        for i in range(25)
    ]  # fmt: skip
    appointments = [
        an("Appointment", f"a{i}", status="proposed", start=f"2024-0{r.randint(1, 9)}-05T10:00:00Z", end="2024-12-01T10:00:00Z",
           participant=[{"actor": to(f"Patient/p{n}"), "status": "accepted"} for n in r.sample(range(3), r.randint(1, 3))])
        for i in range(6)
    ]  # fmt: skip
    return [*patients, *directory, *encounters, *observations, *appointments]


@pytest.mark.parametrize("seed", range(4))
async def test_a_slow_reading_finds_the_same(database: Database, seed: int) -> None:
    r = random.Random(seed)
    resources = a_territory(r)
    await put(database, *resources)
    kinds = ["Observation", "Encounter", "Patient", "Appointment", "Practitioner", "Organization"]
    for _ in range(25):
        months = sorted(r.sample(range(1, 10), 2))
        care = r.choice([None, (datetime(2024, months[0], 1, tzinfo=UTC), datetime(2024, months[1], 1, tzinfo=UTC))])
        types = tuple(r.sample(kinds, r.choice([0, 0, 1, 2])))
        wanted = Everything("Patient", f"p{r.randrange(3)}", types, None, care, r.choice([1, 2, 3, 7, 100]))
        found = await pages(database, wanted)
        assert len(names(found)) == len(set(names(found)))
        assert (set(names(found)), beside(found)) == naive(resources, wanted), wanted


async def test_a_page_of_a_long_record_walks_no_more_than_the_page(database: Database) -> None:
    await put(database, an("Patient", "p"), *(an_observation(f"o{i}", "p", f"2020-01-{i % 28 + 1:02d}") for i in range(3_000)))
    async with database.transaction() as conn:
        await conn.execute(b"analyze res, refs")
        parameters = everything._parameters(Everything("Patient", "p", count=20))
        text = b"explain (analyze, format json) " + everything._statement("whole", ALL)
        row = await (await conn.execute(text, parameters)).fetchone()
    assert row is not None
    assert max(walked(row["QUERY PLAN"][0]["Plan"])) <= 30
    assert ids.number("Patient") == parameters["patient_type"]


def walked(node: dict[str, Any]) -> list[float]:
    """How many rows each step of a plan gave or threw away."""
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return [own, *(rows for below in node.get("Plans", ()) for rows in walked(below))]
