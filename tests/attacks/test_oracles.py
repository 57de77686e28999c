"""What one may not read tells nothing of itself: by no total, order, reverse chain, filter, text search or conditional write."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.fhir.definitions import search_parameters
from tests.support.attacked import BRUNO, OUTSIDER, records_of
from tests.support.pages import client_of
from tests.support.people import SEED

KINDS = sorted({one["resourceType"] for one in records_of("anne", "")})
SECRET, NONE = "zebrures", "absentes"
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}


@pytest.fixture
async def outsider(attacked: Starlette, access: Access) -> Any:
    """A professional to whom Anne's record is closed; it holds a rare word."""
    words = {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{SECRET}</div>'}}
    rare = {
        "resourceType": "Condition",
        "id": "rare",
        "subject": {"reference": "Patient/anne"},
        "code": {"text": SECRET},
        **words,
    }
    asserted = rare | {"asserter": {"reference": "Practitioner/gp"}}
    async with access.act(SEED) as ctx:
        await ctx.records.write(asserted)
    async with await client_of(attacked, access, OUTSIDER, accept="application/fhir+json") as client:
        yield client


def seen(answer: httpx.Response) -> tuple[int, object, list[str]]:
    """What of an answer could tell: its status, its total, what it holds."""
    if answer.status_code >= 400:
        return answer.status_code, None, []
    body = answer.json()
    return answer.status_code, body.get("total"), [one["resource"]["id"] for one in body.get("entry", [])]


QUERIES = (
    "Condition?code:text={}", "Condition?_text={}", "Condition?_content={}", "Condition?_filter=code co \"{}\"", "Condition?code:text={}&_summary=count",
    "Condition?code:text={}&_total=accurate&_count=0", "Condition?code:text={}&_sort=-recorded-date", "Patient?_has:Condition:subject:code:text={}",
    "Patient?_has:Condition:patient:_text={}", "Practitioner?_has:Condition:asserter:code:text={}", "Practitioner?_id=gp&_has:Condition:asserter:code:text={}",
    "Practitioner?_has:Condition:asserter:patient.name={}", "Organization?_has:PractitionerRole:organization:practitioner._has:Condition:asserter:code:text={}",
    "?_type=Condition,Observation&_content={}", "Patient/anne/Condition?code:text={}", "Patient/anne/*?_content={}", "Patient?name={}", "Condition?subject.name={}",
    "Condition?_id=rare&code:text:not={}", "Condition/_history?_id={}", "Practitioner?_id=gp&_revinclude=Condition:asserter&_elements=id&_text={}",
)  # fmt: skip


async def test_a_word_of_a_closed_record_is_found_no_more_than_one_that_is_nowhere(outsider: httpx.AsyncClient) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for query in QUERIES:
        found, absent = [await outsider.get(f"/fhir/{query.format(word)}") for word in (SECRET, NONE)]
        assert seen(found) == seen(absent), query
        path, _, asked = query.partition("?")
        if path.isalpha():
            sent = [asked.format(word).replace(" ", "%20").replace('"', "%22") for word in (SECRET, NONE)]
            found, absent = [await outsider.post(f"/fhir/{path}/_search", content=text, headers=form) for text in sent]
            assert seen(found) == seen(absent), query


def reverse_chains() -> Iterator[tuple[str, str]]:
    """Each way from a type that an outsider may read, or not, to a record of Anne's by what refers to it."""
    for kind in KINDS:
        for code, parameter in sorted(search_parameters(kind).items()):
            if parameter.type == "reference":
                yield from ((target, f"_has:{kind}:{code}:_id") for target in ("Practitioner", "Organization", "Patient"))


async def test_no_reverse_chain_goes_through_a_closed_record(outsider: httpx.AsyncClient) -> None:
    for target, chain in reverse_chains():
        kind = chain.split(":")[1]
        hit = await outsider.get(f"/fhir/{target}", params={chain: f"{kind.lower()}-anne", "_total": "accurate"})
        miss = await outsider.get(f"/fhir/{target}", params={chain: "absent", "_total": "accurate"})
        assert seen(hit) == seen(miss), (target, chain)


async def test_no_parameter_of_any_type_counts_a_closed_record(outsider: httpx.AsyncClient) -> None:
    for kind in KINDS:
        for code in search_parameters(kind):
            answer = await outsider.get(f"/fhir/{kind}", params={f"{code}:missing": "false", "_total": "accurate"})
            if answer.status_code == 200:
                assert (answer.json()["total"], answer.json().get("entry", [])) == (0, []), (kind, code)


async def test_a_conditional_write_tells_nothing_of_a_closed_record(attacked: Starlette, access: Access) -> None:
    mine = {"resourceType": "Consent", "status": "active", "scope": SCOPE, "category": [{"text": "x"}], "patient": {"reference": "Patient/bruno"}, "policyRule": {"text": "x"}}  # fmt: skip
    async with await client_of(attacked, access, BRUNO, accept="application/fhir+json") as bruno:
        for verb, path, body in (("PUT", "Condition?code:text={}", {"resourceType": "Condition"}), ("DELETE", "Condition?code:text={}", None), ("DELETE", "Task?_content={}", None)):  # fmt: skip
            told = [
                (await bruno.request(verb, f"/fhir/{path.format(word)}", json=body)).status_code for word in ("Secretaire", NONE)
            ]
            assert told[0] == told[1], (verb, path, told)
        headers = [{"if-none-exist": f"_id=condition-{whose}"} for whose in ("anne", "absent")]
        told = [(await bruno.post("/fhir/Consent", json=mine, headers=one)).status_code for one in headers]
        assert told[0] == told[1]
