"""The FHIR door in JSON and XML, whole and in part: negotiation, `_format`, `_pretty`, `_summary`, `_elements`, Binary."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.fhir import json, xml
from maillage.fhir.summary import SUBSETTED
from maillage.fhir.validation import validate
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support.pages import client_of
from tests.support.people import MACHINE

JSON = "application/fhir+json"
XML = "application/fhir+xml"


@pytest.fixture
def app(platform: Platform) -> Starlette:
    return create_app(platform, fhir_routes(max_body=400_000))


@pytest.fixture
async def machine(app: Starlette, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a machine that may read and write everything, and says no format of its own."""
    async with await client_of(app, access, MACHINE, accept="*/*") as client:
        yield client


async def send(client: httpx.AsyncClient, method: str, path: str, body: bytes | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, f"/fhir{path}", content=body, headers=named)


def read(answer: httpx.Response, kind: str = XML) -> dict[str, Any]:
    """The valid resource of an answer in XML (or JSON)."""
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8", answer.text
    resource = xml.loads(answer.content) if kind == XML else json.loads(answer.content)
    validate(resource)
    return resource


PATIENT = {"resourceType": "Patient", "id": "p", "name": [{"family": "Pat-Trois"}], "gender": "male", "birthDate": "1979-03-28"}
WEIGHT = (
    b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Poids"},"subject":{"reference":"Patient/p"},'
    b'"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">72,5 kg</div>"},"valueQuantity":{"value":72.500}}'
)


@pytest.fixture
async def filled(machine: httpx.AsyncClient) -> httpx.AsyncClient:
    """The machine, once a patient and an observation are there."""
    for place, body in (("/Patient/p", json.dumps(PATIENT)), ("/Observation/o", WEIGHT)):
        assert (await send(machine, "PUT", place, body, content_type=JSON)).status_code == 201
    return machine


# Which format


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        (XML, XML),
        ("text/xml", XML),
        ("application/xml; charset=utf-8", XML),
        (f"{XML}, {JSON}", XML),
        (f"{JSON}, {XML}", JSON),
        (f"{JSON};q=0.5, {XML};q=0.9", XML),
        (f"{XML}, */*;q=0.1", XML),
        (f"*/*, {JSON};q=0", XML),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", XML),
        ("text/turtle, application/json;q=0.3", JSON),
        (f"{XML}; fhirVersion=4.0", XML),
        (f"{XML}; fhirVersion=3.0, {JSON}; fhirVersion=4.0", JSON),
    ],
)  # fmt: skip
async def test_the_answer_is_in_the_format_that_is_wanted_most(filled: httpx.AsyncClient, accept: str, kind: str) -> None:
    answer = await send(filled, "GET", "/Patient/p", accept=accept)
    assert answer.status_code == 200
    assert read(answer, kind)["birthDate"] == "1979-03-28"
    assert answer.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("wanted", ["xml", "text/xml", "application/xml", "application/fhir+xml", "application/fhir%2Bxml"])
async def test_the_parameter_goes_before_the_header(filled: httpx.AsyncClient, wanted: str) -> None:
    assert read(await send(filled, "GET", f"/Patient/p?_format={wanted}", accept=JSON))["id"] == "p"
    assert read(await send(filled, "GET", "/Patient/p?_format=json", accept=XML), JSON)["id"] == "p"


@pytest.mark.parametrize(
    "accept", ["text/turtle", "application/pdf", f"{JSON}; fhirVersion=3.0", f"{JSON};q=0", "image/*", "nonsense", ";"]
)
async def test_other_formats_are_refused_before_anything_is_done(filled: httpx.AsyncClient, accept: str) -> None:
    refused = await send(filled, "PUT", "/Patient/new", json.dumps(PATIENT | {"id": "new"}), content_type=JSON, accept=accept)
    assert refused.status_code == 406
    assert XML in read(refused, JSON)["issue"][0]["diagnostics"]
    assert (await send(filled, "GET", "/Patient/new")).status_code == 404
    assert (await send(filled, "GET", "/Patient/p?_format=ttl")).status_code == 406


@pytest.mark.parametrize(
    "query",
    ["_pretty=yes", "_summary=short", "_elements=nom", "_elements=", "_summary=true&_elements=name", "_format=xml&_format=json"],
)
async def test_a_value_that_none_of_the_parameters_takes_is_refused(filled: httpx.AsyncClient, query: str) -> None:
    refused = await send(filled, "GET", f"/Patient/p?{query}")
    assert refused.status_code == 400
    assert read(refused, JSON)["issue"][0]["expression"][0] in query


