"""Search: what is asked for and how, pages, what is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from maillage.db import Database
from maillage.errors import Invalid
from maillage.fhir import definitions, feed, ids
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.compartment import home
from maillage.fhir.rows import label
from maillage.fhir.scope import Scope
from maillage.fhir.search import MAX_COUNT, parse, parse_several
from maillage.fhir.search.commons import Commons
from maillage.fhir.search.drivers import Drive
from maillage.fhir.search.plan import plan
from maillage.fhir.store import Page, Store

ALL = Scope.all()
STORE = Store()
Params = list[tuple[str, str]]


def a_patient(id: str, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": id, **more}


def an_observation(id: str, patient: str, at: str = "2024-01-01", code: str = "8867-4", **more: Any) -> Resource:
    coding = {"coding": [{"system": "http://loinc.org", "code": code}]}
    subject = {"reference": f"Patient/{patient}"}
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": coding,
        "subject": subject,
        "effectiveDateTime": at,
        **more,
    }


async def put(database: Database, *resources: Resource) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, resource) for resource in resources], scope=ALL)


async def search(database: Database, kind: str, params: Params, scope: Scope = ALL, *, lenient: bool = False) -> Page:
    async with database.transaction() as conn:
        return await STORE.search(conn, parse(kind, params, lenient=lenient), scope=scope)


async def found(database: Database, kind: str, *params: tuple[str, str], scope: Scope = ALL) -> list[str]:
    return [one["id"] for one in (await search(database, kind, list(params), scope)).matches]


def only(*patients: str) -> Scope:
    text = "(select true from unnest(%(access_patients)s::uuid[]) p where p = {row}.patient)"
    return Scope(text, {"access_patients": [ids.key(patient) for patient in patients]})


def test_every_type_of_the_definitions_has_a_number() -> None:
    assert set(definitions.resource_types()) <= set(ids.TYPES)
    assert len({ids.number(kind) for kind in ids.TYPES}) == len(ids.TYPES)


def test_every_reference_parameter_has_a_number_of_its_own() -> None:
    codes = [(kind, code) for kind in definitions.resource_types() for code in definitions.search_parameters(kind)]
    assert len({ids.edge(kind, code) for kind, code in codes}) == len(codes)


def test_the_parameters_of_a_home_name_one_element() -> None:
    for kind in definitions.resource_types():
        steps = {place["steps"][0] for code in home(kind) for place in definitions.search_parameters(kind)[code].places}
        assert len(steps) <= 1, (kind, steps)


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [
        ("Patient", "colour", "red", "birthdate, "),
        ("Patient", "family:near", "x", "exact, contains, missing"),
        ("Patient", "family:missing", "perhaps", "true, false"),
        ("Patient", "birthdate", "xx2020", "eq ne gt lt ge le sa eb ap"),
        ("Patient", "birthdate", "2020-13", "2020-13"),
        ("Patient", "birthdate", "yesterday", "yesterday"),
        ("Patient", "family", "", "missing"),
        ("Patient", "identifier", "a|b|c", "system|code"),
        ("Patient", "identifier", "|", "system|code"),
        ("Patient", "identifier", "a,,b", "empty"),
        ("Patient", "_id", "a/b", "not an id"),
        ("Patient", "_sort", "organization", "_id, _lastUpdated, active, address"),
        ("Patient", "_sort", "family,,given", "empty"),
        ("Patient", "_count", "-1", "whole number"),
        ("Patient", "_total", "roughly", "accurate"),
        ("Patient", "_summary", "true", "count"),
        ("Patient", "_include", "Patient:family", "no reference"),
        ("Patient", "_include", "Observation:subject", "begin at Patient"),
        ("Patient", "_include:recurse", "Patient:organization", "iterate"),
        ("Patient", "_include:iterate", "Patient", "Type:parameter"),
        ("Patient", "_revinclude:iterate", "Observation:encounter:Device", "no reference to Device"),
        ("Patient", "_revinclude", "Observation:encounter", "to Patient"),
        ("Patient", "_filter", "family", "an operator is expected"),
        ("Patient", "_filter", "family eq", "a value is expected"),
        ("Patient", "_filter", "family like x", "'like' is not one of eq, ne"),
        ("Patient", "_filter", "family eq x y", "'y' is not expected"),
        ("Patient", "_filter", 'family eq "x', "does not end"),
        ("Patient", "_filter", "(family eq x", "')' is expected"),
        ("Patient", "_filter", "(" * 30 + "family eq x" + ")" * 30, "within each other"),
        ("Patient", "_filter", "not family eq x", "'(' is expected"),
        ("Patient", "_filter", "colour eq x", "no search parameter colour"),
        ("Patient", "_filter", "family gt x", "compared by eq, ne, co, sw, ew, pr"),
        ("Patient", "_filter", "gender co x", "compared by eq, ne, pr"),
        ("Patient", "_filter", "gender ss x", "compared by eq, ne, pr"),
        ("Patient", "_filter", "birthdate sw 2", "eq, ne, gt, lt, ge, le, sa, eb, ap, po, pr"),
        ("Patient", "_filter", "birthdate eq x", "x"),
        ("Patient", "_filter", "family pr x", "true or false"),
        ("Patient", "_filter", "family[active eq true] eq x", "a path that goes on"),
        ("Patient", "_filter", "family.name eq x", "no reference"),
        ("Patient", "_filter", "link:Device.name eq x", "does not refer to Device"),
        ("Patient", "_filter", ".family eq x", "not the name"),
        ("Patient", "_list", "$current-problems", "by function"),
        ("Patient", "_list", "a b", "not an id"),
        ("Patient", "_text", "le de", "no word to search for"),
        ("Patient", "_has:Observation:encounter:code", "x", "does not refer"),
        ("Patient", "_has:Nothing:encounter:code", "x", "Nothing"),
        ("Patient", "family.name", "x", "no reference"),
        ("Patient", "link:Device.identifier", "x", "Device"),
        ("Patient", "general-practitioner.colour", "x", "colour"),
        ("Patient", "organization", "a b", "Type/id"),
        ("Patient", "organization:Practitioner", "x", "Practitioner"),
        ("Observation", "subject:Patient", "Group/x", "no Patient"),
        ("Patient", "phonetic", "-", "a letter in it"),
        ("Patient", "phonetic:exact", "x", "phonetic takes missing"),
        ("Patient", "_sort", "phonetic", "not by phonetic"),
        ("Observation", "code:in", "http://x", "terminology"),
        ("Observation", "code:below", "x", "terminology"),
        ("Patient", "gender:of-type", "s|c|v", "gender takes not, missing"),
        ("Patient", "active:text", "x", "active takes not, missing"),
        ("Patient", "identifier:of-type", "s|v", "system|code|value"),
        ("ValueSet", "url:below", "urn:oid:1.2", "URNs"),
        ("ValueSet", "url:above", "|http://acme.org/fhir", "URNs"),
        ("Task", "owner:below", "x", "Type/id"),
        ("Observation", "subject:below", "Patient/1", "part of each other"),
        ("Encounter", "patient:below", "Patient/1", "takes identifier, missing"),
        ("Patient", "link:Patient." * 13 + "family", "x", "steps"),
        ("Observation", "focus.identifier", "x", "focus:Type"),
    ],
)
def test_what_is_not_understood_is_refused_and_says_what_would_be(kind: str, name: str, value: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(kind, [("_id", "x"), (name, value)])
    assert says in refused.value.message
    assert [issue.expression for issue in refused.value.issues] == [name]


def test_a_lenient_search_says_what_it_left_out() -> None:
    query = parse("Patient", [("colour", "red"), ("family", "x")], lenient=True)
    assert [issue.expression for issue in query.issues] == ["colour"]
    assert query.applied == (("family", "x"),)


@pytest.mark.parametrize(
    ("kind", "params", "drive"),
    [
        ("Observation", [("_id", "x"), ("patient", "y")], Drive.ID),
        ("Observation", [("patient", "x"), ("code", "y"), ("_sort", "-date")], Drive.PATIENT),
        ("Observation", [("subject", "Patient/x")], Drive.PATIENT),
        ("Observation", [("subject", "x")], Drive.FEW),
        ("Observation", [("performer", "Practitioner/x"), ("code", "y"), ("status", "final")], Drive.FEW),
        ("Observation", [("code", "x"), ("date", "ge2024"), ("date", "lt2025")], Drive.HOT),
        ("Observation", [("code", "s|"), ("date", "2024")], Drive.FREE),
        ("Observation", [("code", "x")], Drive.HOT),
        ("Observation", [("code", "x"), ("status", "final")], Drive.FREE),
        ("Observation", [("code", "x"), ("status", "final"), ("date", "2024-05")], Drive.HOT),
        ("Observation", [("code", "x"), ("date", "2024"), ("_sort", "_lastUpdated")], Drive.FREE),
        ("Patient", [("family", "x"), ("birthdate", "1950-01-01")], Drive.DATE),
        ("Patient", [("family", "x"), ("birthdate", "1950")], Drive.FREE),
        ("Patient", [("identifier", "s|1"), ("family", "x")], Drive.UNIQUE),
        ("Patient", [("identifier:not", "s|1")], Drive.FREE),
        ("Patient", [("_has:Observation:patient:code", "x"), ("identifier", "y")], Drive.UNIQUE),
        ("Patient", [("_has:Observation:patient:code", "x"), ("family", "y")], Drive.WALK),
        ("Observation", [("subject:Patient.family", "x"), ("patient", "y")], Drive.PATIENT),
    ],
)
def test_a_search_of_a_known_shape_drives_one_index(kind: str, params: Params, drive: Drive) -> None:
    assert plan(parse(kind, params)).drive is drive


@pytest.mark.parametrize(
    ("having", "everyone", "given"),
    [
        (0, [Drive.FREE], [Drive.GIVEN, Drive.FEW, Drive.GIVEN, Drive.FREE]),
        (100, [Drive.FREE], [Drive.FREE]),
        (1_500, [Drive.FREE], [Drive.GIVEN, Drive.FREE]),
        (6_400, [Drive.WALK, Drive.FREE], [Drive.GIVEN, Drive.FREE]),
    ],
)
def test_a_name_is_looked_up_unless_so_many_have_it_that_a_walk_meets_enough_of_them(
    having: int, everyone: list[Drive], given: list[Drive]
) -> None:
    query = parse("Patient", [("name", "martin")])
    texts = (f"{label('Patient', 'name')}martin",) if having else ()
    common = Commons({ids.number("Patient"): 640_000}, texts, (having,) if having else ())
    assert [driver.drive for driver in plan(query, common=common).drivers] == everyone
    drivers = plan(query, circled=True, common=common).drivers
    assert [driver.drive for driver in drivers] == given
    assert drivers[0].records == {0: 500, 1_500: 200, 6_400: 5_000}.get(having, 0)


CODE, STABLE, TRIED = ("code", "s|x"), ("organization.identifier", "s|1"), ("general-practitioner:Practitioner.name", "martin")


@pytest.mark.parametrize(
    ("kind", "params", "steps"),
    [
        ("Observation", [CODE], [500, CODE, 5_000, Drive.WHOLE]),
        ("Patient", [TRIED], [500, TRIED, 5_000, Drive.WHOLE]),
        ("Patient", [STABLE], [STABLE, 500, 5_000, Drive.WHOLE]),
        ("Patient", [TRIED, STABLE], [STABLE, 500, TRIED, 5_000, Drive.WHOLE]),
        ("Patient", [TRIED, STABLE, ("family", "le")], [STABLE, 500, TRIED, ("family", "le"), 5_000, Drive.FREE]),
    ],
)
def test_records_given_are_looked_into_before_and_after_what_may_be_found_by_few(
    kind: str, params: Params, steps: list[int | tuple[str, str] | Drive]
) -> None:
    """By the number of records, and what stands between; only lists of one plan for all values come before any record."""
    found = [
        driver.records or (driver.answers if driver.drive is Drive.FEW else driver.drive)
        for driver in plan(parse(kind, params), circled=True).drivers
    ]
    assert found == [parse(kind, [step]).criteria if isinstance(step, tuple) else step for step in steps]


@pytest.mark.parametrize("base", ["http://here/fhir"])
async def test_references_are_found_however_they_are_written(database: Database, base: str) -> None:
    elsewhere = {"reference": "http://elsewhere/Practitioner/1"}
    by_number = {"identifier": {"system": "urn:rpps", "value": "10"}}
    resource = an_observation("o", "p", performer=[{"reference": "Practitioner/d/_history/3"}, elsewhere, by_number])
    await put(database, resource, an_observation("other", "q"))
    for name, value in [
        ("performer", "Practitioner/d"),
        ("performer", "d"),
        ("performer:Practitioner", "d"),
        ("performer", f"{base}/Practitioner/d"),
        ("performer", "Practitioner/d/_history/9"),
        ("performer", "http://elsewhere/Practitioner/1"),
        ("performer:identifier", "urn:rpps|10"),
        ("patient", "p"),
        ("subject", f"{base}/Patient/p"),
    ]:
        async with database.transaction() as conn:
            page = await STORE.search(conn, parse("Observation", [(name, value)], base=base), scope=ALL)
        assert [one["id"] for one in page.matches] == ["o"], (name, value)


@pytest.mark.parametrize(
    ("canonical", "name", "value", "finds"),
    [
        ("Library/x", "depends-on", "Library/x", True),
        ("Library/x", "depends-on", "http://here/fhir/Library/x", True),
        ("http://here/fhir/Library/x", "depends-on", "http://here/fhir/Library/x", True),
        ("Library/x|1.0", "depends-on", "Library/x|1.0", True),
        ("Library/x|1.0", "depends-on", "Library/x", True),
        ("Library/x|1.0", "depends-on", "Library/x|2.0", False),
        ("Library/x", "depends-on:Library", "x", True),
        ("Library/x", "depends-on:Library", "Library/x", True),
        ("Library/x", "depends-on:Measure", "x", False),
        ("Library/x", "depends-on", "Library/other", False),
        ("Library/x", "predecessor", "Library/x", False),
        ("Library/x", "depends-on", "x", True),
        ("Group/x|1.0", "depends-on", "nobody,x", True),
        ("Library/x", "depends-on", "other", False),
        ("Library/x", "predecessor", "x", False),
        ("http://elsewhere/Library/x", "depends-on", "x", False),
        ("x-before", "depends-on", "x-before", True),
        ("x-before", "depends-on:Library", "x-before", False),
        ("#x", "depends-on", "#x", True),
        ("http://elsewhere/Library/x", "depends-on", "http://elsewhere/Library/x", True),
        ("http://elsewhere/Library/x", "depends-on", "nobody,http://elsewhere/Library/x", True),
        ("http://elsewhere/Library/x", "depends-on", "Library/x", False),
    ],
)
async def test_a_canonical_is_found_as_it_stands(database: Database, canonical: str, name: str, value: str, finds: bool) -> None:
    related = [{"type": "depends-on", "resource": canonical}]
    await put(database, {"resourceType": "Measure", "id": "m", "status": "draft", "relatedArtifact": related})
    async with database.transaction() as conn:
        page = await STORE.search(conn, parse("Measure", [(name, value)], base="http://here/fhir"), scope=ALL)
    assert [one["id"] for one in page.matches] == (["m"] if finds else [])


async def test_a_canonical_to_one_type_is_found_by_id(database: Database) -> None:
    answers = {"resourceType": "QuestionnaireResponse", "id": "a", "status": "completed", "questionnaire": "Questionnaire/gcs"}
    await put(database, answers, answers | {"id": "b", "questionnaire": "http://elsewhere/Questionnaire/gcs"})
    assert await found(database, "QuestionnaireResponse", ("questionnaire", "gcs")) == ["a"]
    assert await found(database, "QuestionnaireResponse", ("questionnaire", "Questionnaire/gcs")) == ["a"]


async def test_a_canonical_without_named_targets_is_found_by_id(database: Database) -> None:
    group = {
        "resourceType": "RequestGroup",
        "id": "g",
        "status": "draft",
        "intent": "plan",
        "instantiatesCanonical": ["PlanDefinition/x"],
    }
    await put(database, group)
    assert await found(database, "RequestGroup", ("instantiates-canonical", "x")) == ["g"]
    assert await found(database, "RequestGroup", ("instantiates-canonical", "y")) == []


def test_ids_of_too_many_possible_types_are_refused() -> None:
    parse("Measure", [("depends-on", ",".join(f"x{i}" for i in range(60)))])
    with pytest.raises(Invalid, match="say which"):
        parse("Measure", [("depends-on", ",".join(f"x{i}" for i in range(70)))])


async def test_last_updated_is_searched_and_sorted_by(database: Database) -> None:
    for id in ("a", "b", "c"):
        await put(database, a_patient(id))
        await asyncio.sleep(0.002)  # an instant has whole milliseconds
    page = await search(database, "Patient", [("_sort", "-_lastUpdated")])
    assert [one["id"] for one in page.matches] == ["c", "b", "a"]
    middle = page.matches[1]["meta"]["lastUpdated"]
    assert await found(database, "Patient", ("_lastUpdated", middle)) == ["b"]
    assert await found(database, "Patient", ("_lastUpdated", f"gt{middle}")) == ["c"]
    assert await found(database, "Patient", ("_lastUpdated", f"lt{middle}")) == ["a"]
    assert len(await found(database, "Patient", ("_lastUpdated", f"ge{middle}"))) == 2


async def test_tags_profiles_and_security_labels_are_searched(database: Database) -> None:
    meta = {"tag": [{"system": "urn:t", "code": "x"}], "profile": ["http://p|1.0"], "security": [{"code": "R"}]}
    await put(database, a_patient("a", meta=meta), a_patient("b"))
    for name, value in [("_tag", "urn:t|x"), ("_profile", "http://p"), ("_profile", "http://p|1.0"), ("_security", "R")]:
        assert await found(database, "Patient", (name, value)) == ["a"], name
    assert await found(database, "Patient", ("_tag:missing", "true")) == ["b"]


async def test_commas_are_or_and_repetition_is_and(database: Database) -> None:
    await put(database, a_patient("a", name=[{"family": "x,y", "given": ["z"]}]), a_patient("b", name=[{"family": "x"}]))
    assert await found(database, "Patient", ("family", "x\\,y,nobody")) == ["a"]
    assert sorted(await found(database, "Patient", ("family", "nobody,x"))) == ["a", "b"]
    assert await found(database, "Patient", ("name", "x"), ("name", "z")) == ["a"]


async def test_around_a_date_widens_with_the_distance_from_now(database: Database) -> None:
    now = datetime.now(UTC)
    await put(database, an_observation("o", "p", (now - timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")))
    for days, expected in [(95, ["o"]), (120, [])]:
        day = (now - timedelta(days=days if days < 100 else 1000)).strftime("%Y-%m-%d")
        assert await found(database, "Observation", ("date", f"ap{day}")) == expected


async def test_pages_stay_stable_while_others_write(database: Database) -> None:
    await put(database, *(an_observation(f"o{i:03}", "p", f"2024-01-{i % 28 + 1:02}") for i in range(60)))
    for params in ([("patient", "p"), ("_sort", "-date")], [("code", "8867-4"), ("date", "ge2024")], [("status", "final")]):
        seen: list[str] = []
        cursor: str | None = None
        for step in range(30):
            more = [("_cursor", cursor)] if cursor else []
            page = await search(database, "Observation", [*params, ("_count", "7"), *more])
            seen += [one["id"] for one in page.matches if one["id"].startswith("o")]
            await put(database, an_observation(f"new-{len(seen)}-{step}", "p", f"2024-01-{step % 28 + 1:02}"))
            if not (cursor := page.next):
                break
        assert len(seen) == len(set(seen)) == 60, params


@pytest.mark.parametrize(
    "params",
    [
        [("code", "x")] * 101,
        [("_include", "Observation:subject")] * 101,
        [("code:not", "x,y," * 1000 + "z")],
        [("code", ",".join(["x" * 2_100] * 100))],
    ],
)
def test_a_search_that_one_request_makes_too_costly_is_refused(params: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as refused:
        parse("Observation", params, lenient=True)
    assert [issue.code for issue in refused.value.issues] == ["too-costly"]


async def test_a_cursor_of_another_search_is_refused(database: Database) -> None:
    await put(database, *(a_patient(f"p{i}") for i in range(3)))
    page = await search(database, "Patient", [("_count", "1")])
    assert page.next is not None
    for params in ([("_cursor", page.next), ("active", "true")], [("_cursor", "x" + page.next[1:])], [("_cursor", "é")]):
        with pytest.raises(Invalid, match="cursor"):
            await search(database, "Patient", params)


async def test_counts_without_a_page(database: Database) -> None:
    await put(database, *(a_patient(f"p{i}") for i in range(3)))
    for name, value in [("_summary", "count"), ("_count", "0")]:
        page = await search(database, "Patient", [(name, value)])
        assert (page.matches, page.total, page.next) == ([], 3, None)
    assert parse("Patient", [("_count", "999999")]).count == MAX_COUNT
    assert (await search(database, "Patient", [])).total is None


async def test_nothing_outside_the_scope_is_found_counted_chained_or_included(database: Database) -> None:
    await put(
        database,
        a_patient("mine", name=[{"family": "Martin"}]),
        a_patient("theirs", name=[{"family": "Martin"}]),
        an_observation("o1", "mine", performer=[{"reference": "Patient/theirs"}]),
        an_observation("o2", "theirs", performer=[{"reference": "Patient/mine"}]),
    )
    scope = only("mine")
    page = await search(
        database, "Patient", [("family", "martin"), ("_total", "accurate"), ("_revinclude", "Observation:performer")], scope
    )
    assert ([one["id"] for one in page.matches], page.included, page.total) == (["mine"], [], 1)
    page = await search(
        database, "Observation", [("_include", "Observation:performer"), ("_include", "Observation:subject")], scope
    )
    assert ([one["id"] for one in page.matches], [one["id"] for one in page.included]) == (["o1"], ["mine"])
    assert await found(database, "Observation", ("performer:Patient.family", "martin"), scope=scope) == []
    assert await found(database, "Patient", ("_has:Observation:performer:status", "final"), scope=scope) == []
    assert await found(database, "Observation", ("code", "8867-4"), ("date", "2024-01-01"), scope=scope) == ["o1"]
    assert await found(database, "Observation", ("_id", "o1,o2"), scope=scope) == ["o1"]
    async with database.transaction() as conn:
        whole = await STORE.compartment(conn, ["mine", "theirs"], {"Observation": 5, "Encounter": 1}, scope=scope)
    assert {kind: [one.id for one in rows] for kind, rows in whole.items()} == {"Observation": ["o1"], "Encounter": []}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('subject:Patient[gender eq male].family co "art"', ["o1"]),
        ('subject:Patient[gender eq female].family co "art"', []),
        ("subject:Patient[gender eq male] . family eq MARTIN", None),
        ("performer[family eq x or gender pr false].active eq true", ["o2"]),
        ("_id eq o1 or _id eq o2", ["o1", "o2"]),
        ("not(_id eq o1)", ["o2"]),
        ('code eq "http://loinc.org|8867-4" and date po 2024-01', ["o1", "o2"]),
        ("date gt 2024-01-01", ["o2"]),
        ("_lastUpdated gt 2020 and status pr true", ["o1", "o2"]),
    ],
)
async def test_a_filter_is_a_condition(database: Database, text: str, expected: list[str] | None) -> None:
    by = [{"reference": "Practitioner/d"}]
    await put(
        database,
        a_patient("p", gender="male", name=[{"family": "Martin"}]),
        {"resourceType": "Practitioner", "id": "d", "active": True},
        an_observation("o1", "p"),
        an_observation("o2", "q", at="2024-01-02", performer=by),
    )
    if expected is None:
        with pytest.raises(Invalid):
            await found(database, "Observation", ("_filter", text))
    else:
        assert sorted(await found(database, "Observation", ("_filter", text))) == expected


async def test_several_types_have_what_all_of_them_have(database: Database) -> None:
    for params, says in (
        ([("family", "x")], "family"),
        ([("_sort", "birthdate")], "_id, _lastUpdated"),
        ([("_type", "Patient,Nothing")], "Nothing"),
        ([("_type", "Patient"), ("_type", "Group")], "one list"),
        ([("_sort", "_id,_lastUpdated")], "one key"),
        ([("_include", "Observation:subject"), ("_type", "Patient,Group")], "begin at Patient, Group"),
        ([("_id", ",".join(["x"] * 200))], "too"),
    ):
        with pytest.raises(Invalid) as refused:
            parse_several(params)
        assert says in refused.value.message or says in refused.value.issues[0].code
    await put(
        database,
        a_patient("a", meta={"tag": [{"code": "x"}]}),
        an_observation("a", "a", meta={"tag": [{"code": "x"}]}),
        a_patient("b"),
    )
    async with database.transaction() as conn:
        page = await STORE.search(conn, parse_several([("_tag", "x"), ("_total", "accurate"), ("_revinclude", "*")]), scope=ALL)
    assert ([(one["resourceType"], one["id"]) for one in page.matches], page.total) == (
        [("Observation", "a"), ("Patient", "a")],
        2,
    )


@pytest.mark.parametrize(("owner", "kind"), [("Organization", "Observation"), ("Patient", "Organization"), ("Patient", "List;")])
def test_what_is_in_no_compartment_is_refused(owner: str, kind: str) -> None:
    with pytest.raises(Invalid):
        parse(kind, [], within=(owner, "x"))


async def test_a_compartment_holds_what_any_of_its_references_places_there(database: Database) -> None:
    by = {"performer": [{"reference": "Practitioner/d"}]}
    await put(database, a_patient("p"), a_patient("q"), {"resourceType": "Practitioner", "id": "d"})
    await put(database, an_observation("o1", "p", **by), an_observation("o2", "q", performer=[{"reference": "Patient/p"}]))
    async with database.transaction() as conn:
        for owner, kind, expected in (
            (("Patient", "p"), "Observation", ["o1", "o2"]),
            (("Patient", "p"), "Patient", ["p"]),
            (("Patient", "q"), "Observation", ["o2"]),
            (("Practitioner", "d"), "Observation", ["o1"]),
            (("Encounter", "p"), "Observation", []),
        ):
            page = await STORE.search(conn, parse(kind, [], within=owner), scope=ALL)
            assert sorted(one["id"] for one in page.matches) == expected, owner
        page = await STORE.search(conn, parse_several([], within=("Patient", "p")), scope=ALL)
        assert sorted(one["id"] for one in page.matches) == ["o1", "o2", "p"]
        page = await STORE.search(conn, parse_several([], within=("Patient", "p")), scope=only("p"))
        assert sorted(one["id"] for one in page.matches) == ["o1", "p"]


async def test_the_newest_of_a_record(database: Database) -> None:
    await put(
        database, *(an_observation(f"{patient}{day}", patient, f"2024-01-0{day}") for patient in "ab" for day in range(1, 6))
    )
    async with database.transaction() as conn:
        newest = await STORE.compartment(conn, ["a", "b"], {"Observation": 2}, scope=ALL)
    assert sorted(one.id for one in newest["Observation"]) == ["a4", "a5", "b4", "b5"]


async def test_the_feed_gives_every_write_once_and_none_behind_the_reader(database: Database) -> None:
    await put(database, a_patient("a"))
    async with database.transaction() as slow:
        await STORE.write(slow, [Change(Verb.PUT, a_patient("slow", active=True))], scope=ALL)
        await put(database, a_patient("b"))
        async with database.transaction() as conn:
            before = await feed.read(conn, feed.Place())
    assert [write.id for write in before] == ["a"]
    async with database.transaction() as conn:
        await STORE.write(conn, [Change.delete("Patient", "a")], scope=ALL)
    async with database.transaction() as conn:
        after = await feed.read(conn, before[-1].place)
    assert [(write.id, write.operation, write.version) for write in after] == [
        ("slow", "create", 1),
        ("b", "create", 1),
        ("a", "delete", 2),
    ]


@pytest.mark.parametrize("kind", ["Patient", "Organization"])
async def test_a_type_is_listed_in_pages(database: Database, kind: str) -> None:
    await put(database, *({"resourceType": kind, "id": f"x{i}"} for i in range(5)))
    first = await search(database, kind, [("_count", "3")])
    rest = await search(database, kind, [("_count", "3"), ("_cursor", first.next or "")])
    assert len({one["id"] for one in (*first.matches, *rest.matches)}) == 5
    assert rest.next is None
