"""Chains, reverse chains and includes along canonicals: a URL leads to the resource that has it (R4 references.html#canonical)."""

import pytest

from maillage.db import Database
from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.change import Change, Resource
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse, parse_several
from maillage.fhir.store import Store
from tests.fhir.test_fhir_search import ALL, found, put, search

PLAN = "https://exemple.fr/PlanDefinition/follow-up"
PAIN, SLEEP = "https://exemple.fr/Questionnaire/pain", "https://exemple.fr/Questionnaire/sleep"


def questionnaire(id: str, url: str, version: str | None = None, **more: object) -> Resource:
    return {
        "resourceType": "Questionnaire",
        "id": id,
        "url": url,
        "status": "active",
        **({"version": version} if version else {}),
        **more,
    }


def response(id: str, canonical: str) -> Resource:
    return {"resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "questionnaire": canonical}


@pytest.fixture
async def answers(database: Database) -> Database:
    """Two versions of a questionnaire and another one; who answered which, by which canonical; one that nobody has here."""
    await put(
        database,
        questionnaire("pain1", PAIN, "1", title="Douleur, ancienne"), questionnaire("pain2", PAIN, "2", title="Douleur"),
        questionnaire("sleep", SLEEP, title="Sommeil"),
        {"resourceType": "PlanDefinition", "id": "plan", "url": PLAN, "status": "active", "title": "Suivi", "action": [{"definitionCanonical": f"{PAIN}|1"}]},
        {"resourceType": "ServiceRequest", "id": "asked", "status": "active", "intent": "order", "subject": {"reference": "Patient/p"}, "instantiatesCanonical": [PLAN]},
        response("any", PAIN), response("first", f"{PAIN}|1"), response("second", f"{PAIN}|2#part"), response("third", f"{PAIN}|3"),
        response("asleep", SLEEP), response("own", "Questionnaire/sleep"), response("far", "https://exemple.fr/Questionnaire/else"),
    )  # fmt: skip
    return database


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("questionnaire.title", "Douleur", {"any", "first", "second"}),
        ("questionnaire.title:exact", "Douleur", {"any", "second"}),
        ("questionnaire.version", "1", {"any", "first"}),
        ("questionnaire:Questionnaire.title", "Sommeil", {"asleep", "own"}),
        ("questionnaire.title", "Autre", set()),
    ],
)
async def test_a_chain_goes_by_url_and_version(answers: Database, name: str, value: str, wanted: set[str]) -> None:
    assert set(await found(answers, "QuestionnaireResponse", (name, value))) == wanted
    for more in (("status", "completed"), ("_sort", "_id"), ("_id", ",".join(sorted(wanted | {"far"})))):
        assert set(await found(answers, "QuestionnaireResponse", (name, value), more)) == wanted


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("_has:QuestionnaireResponse:questionnaire:status", "completed", {"pain1", "pain2", "sleep"}),
        ("_has:QuestionnaireResponse:questionnaire:_id", "first", {"pain1"}),
        ("_has:QuestionnaireResponse:questionnaire:_id", "any", {"pain1", "pain2"}),
        ("_has:PlanDefinition:definition:title", "Suivi", {"pain1"}),
        ("_has:PlanDefinition:definition:_has:ServiceRequest:instantiates-canonical:status", "active", {"pain1"}),
        ("_has:QuestionnaireResponse:questionnaire:_id", "far", set()),
    ],
)
async def test_a_reverse_chain_goes_back_the_same_way(answers: Database, name: str, value: str, wanted: set[str]) -> None:
    assert set(await found(answers, "Questionnaire", (name, value))) == wanted
    assert set(await found(answers, "Questionnaire", (name, value), ("status", "active"), ("_sort", "title"))) == wanted


@pytest.mark.parametrize(
    "include",
    ["QuestionnaireResponse:questionnaire", "QuestionnaireResponse:questionnaire:Questionnaire", "QuestionnaireResponse:*", "*"],
)
async def test_what_a_canonical_names_is_included(answers: Database, include: str) -> None:
    for id, names in (("any", {"pain1", "pain2"}), ("second", {"pain2"}), ("third", set()), ("own", {"sleep"})):
        page = await search(answers, "QuestionnaireResponse", [("_id", id), ("_include", include)])
        assert {one["id"] for one in page.included} == names, id


async def test_it_goes_on_round_after_round(answers: Database) -> None:
    includes = [("_include", "ServiceRequest:instantiates-canonical"), ("_include:iterate", "PlanDefinition:definition")]
    page = await search(answers, "ServiceRequest", [("_id", "asked"), *includes])
    assert {one["id"] for one in page.included} == {"plan", "pain1"}


@pytest.mark.parametrize(("title", "wanted"), [("Douleur", ["asked"]), ("Sommeil", [])])
async def test_a_chain_goes_several_steps(answers: Database, title: str, wanted: list[str]) -> None:
    chain = "instantiates-canonical:PlanDefinition.definition:Questionnaire.title"
    assert await found(answers, "ServiceRequest", (chain, title)) == wanted


@pytest.mark.parametrize("include", ["QuestionnaireResponse:questionnaire", "QuestionnaireResponse:*", "*"])
async def test_what_names_a_resource_is_included(answers: Database, include: str) -> None:
    page = await search(answers, "Questionnaire", [("_id", "pain1"), ("_revinclude", include)])
    assert {one["id"] for one in page.included} - {"plan"} == {"any", "first"}


async def test_nothing_beyond_the_scope_is_reached(answers: Database) -> None:
    scope = Scope("{rt} <> %(access_hidden)s", {"access_hidden": ids.number("Questionnaire")})
    assert await found(answers, "QuestionnaireResponse", ("questionnaire.title", "Douleur"), scope=scope) == []
    page = await search(answers, "QuestionnaireResponse", [("_id", "any"), ("_include", "*")], scope)
    assert (len(page.matches), page.included) == (1, [])


async def test_what_is_renamed_or_deleted_is_reached_no_more(answers: Database) -> None:
    await put(answers, questionnaire("pain1", "https://exemple.fr/Questionnaire/old", "1", title="Douleur, ancienne"))
    async with answers.transaction() as conn:
        await Store().write(conn, [Change.delete("Questionnaire", "sleep")], scope=ALL)
    assert set(await found(answers, "QuestionnaireResponse", ("questionnaire.status", "active"))) == {"any", "second"}


async def test_all_types_at_once(answers: Database) -> None:
    query = parse_several([("_type", "Questionnaire,QuestionnaireResponse"), ("_id", "first"), ("_include", "*")])
    async with answers.transaction() as conn:
        page = await Store().search(conn, query, scope=ALL)
    assert {one["id"] for one in page.included} == {"pain1"}


def test_a_chain_without_a_type_names_those_it_may_lead_to() -> None:
    assert parse("QuestionnaireResponse", [("questionnaire.title", "x")]).criteria


def test_a_chain_of_a_parameter_that_may_lead_anywhere_says_where() -> None:
    with pytest.raises(Invalid, match="say which one"):
        parse("RequestGroup", [("instantiates-canonical.title", "x")])
    assert parse("RequestGroup", [("instantiates-canonical:PlanDefinition.title", "x")]).criteria
    assert parse("PlanDefinition", [("_has:RequestGroup:instantiates-canonical:status", "active")]).criteria