async def test_everything_can_be_done_in_xml(machine: httpx.AsyncClient) -> None:
    made = await send(
        machine, "PUT", "/Observation/o", xml.dumps(json.loads(WEIGHT)), content_type=f"{XML}; charset=utf-8", accept=XML
    )
    assert made.status_code == 201
    assert b'<value value="72.500"/>' in made.content
    assert b'"value":72.500}' in (await send(machine, "GET", "/Observation/o")).content
    entry = {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    done = read(await send(machine, "POST", "", xml.dumps(bundle), content_type="application/xml", accept=XML))
    assert done["entry"][0]["response"]["status"] == "201 Created"
    found = read(await send(machine, "GET", "/Observation?_include=Observation:subject&_count=1", accept=XML))
    assert [entry["resource"]["resourceType"] for entry in found["entry"]] == ["Observation", "Patient"]
    assert found["entry"][0]["resource"]["valueQuantity"]["value"].as_tuple().digits == (7, 2, 5, 0, 0)
    assert len(read(await send(machine, "GET", "/Patient/p/_history", accept=XML))["entry"]) == 1
    assert read(await send(machine, "GET", "/metadata", accept=XML))["format"][:2] == [JSON, XML]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'<!DOCTYPE p [<!ENTITY a "aaaa">]><Patient xmlns="http://hl7.org/fhir"/>', "a document type (DTD)"),
        (b'<Patient xmlns="http://hl7.org/fhir"><gender value="homme"/></Patient>', "'homme' is not in the value set"),
        (b"<Patient", "not XML: unclosed token at line 1, column 1"),
        (b'<Basic xmlns="http://hl7.org/fhir"/>', "a resource of type Patient is expected here, not 'Basic'"),
    ],
)
async def test_what_is_wrong_in_xml_is_told_in_xml(machine: httpx.AsyncClient, body: bytes, told: str) -> None:
    refused = await send(machine, "POST", "/Patient", body, content_type=XML, accept=XML)
    assert refused.status_code == 400
    assert told in read(refused)["issue"][0]["diagnostics"]


async def test_a_stranger_is_told_in_the_format_asked_for(app: Starlette) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://maillage.test") as stranger:
        refused = await stranger.get("/fhir/Patient?_format=xml&_pretty=true")
        assert refused.status_code == 401
        assert "\n  <issue>\n" in refused.text
        assert read(refused)["issue"][0]["code"] == "login"


async def test_a_pretty_answer_has_lines(filled: httpx.AsyncClient) -> None:
    plain = await send(filled, "GET", "/Observation/o")
    pretty = await send(filled, "GET", "/Observation/o?_pretty=true")
    assert '\n  "status": "final",\n' in pretty.text
    assert '"value": 72.500' in pretty.text
    assert json.loads(pretty.content) == json.loads(plain.content)
    assert "\n  <status" in (await send(filled, "GET", "/Observation/o?_pretty=true&_format=xml")).text
    assert b"\n" not in (await send(filled, "GET", "/Observation/o?_pretty=false")).content


async def test_the_pages_of_a_search_keep_the_form_that_was_asked_for(filled: httpx.AsyncClient) -> None:
    await send(filled, "PUT", "/Patient/q", json.dumps(PATIENT | {"id": "q"}), content_type=JSON)
    first = read(await send(filled, "GET", "/Patient?family=pat&_count=1&_format=xml&_elements=gender"))
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = read(await filled.get(following))
    assert [set(page["entry"][0]["resource"]) for page in (first, second)] == [{"resourceType", "id", "meta", "gender"}] * 2
    history = read(await send(filled, "GET", "/Patient/_history?_count=1&_format=xml"))
    assert "_format=xml" in history["link"][1]["url"]


async def test_a_form_says_the_format_too(filled: httpx.AsyncClient) -> None:
    form = "application/x-www-form-urlencoded"
    found = await send(filled, "POST", "/Patient/_search", b"family=pat&_format=xml&_summary=text", content_type=form)
    assert set(read(found)["entry"][0]["resource"]) == {"resourceType", "id", "meta"}
    assert (await send(filled, "POST", "/Patient/_search", b"_format=ttl", content_type=form)).status_code == 406
    assert (await send(filled, "POST", "/Patient/_search", b"_elements=nom", content_type=form)).status_code == 400


# How much of it


