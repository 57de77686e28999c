"""The FHIR door over HTTP: what a client may ask, and what it is told."""

import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access import guards
from maillage.access.access import Access
from maillage.access.actors import ActorKind
from maillage.access.platform import Platform
from maillage.app import load_services
from maillage.errors import Invalid
from maillage.fhir import json
from maillage.fhir.validation import validate
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team, professional

BASE = "http://maillage.test/fhir"
FHIR = "application/fhir+json"
BODY_LIMIT = 400_000


@pytest.fixture
def app(platform: Platform) -> Starlette:
    return create_app(platform, fhir_routes(max_body=BODY_LIMIT))


@pytest.fixture
async def machine(app: Any, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a machine that may read and write everything."""
    async with await client_of(app, access, MACHINE, accept=FHIR) as client:
        yield client


def a_patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": "Pat-Trois", "given": ["Dominique"]}]} | more


def an_observation(patient: str, **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    return {"resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": patient}} | more


async def send(client: httpx.AsyncClient, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes | None) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"content-type": FHIR} if content is not None else {}
    return await client.request(method, f"/fhir{path}", content=content, headers=kind | named)


def told(response: httpx.Response) -> str:
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    validate(outcome)
    return " ".join(f"{issue.get('expression', [''])[0]} {issue['diagnostics']}" for issue in outcome["issue"])


# Create, read, update, delete


async def test_what_is_created_is_read_back_with_its_version(machine: httpx.AsyncClient) -> None:
    created = await send(machine, "POST", "/Patient", a_patient(id="ignored"))
    assert created.status_code == 201
    resource = created.json()
    assert resource["id"] != "ignored"
    assert resource["meta"]["versionId"] == "1"
    assert created.headers["location"] == f"{BASE}/Patient/{resource['id']}/_history/1"
    assert created.headers["etag"] == 'W/"1"'
    assert created.headers["last-modified"].endswith("GMT")
    assert created.headers["content-type"].startswith(FHIR)
    read = await send(machine, "GET", f"/Patient/{resource['id']}")
    assert read.content == created.content
    assert read.headers["etag"] == 'W/"1"'


async def test_decimals_keep_their_digits_from_door_to_door(machine: httpx.AsyncClient) -> None:
    patient = (await send(machine, "POST", "/Patient", a_patient())).json()["id"]
    body = json.dumps(an_observation(f"Patient/{patient}"))[:-1] + b',"valueQuantity":{"value":72.500,"unit":"kg"}}'
    created = await send(machine, "POST", "/Observation", body)
    assert created.status_code == 201, created.text
    assert b'"value":72.500,' in (await send(machine, "GET", f"/Observation/{created.json()['id']}")).content


async def test_a_client_may_choose_the_id(machine: httpx.AsyncClient) -> None:
    made = await send(machine, "PUT", "/Patient/Local.Id-7", a_patient(id="Local.Id-7"))
    assert made.status_code == 201
    again = await send(machine, "PUT", "/Patient/Local.Id-7", a_patient(id="Local.Id-7", gender="female"))
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"2"')


async def test_an_update_over_another_version_is_refused(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    await send(machine, "PUT", "/Patient/p", a_patient(id="p", gender="male"), if_match='W/"1"')
    lost = await send(machine, "PUT", "/Patient/p", a_patient(id="p", gender="female"), if_match='W/"1"')
    assert lost.status_code == 412, lost.text
    assert (await send(machine, "GET", "/Patient/p")).json()["gender"] == "male"
    assert (await send(machine, "PUT", "/Patient/p", a_patient(id="p"), if_match="three")).status_code == 400


async def test_the_id_of_the_body_is_that_of_the_address(machine: httpx.AsyncClient) -> None:
    refused = await send(machine, "PUT", "/Patient/a", a_patient(id="b"))
    assert refused.status_code == 400
    assert "Patient.id" in told(refused)


async def test_a_deleted_resource_is_gone_and_its_history_stays(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    assert (await send(machine, "DELETE", "/Patient/p")).status_code == 204
    assert (await send(machine, "DELETE", "/Patient/p")).status_code == 204
    assert (await send(machine, "DELETE", "/Patient/never")).status_code == 204
    nothing = await send(machine, "DELETE", "/Patient/never", prefer="return=OperationOutcome")
    assert "nothing to delete" in told(nothing)
    assert (await send(machine, "DELETE", "/Patient/never", if_match='W/"1"')).status_code == 412
    assert (await send(machine, "GET", "/Patient/p")).status_code == 410
    assert (await send(machine, "GET", "/Patient/p/_history/1")).json()["id"] == "p"
    history = (await send(machine, "GET", "/Patient/p/_history")).json()
    validate(history)
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "POST"]
    assert history["total"] == 2


async def test_what_is_not_there_is_not_found(machine: httpx.AsyncClient) -> None:
    assert (await send(machine, "GET", "/Patient/nobody")).status_code == 404
    assert (await send(machine, "GET", "/Patient/nobody/_history/1")).status_code == 404
    assert (await send(machine, "GET", "/Wizard/1")).status_code == 404
    assert "no type 'Wizard'" in told(await send(machine, "GET", "/Wizard?name=x"))


async def test_a_version_that_the_client_has_is_not_sent_again(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    unchanged = await send(machine, "GET", "/Patient/p", if_none_match='W/"1"')
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "kind"), [("minimal", None), ("OperationOutcome", "OperationOutcome"), ("representation", "Patient")]
)
async def test_a_write_answers_what_the_client_prefers(machine: httpx.AsyncClient, wanted: str, kind: str | None) -> None:
    answer = await send(machine, "POST", "/Patient", a_patient(), prefer=f"return={wanted}")
    assert answer.status_code == 201
    assert (answer.json()["resourceType"] if answer.content else None) == kind


async def test_a_conditional_create_makes_one_only(machine: httpx.AsyncClient) -> None:
    named = a_patient(identifier=[{"system": "urn:oid:1.2.3", "value": "77"}])
    first = await send(machine, "POST", "/Patient", named, if_none_exist="identifier=urn:oid:1.2.3|77")
    again = await send(machine, "POST", "/Patient", named, if_none_exist="identifier=urn:oid:1.2.3|77")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


async def test_a_conditional_update_finds_its_resource(machine: httpx.AsyncClient) -> None:
    named = a_patient(identifier=[{"system": "urn:oid:1.2.3", "value": "77"}])
    made = await send(machine, "PUT", "/Patient?identifier=urn:oid:1.2.3%7C77", named)
    changed = await send(machine, "PUT", "/Patient?identifier=urn:oid:1.2.3%7C77", named | {"gender": "male"})
    assert (made.status_code, changed.status_code) == (201, 200), made.text + changed.text
    assert changed.json()["id"] == made.json()["id"]
    assert (await send(machine, "DELETE", "/Patient?identifier=urn:oid:1.2.3%7C77")).status_code == 204
    assert (await send(machine, "GET", f"/Patient/{made.json()['id']}")).status_code == 410


# What is refused


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"resourceType":"Patient","gender":"homme"}', "Patient.gender"),
        (b'{"resourceType":"Patient","birthDate":"2023-02-30"}', "Patient.birthDate"),
        (b'{"resourceType":"Observation"}', "Patient.resourceType"),
        (b'{"resourceType":"Patient","active":true,"active":false}', "active"),
    ],
)
async def test_a_fault_is_told_with_its_place(machine: httpx.AsyncClient, body: bytes, place: str) -> None:
    refused = await send(machine, "POST", "/Patient", body)
    assert refused.status_code == 400
    assert place in told(refused).split()


async def test_what_is_no_json_is_refused(machine: httpx.AsyncClient) -> None:
    assert "line 1, column" in told(await send(machine, "POST", "/Patient", b'{"resourceType":'))
    assert (await send(machine, "POST", "/Patient", b"Patient: {}", content_type="text/turtle")).status_code == 415
    assert (
        await send(machine, "POST", "/Patient", b"{}", content_type="application/fhir+json; charset=latin1")
    ).status_code == 415


async def test_a_body_past_the_limit_is_refused(machine: httpx.AsyncClient) -> None:
    refused = await send(machine, "POST", "/Patient", b" " * (BODY_LIMIT + 1))
    assert refused.status_code == 413
    assert refused.json()["resourceType"] == "OperationOutcome"


async def test_an_unknown_method_or_address_is_told_as_an_outcome(machine: httpx.AsyncClient) -> None:
    assert (await send(machine, "PUT", "", b"{}")).status_code == 405
    assert (await send(machine, "GET", "/Patient/p/q/r")).status_code == 404
    assert "_count" in told(await send(machine, "GET", "/Patient/_history?_sort=date"))


async def test_nobody_is_let_in_without_a_token(app: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://maillage.test") as stranger:
        refused = await stranger.get("/fhir/Patient")
        assert refused.status_code == 401
        assert "login" in refused.text
        assert (await stranger.get("/fhir/metadata")).status_code == 200


async def test_who_is_not_in_the_circle_sees_nothing(app: Any, access: Access, machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("p", "Practitioner/inside"))
    async with await client_of(app, access, professional("outside"), accept=FHIR) as outside:
        assert (await send(outside, "GET", "/Patient/p")).status_code == 404
        assert (await send(outside, "GET", "/Patient?_total=accurate")).json()["total"] == 0
    async with await client_of(app, access, professional("inside"), accept=FHIR) as inside:
        assert (await send(inside, "GET", "/Patient/p")).status_code == 200


# Search


async def test_a_search_is_a_bundle_with_links(machine: httpx.AsyncClient) -> None:
    for name in ("a", "b", "c"):
        await send(machine, "PUT", f"/Patient/{name}", a_patient(id=name))
    first = (await send(machine, "GET", "/Patient?family=pat-t&_count=2&_sort=_id")).json()
    validate(first)
    assert first["type"] == "searchset"
    assert first["link"][0] == {"relation": "self", "url": f"{BASE}/Patient?family=pat-t&_count=2&_sort=_id"}
    assert [e["fullUrl"] for e in first["entry"]] == [f"{BASE}/Patient/{e['resource']['id']}" for e in first["entry"]]
    following = first["link"][1]["url"].removeprefix(BASE)
    second = (await send(machine, "GET", following)).json()
    found = [e["resource"]["id"] for page in (first, second) for e in page["entry"]]
    assert sorted(found) == ["a", "b", "c"]
    assert [link["relation"] for link in second["link"]] == ["self"]


async def test_a_search_by_form_is_the_same_search(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    form = "application/x-www-form-urlencoded"
    found = await send(machine, "POST", "/Patient/_search", b"family=Pat-Trois&given=dominique", content_type=form)
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == ["p"]
    assert (await send(machine, "POST", "/Patient/_search", b"{}", content_type=FHIR)).status_code == 415


async def test_a_compartment_and_the_whole_system_are_searched(machine: httpx.AsyncClient, access: Access) -> None:
    patient = (await send(machine, "POST", "/Patient", a_patient(meta={"tag": [{"code": "x"}]}))).json()["id"]
    other = (await send(machine, "POST", "/Patient", a_patient())).json()["id"]
    await send(
        machine, "POST", "/Observation", an_observation(f"Patient/{patient}", performer=[{"reference": f"Patient/{other}"}])
    )
    form = {"content-type": "application/x-www-form-urlencoded"}
    for method, path, kinds in (
        ("GET", f"/Patient/{patient}/Observation?code=29463-7", ["Observation"]),
        ("GET", f"/Patient/{other}/Observation", ["Observation"]),
        ("GET", f"/Patient/{patient}/*?_type=Patient,Observation&_sort=_lastUpdated", ["Patient", "Observation"]),
        ("POST", f"/Patient/{patient}/Observation/_search", ["Observation"]),
        ("GET", "?_tag=x", ["Patient"]),
        ("GET", "/?_tag=x&_revinclude=Observation:subject", ["Patient", "Observation"]),
        ("POST", "/_search?_type=Observation", ["Observation"]),
    ):
        answer = await machine.request(method, f"/fhir{path}", headers=form if method == "POST" else {})
        assert answer.status_code == 200, (path, answer.text)
        assert [entry["resource"]["resourceType"] for entry in answer.json()["entry"]] == kinds, path
        assert answer.json()["link"][0]["url"].startswith(
            f"{BASE}{path.partition('?')[0]}".removesuffix("/_search").rstrip("/")
        ), path
    for path, status in (
        ("/Patient/1/Nothing", 404),
        ("/Organization/1/Patient", 400),
        ("/Patient/1/Organization", 400),
        ("?family=x", 400),
    ):
        answer = await send(machine, "GET", path)
        assert answer.status_code == status, (path, answer.text)
        assert told(answer)
    async with access.act(SEED) as ctx:
        lines = [(one["type"], one["query"]) for one in await ctx.records.trail(patient, kinds=list(ActorKind))]
    assert ("Resource", "_tag=x") in lines
    assert any(kind == "Observation" and "_compartment=" in query for kind, query in lines if query)


async def test_an_unknown_parameter_is_refused_with_those_that_are_known(machine: httpx.AsyncClient) -> None:
    refused = await send(machine, "GET", "/Patient?nom=x")
    assert refused.status_code == 400
    assert "nom" in told(refused)
    assert "birthdate" in told(refused)
    lenient = await send(machine, "GET", "/Patient?nom=x", prefer="handling=lenient")
    assert lenient.status_code == 200
    assert [entry["search"]["mode"] for entry in lenient.json()["entry"]] == ["outcome"]
    assert lenient.json()["link"][0]["url"] == f"{BASE}/Patient"


async def test_an_included_resource_says_so(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    await send(machine, "PUT", "/Observation/o", an_observation("Patient/p", id="o"))
    found = (await send(machine, "GET", "/Observation?patient=p&_include=Observation:subject")).json()
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in found["entry"]] == [("o", "match"), ("p", "include")]


async def test_everything_of_a_patient_is_the_record_and_what_it_names(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Organization/ch", {"resourceType": "Organization", "id": "ch", "name": "CH"})
    await send(machine, "PUT", "/Patient/p", a_patient(id="p", managingOrganization={"reference": "Organization/ch"}))
    for name in ("a", "b"):
        await send(machine, "PUT", f"/Observation/{name}", an_observation("Patient/p", id=name))
    whole = (await send(machine, "GET", "/Patient/p/$everything")).json()
    validate(whole)
    assert {e["resource"]["id"] for e in whole["entry"]} == {"p", "a", "b", "ch"}
    page = (await send(machine, "GET", "/Patient/p/$everything?_count=2")).json()
    rest = (await send(machine, "GET", page["link"][1]["url"].removeprefix(BASE))).json()
    assert {e["resource"]["id"] for e in (*page["entry"], *rest["entry"])} == {"p", "a", "b", "ch"}
    assert (await send(machine, "GET", "/Patient/nobody/$everything")).status_code == 404


# Bundles


def a_transaction(*entries: tuple[str, str, dict[str, Any] | None, str | None], kind: str = "transaction") -> dict[str, Any]:
    listed = [
        {"request": {"method": method, "url": url}}
        | ({"resource": resource} if resource else {})
        | ({"fullUrl": full} if full else {})
        for method, url, resource, full in entries
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": listed}


UUID = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"


@pytest.mark.parametrize("base", ["", "/"])
async def test_a_transaction_is_done_at_the_base_without_redirection(machine: httpx.AsyncClient, base: str) -> None:
    bundle = a_transaction(
        ("POST", "Observation", an_observation(UUID), "urn:uuid:00000000-0000-4000-8000-000000000001"),
        ("POST", "Patient", a_patient(), UUID),
    )
    done = await send(machine, "POST", base, bundle)
    assert done.status_code == 200, done.text
    answer = done.json()
    validate(answer)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created", "201 Created"]
    observation, patient = ("/".join(e["response"]["location"].split("/_history")[0].split("/")[-2:]) for e in answer["entry"])
    assert (await send(machine, "GET", f"/{observation}")).json()["subject"]["reference"] == patient


async def test_one_failing_entry_undoes_a_transaction_and_is_named(machine: httpx.AsyncClient) -> None:
    bundle = a_transaction(("PUT", "Patient/p", a_patient(id="p"), None), ("POST", "Patient", a_patient(gender="homme"), None))
    refused = await send(machine, "POST", "", bundle)
    assert refused.status_code == 400
    assert "Bundle.entry[1]" in told(refused)
    assert "gender" in told(refused)
    assert (await send(machine, "GET", "/Patient/p")).status_code == 404


async def test_a_batch_answers_entry_by_entry(machine: httpx.AsyncClient) -> None:
    bundle = a_transaction(
        ("PUT", "Patient/p", a_patient(id="p"), None),
        ("POST", "Patient", a_patient(gender="homme"), None),
        ("GET", "Patient/p", None, None),
        kind="batch",
    )
    answer = (await send(machine, "POST", "", bundle)).json()
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "400", "200"]
    assert answer["entry"][2]["resource"]["id"] == "p"


async def test_only_a_bundle_is_processed(machine: httpx.AsyncClient) -> None:
    assert (await send(machine, "POST", "", a_patient())).status_code == 400
    assert "transaction" in told(await send(machine, "POST", "", {"resourceType": "Bundle", "type": "collection"}))


async def test_a_fault_of_the_bundle_itself_is_told_with_its_place(machine: httpx.AsyncClient) -> None:
    bundle = a_transaction(("POST", "Patient", a_patient(), None))
    bundle["entry"][0]["request"]["methode"] = "POST"
    assert "Bundle.entry[0].request.methode" in told(await send(machine, "POST", "", bundle)).split()
    assert "Bundle.entry[0]" in told(await send(machine, "POST", "", {**bundle, "entry": ["x"]})).split()


# History, metadata, Binary


async def test_the_history_of_a_type_and_of_all_is_newest_first(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    await send(machine, "PUT", "/Patient/p", a_patient(id="p", gender="male"))
    await send(machine, "PUT", "/Organization/o", {"resourceType": "Organization", "id": "o", "name": "CH"})
    of_type = (await send(machine, "GET", "/Patient/_history?_count=1")).json()
    assert [entry["resource"]["meta"]["versionId"] for entry in of_type["entry"]] == ["2"]
    rest = (await send(machine, "GET", of_type["link"][1]["url"].removeprefix(BASE))).json()
    assert [entry["resource"]["meta"]["versionId"] for entry in rest["entry"]] == ["1"]
    of_all = (await send(machine, "GET", "/_history")).json()
    validate(of_all)
    assert [e["resource"]["resourceType"] for e in of_all["entry"]] == ["Organization", "Patient", "Patient"]


async def test_the_capability_statement_says_what_is_routed_and_searched(machine: httpx.AsyncClient) -> None:
    statement = (await send(machine, "GET", "/metadata")).json()
    validate(statement)
    (rest,) = statement["rest"]
    assert len(rest["resource"]) == 146
    patient = next(one for one in rest["resource"] if one["type"] == "Patient")
    for parameter in patient["searchParam"]:
        value = {"date": "2024", "reference": "Organization/1"}.get(parameter["type"], "x")
        name = "_id" if parameter["name"] == "_id" else parameter["name"]
        answer = await send(machine, "GET", f"/Patient?{name}={value}")
        assert answer.status_code == 200, f"{name}: {answer.text}"


async def test_a_binary_is_read_in_its_own_media_type(machine: httpx.AsyncClient) -> None:
    made = await send(machine, "POST", "/Binary", b"%PDF-1.7", content_type="application/pdf")
    assert made.status_code == 201, made.text
    address = f"/Binary/{made.json()['id']}"
    raw = await send(machine, "GET", address, accept="application/pdf")
    assert (raw.content, raw.headers["content-type"]) == (b"%PDF-1.7", "application/pdf")
    assert "sandbox" in raw.headers["content-security-policy"]
    assert (await send(machine, "GET", address)).json()["data"] == "JVBERi0xLjc="


NO_REAL_FILES = {
    "/Communication/fm-attachment",
    "/Communication/fm-solicited",
    "/DiagnosticReport/example-pgx",
    "/DocumentManifest/654789",
}
"""Examples whose PDF is a few letters."""


@pytest.mark.conformance
@pytest.mark.parametrize(("step", "least"), [(20, 150), pytest.param(1, 5000, marks=pytest.mark.long)])
async def test_official_examples_are_put_and_read_back_equal(
    machine: httpx.AsyncClient, shared_data: Path, step: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every `step`th example that the body limit lets in: what is accepted comes back as it was, but for its version. AuditEvents are nobody's to put.

    The engine as it is with no service installed: what services complete (a Patient's identity status) is in their own tests.
    """
    monkeypatch.setattr(guards, "_GUARDS", {})
    taken = 0
    for resource in some_examples(shared_data, step):
        place = f"/{resource['resourceType']}/{resource['id']}"
        put = await send(machine, "PUT", place, resource)
        try:
            validate(resource)
        except Invalid:
            assert put.status_code == 400, place
            continue
        if resource["resourceType"] == "AuditEvent":
            assert put.status_code == 403, place
            continue
        if place in NO_REAL_FILES:
            assert "does not begin as application/pdf does" in put.text, place
            continue
        assert put.status_code in (200, 201), f"{place}: {put.text}"
        back = json.loads((await send(machine, "GET", place)).content)
        assert _without_version(back) == _without_version(resource), place
        taken += 1
    assert taken > least


@pytest.mark.conformance
async def test_official_examples_pass_the_guards_of_the_services_or_are_refused_with_a_reason(
    machine: httpx.AsyncClient, shared_data: Path
) -> None:
    load_services()
    for resource in some_examples(shared_data, 20):
        put = await send(machine, "PUT", f"/{resource['resourceType']}/{resource['id']}", resource)
        assert put.status_code in (200, 201, 400, 409, 422), put.text
        if put.status_code >= 400:
            assert put.json()["issue"][0]["diagnostics"]


def some_examples(shared_data: Path, step: int) -> Iterator[dict[str, Any]]:
    with tarfile.open(shared_data / "fhir-r4" / "hl7.fhir.r4.examples-4.0.1.tgz") as archive:
        for number, member in enumerate(archive):
            file = None
            if number % step == 0 and member.name.endswith(".json") and member.size < BODY_LIMIT:
                file = archive.extractfile(member)
            resource = json.loads(file.read()) if file else {}
            if {"resourceType", "id"} <= resource.keys():
                yield resource


def _without_version(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return {name: value for name, value in resource.items() if name != "meta"} | ({"meta": meta} if meta else {})
