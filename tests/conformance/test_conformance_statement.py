"""What the server says of itself, held to what it answers: the statement and the definitions that it names."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.audit_search import SEARCHED
from maillage.fhir import ids
from maillage.fhir.definitions import resource_types
from maillage.fhir.search import parse, searchable
from maillage.fhir.validation import validate
from maillage.http.fhir.definitions import parameter_id, search_parameter
from tests.conformance.test_conformance_door import BASE, app, machine, send, told

__all__ = ["app", "machine"]

Resource = dict[str, Any]

# R4 http.html#summary: the address of each interaction that a statement may name.
INTERACTIONS = {
    "transaction": {("POST", "")},
    "batch": {("POST", "/")},
    "search-system": {("GET", ""), ("GET", "/"), ("POST", "/_search")},
    "history-system": {("GET", "/_history")},
    "create": {("POST", "/{kind}")},
    "search-type": {("GET", "/{kind}"), ("POST", "/{kind}/_search")},
    "history-type": {("GET", "/{kind}/_history")},
    "read": {("GET", "/{kind}/{id}")},
    "update": {("PUT", "/{kind}/{id}")},
    "patch": {("PATCH", "/{kind}/{id}"), ("PATCH", "/{kind}")},
    "delete": {("DELETE", "/{kind}/{id}")},
    "history-instance": {("GET", "/{kind}/{id}/_history")},
    "vread": {("GET", "/{kind}/{id}/_history/{version}")},
}
CONDITIONAL = {"conditionalUpdate": ("PUT", "/{kind}"), "conditionalDelete": ("DELETE", "/{kind}")}
IN_COMPARTMENT = {("GET", "/{kind}/{id}/{member}"), ("POST", "/{kind}/{id}/{member}/_search")}
OUTSIDE = {("GET", "/metadata")}
NOTHING = {("POST", "/{kind}/{id}"), *((method, "/{kind}/{id}/{member}") for method in ("POST", "PUT", "PATCH", "DELETE"))}
"""Answers 404 or 405, and tells which operations there are."""


@pytest.fixture
async def statement(machine: httpx.AsyncClient) -> Resource:
    found: Resource = (await send(machine, "GET", "/metadata")).json()
    validate(found)
    return found


async def operations(machine: httpx.AsyncClient, statement: Resource) -> list[Resource]:
    """The OperationDefinitions that the statement names, read where it says."""
    urls = {one["definition"] for resource in statement["rest"][0]["resource"] for one in resource.get("operation", ())}
    found = [(await send(machine, "GET", url.removeprefix(BASE))).json() for url in sorted(urls)]
    for one in found:
        validate(one)
        assert one["url"] in urls
    return found


def addresses(definition: Resource) -> set[tuple[str, str]]:
    """Where an operation is invoked, by its definition."""
    kind = "{kind}" if definition["resource"] == ["Resource"] else definition["resource"][0]
    levels = {"type": f"/{kind}/${definition['code']}", "instance": f"/{kind}/{{id}}/${definition['code']}"}
    complex_ = any(
        one["use"] == "in" and one["min"] > 0 and one["type"][0].isupper() for one in definition["parameter"]
    )  # no query holds it
    methods = ("POST",) if definition["affectsState"] or complex_ else ("GET", "POST")
    return {(method, path) for level, path in levels.items() if definition[level] for method in methods}


async def test_what_is_stated_is_routed_and_what_is_routed_is_stated(
    app: Starlette, machine: httpx.AsyncClient, statement: Resource
) -> None:
    rest = statement["rest"][0]
    resource = rest["resource"][0]
    codes = [one["code"] for one in (*rest["interaction"], *resource["interaction"])]
    stated = set(OUTSIDE).union(*(INTERACTIONS[code] for code in codes))
    stated |= {address for name, address in CONDITIONAL.items() if resource.get(name) not in (None, False, "not-supported")}
    stated |= IN_COMPARTMENT if rest["compartment"] else set()
    stated = stated.union(*(addresses(one) for one in await operations(machine, statement)))
    declared = {
        (method, route.path.removeprefix("/fhir"))
        for route in app.state.declared
        if route.path.startswith("/fhir")
        for method in route.methods
    }
    assert stated | NOTHING == declared
    assert not stated & NOTHING


async def test_the_normative_statement_leaves_out_what_is_for_trial_use(machine: httpx.AsyncClient, statement: Resource) -> None:
    assert (await send(machine, "GET", "/metadata?mode=full")).json() == statement
    normative = (await send(machine, "GET", "/metadata?mode=normative")).json()
    validate(normative)
    rest, whole = normative["rest"][0], statement["rest"][0]
    assert set(whole) - set(rest) == {"security"}
    assert set(rest["resource"][0]) == {"type", "interaction", "operation", "searchParam"}
    assert [one["searchParam"] for one in rest["resource"]] == [one["searchParam"] for one in whole["resource"]]


async def test_every_type_is_stated_with_the_same_interactions(statement: Resource) -> None:
    resources = statement["rest"][0]["resource"]
    assert [one["type"] for one in resources] == list(resource_types())
    stored = [one for one in resources if one["type"] != "AuditEvent"]
    assert len({tuple(code["code"] for code in one["interaction"]) for one in stored}) == 1


async def test_the_trail_is_stated_as_what_is_only_read(statement: Resource) -> None:
    (trail,) = (one for one in statement["rest"][0]["resource"] if one["type"] == "AuditEvent")
    assert {code["code"] for code in trail["interaction"]} == {"read", "vread", "search-type"}
    assert {one["name"] for one in trail["searchParam"]} == SEARCHED
    assert "operation" not in trail


async def test_an_operation_takes_the_parameters_of_its_definition(machine: httpx.AsyncClient, statement: Resource) -> None:
    for definition in await operations(machine, statement):
        if definition["code"] == "lastn":
            continue
        named = {one["name"] for one in definition["parameter"] if one["use"] == "in"}
        for method, path in addresses(definition):
            asked = await send(machine, method, f"{path.format(kind='Basic', id='x')}?nonsense=1")
            assert asked.status_code == 400, (method, path, asked.text)
            takes = asked.json()["issue"][0]["diagnostics"].partition("takes ")[2].split(", ")
            assert set(takes) - {"_cursor", "_format", "_pretty", "_summary", "_elements"} == named


async def test_each_parameter_that_is_stated_is_searched_and_no_other(statement: Resource) -> None:
    for resource in statement["rest"][0]["resource"]:
        kind = resource["type"]
        if kind == "AuditEvent":
            continue
        stated = {one["name"]: one["type"] for one in resource["searchParam"]}
        assert stated == {one.code: one.type for one in searchable(kind)}
        for code in stated:
            if code not in ("_id", "_lastUpdated"):
                asked = (code, "mot") if code in ("_text", "_content") else (f"{code}:missing", "true")
                assert parse(kind, [asked]).criteria, (kind, code)
        for include in resource.get("searchInclude", ()):
            assert parse(kind, [("_include", include)]).includes


async def test_a_parameter_has_a_definition_that_can_be_read(machine: httpx.AsyncClient) -> None:
    for one in searchable("Patient"):
        answer = await send(machine, "GET", f"/SearchParameter/{parameter_id('Patient', one)}")
        assert answer.status_code == 200, answer.text
        validate(answer.json())
        assert (answer.json()["code"], answer.json()["type"], answer.json()["derivedFrom"]) == (one.code, one.type, one.url)
    assert (await send(machine, "GET", "/SearchParameter/Patient-colour")).status_code == 404
    assert (await send(machine, "GET", "/OperationDefinition/Patient-colour")).status_code == 404


def test_the_definitions_of_parameters_have_ids_of_their_own() -> None:
    found: dict[str, str] = {}
    for kind in resource_types():
        for one in searchable(kind):
            id = parameter_id(kind, one)
            assert ids.legal(id)
            assert found.setdefault(id, f"{one.code} {one.type}") == f"{one.code} {one.type}"
            validate(search_parameter(kind, one, BASE))


async def test_a_stored_definition_is_read_before_one_of_the_server(machine: httpx.AsyncClient) -> None:
    ours = (await send(machine, "GET", "/OperationDefinition/Patient-everything")).json()
    assert (await send(machine, "PUT", "/OperationDefinition/Patient-everything", ours | {"title": "Theirs"})).status_code == 201
    assert (await send(machine, "GET", "/OperationDefinition/Patient-everything")).json()["title"] == "Theirs"


async def test_a_modifier_that_a_definition_names_is_taken(machine: httpx.AsyncClient) -> None:
    written = {"ofType": "of-type"}
    for one in searchable("Observation"):
        definition = search_parameter("Observation", one, BASE)
        for modifier in definition.get("modifier", ()):
            name = f"{one.code}:{one.targets[0] if modifier == 'type' else written.get(modifier, modifier)}"
            value = "true" if modifier == "missing" else "a|b|c" if modifier == "ofType" else "1"
            answer = await send(machine, "GET", f"/Observation?{name}={value}")
            assert "modifier" not in (told(answer) if answer.status_code != 200 else ""), (name, answer.text)