async def test_a_part_of_a_resource_says_that_it_is_one_and_overwrites_nothing(filled: httpx.AsyncClient) -> None:
    part = read(await send(filled, "GET", "/Observation/o?_elements=subject"), JSON)
    assert set(part) == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert SUBSETTED in part["meta"]["tag"]
    refused = await send(filled, "PUT", "/Observation/o", json.dumps(part), content_type=JSON)
    assert refused.status_code == 422
    assert "SUBSETTED" in refused.text


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("true", {"status", "code", "subject", "valueQuantity"}),
        ("text", {"status", "code", "text"}),
        ("data", {"status", "code", "subject", "valueQuantity"}),
        ("false", {"status", "code", "subject", "valueQuantity", "text"}),
    ],
)
async def test_a_summary_of_one_and_of_what_is_found(filled: httpx.AsyncClient, mode: str, kept: set[str]) -> None:
    one = read(await send(filled, "GET", f"/Observation/o?_summary={mode}"), JSON)
    (found,) = read(await send(filled, "GET", f"/Observation?_summary={mode}&_id=o"), JSON)["entry"]
    (past,) = read(await send(filled, "GET", f"/Observation/o/_history?_summary={mode}"), JSON)["entry"]
    assert one == found["resource"] == past["resource"]
    assert set(one) - {"resourceType", "id", "meta"} == kept
    assert (SUBSETTED in one["meta"].get("tag", [])) == (mode != "false")


async def test_a_search_may_be_counted_only(filled: httpx.AsyncClient) -> None:
    counted = read(await send(filled, "GET", "/Observation?status=final&_summary=count", accept=XML))
    assert counted["total"] == 1
    assert "entry" not in counted
    assert counted["link"][0]["url"].endswith("/Observation?status=final&_summary=count")
    refused = await send(filled, "GET", "/Observation/o?_summary=count")
    assert refused.status_code == 400
    assert "only a search counts" in refused.text


async def test_narratives_are_not_mixed_with_what_they_include(filled: httpx.AsyncClient) -> None:
    refused = await send(filled, "GET", "/Observation?_summary=text&_include=Observation:subject")
    assert refused.status_code == 400
    assert "_summary" in refused.text


async def test_a_stored_bundle_is_summarised_as_one_resource(machine: httpx.AsyncClient) -> None:
    bundle = {
        "resourceType": "Bundle",
        "id": "b",
        "type": "searchset",
        "total": 1,
        "entry": [{"resource": PATIENT, "search": {"mode": "match"}}],
    }
    await send(machine, "PUT", "/Bundle/b", json.dumps(bundle), content_type=JSON)
    assert set(read(await send(machine, "GET", "/Bundle/b?_elements=total"), JSON)) == {
        "resourceType",
        "id",
        "meta",
        "type",
        "total",
    }


async def test_what_a_lenient_search_passed_over_is_told_whole(filled: httpx.AsyncClient) -> None:
    found = read(await send(filled, "GET", "/Patient?nom=x&_id=p&_elements=name", prefer="handling=lenient"), JSON)
    assert [entry["resource"]["resourceType"] for entry in found["entry"]] == ["Patient", "OperationOutcome"]
    assert "meta" not in found["entry"][1]["resource"]


async def test_the_reads_of_a_batch_are_in_part_too(filled: httpx.AsyncClient) -> None:
    urls = [
        "Patient/p?_elements=gender",
        "Observation?_summary=text&_count=1",
        "Observation?_summary=count",
        "Patient/p/_history?_elements=name",
        "Patient/p?_elements=nom",
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}} for url in urls]}
    answered = read(await send(filled, "POST", "", json.dumps(bundle), content_type=JSON), JSON)["entry"]
    patient, found, counted, past = (entry["resource"] for entry in answered[:4])
    assert set(patient) == {"resourceType", "id", "meta", "gender"}
    assert set(found["entry"][0]["resource"]) == {"resourceType", "id", "meta", "text", "status", "code"}
    assert "_summary=text" in found["link"][0]["url"]
    assert counted["total"] == 1
    assert "name" in past["entry"][0]["resource"]
    assert "gender" not in past["entry"][0]["resource"]
    assert answered[4]["response"]["status"] == "400"


async def test_operations_and_patches_are_sent_and_answered_in_xml(filled: httpx.AsyncClient) -> None:
    wrong = xml.dumps(PATIENT).replace(b"1979-03-28", b"1979-02-30")
    told = read(await send(filled, "POST", "/Patient/$validate", wrong, content_type=XML, accept=XML))
    assert told["issue"][0]["expression"] == ["Patient.birthDate"]
    everything = read(await send(filled, "GET", "/Patient/p/$everything?_format=xml&_count=1"))
    assert "_format=xml" in everything["link"][1]["url"]
    step = [("type", "valueCode", "replace"), ("path", "valueString", "Patient.gender"), ("value", "valueCode", "female")]
    patch = {"name": "operation", "part": [{"name": name, key: value} for name, key, value in step]}
    parameters = xml.dumps({"resourceType": "Parameters", "parameter": [patch]})
    patched = await send(filled, "PATCH", "/Patient/p", parameters, content_type=XML, accept=XML)
    assert read(patched)["gender"] == "female"


# Binary


async def a_binary(machine: httpx.AsyncClient, content: bytes, kind: str, **headers: str) -> str:
    made = await send(machine, "POST", "/Binary", content, content_type=kind, **headers)
    assert made.status_code == 201, made.text
    return f"/Binary/{made.json()['id']}"


async def test_a_binary_is_given_in_its_own_media_type_unless_fhir_is_asked_for(machine: httpx.AsyncClient) -> None:
    place = await a_binary(machine, b"%PDF-1.7", "application/pdf", x_security_context="Patient/p")
    for accept in ("", "*/*", "application/pdf", "application/*", f"application/pdf, {JSON};q=0.5"):
        raw = await send(machine, "GET", place, accept=accept)
        assert (raw.content, raw.headers["content-type"]) == (b"%PDF-1.7", "application/pdf"), accept
    assert raw.headers["x-security-context"] == "Patient/p"
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert raw.headers["content-disposition"] == "attachment"
    assert "sandbox" in raw.headers["content-security-policy"]
    assert (await send(machine, "GET", f"{place}/_history/1")).content == b"%PDF-1.7"
    assert (await send(machine, "GET", place, if_none_match=raw.headers["etag"])).status_code == 304
    for wanted in (JSON, XML):
        assert read(await send(machine, "GET", place, accept=wanted), wanted)["data"] == "JVBERi0xLjc="
    assert read(await send(machine, "GET", f"{place}?_format=xml", accept="application/pdf"))["contentType"] == "application/pdf"
    assert (await send(machine, "GET", place, accept="image/png")).status_code == 406
    assert (await send(machine, "GET", f"{place}?_format=image/png")).status_code == 406
    assert (await send(machine, "GET", f"{place}?x=1")).status_code == 400


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (
            b'<?xml version="1.0" encoding="ISO-8859-1"?><ClinicalDocument xmlns="urn:hl7-org:v3">\xe9</ClinicalDocument>',
            "text/xml",
        ),
        (b'{"a": 1}', "application/json"),
        (b"{broken", "application/json"),
        (json.dumps(PATIENT), JSON),
        (xml.dumps(PATIENT), XML),
        ("é".encode("latin-1"), "text/plain; charset=iso-8859-1"),
        (b"", "text/plain"),
    ],
)
async def test_a_binary_keeps_its_bytes_whatever_they_are(machine: httpx.AsyncClient, content: bytes, kind: str) -> None:
    place = await a_binary(machine, content, kind)
    raw = await send(machine, "GET", place)
    assert (raw.content, raw.headers["content-type"]) == (content, kind)
    named = await send(machine, "GET", place, accept=kind.partition(";")[0])
    if kind in (JSON, XML):
        assert read(named, kind)["contentType"] == kind
    else:
        assert named.content == content


async def test_a_binary_is_written_as_a_resource_in_json_or_xml(machine: httpx.AsyncClient) -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "Ym9uam91cg=="}
    for content, kind in ((json.dumps(binary), JSON), (xml.dumps(binary), "application/xml")):
        assert (await send(machine, "PUT", "/Binary/b", content, content_type=kind)).status_code in (200, 201)
        assert (await send(machine, "GET", "/Binary/b")).content == b"bonjour"
    assert (await send(machine, "POST", "/Binary", b"{broken", content_type=JSON)).status_code == 400
    assert (await send(machine, "POST", "/Binary", b"x", content_type="rubbish")).status_code == 415


@pytest.mark.parametrize("said", ["text/html\nSet-Cookie:x=1", "text/é", "rubbish", "text/plain;x"])
async def test_what_a_binary_says_of_itself_makes_no_header(machine: httpx.AsyncClient, said: str) -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": said, "securityContext": {"reference": "Patient/p\nX-Evil: 1"}}
    assert (await send(machine, "PUT", "/Binary/b", json.dumps(binary), content_type=JSON)).status_code == 201
    raw = await send(machine, "GET", "/Binary/b", accept="*/*")
    assert raw.headers["content-type"] == "application/octet-stream"
    assert {"set-cookie", "x-evil", "x-security-context"} & set(raw.headers) == set()
