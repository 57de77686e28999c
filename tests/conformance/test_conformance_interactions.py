"""Patches, conditional interactions, preconditions, preferences and histories over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.fhir.validation import validate
from tests.conformance.test_conformance_door import BASE, BODY_LIMIT, FHIR, a_patient, an_observation, app, machine, send, told
from tests.support.pages import client_of
from tests.support.people import carer, professional

__all__ = ["app", "machine"]

PATCH = "application/json-patch+json"
SYSTEM = "urn:oid:1.2.3"


def numbered(number: str, **more: Any) -> dict[str, Any]:
    return a_patient(identifier=[{"system": SYSTEM, "value": number}], **more)


def setting(path: str, name: str, value: Any) -> dict[str, Any]:
    """A FHIRPath Patch that adds one code."""
    parts = [("type", "Code", "add"), ("path", "String", path), ("name", "String", name), ("value", "Code", value)]
    listed = [{"name": part, f"value{kind}": said} for part, kind, said in parts]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": listed}]}


async def count(client: httpx.AsyncClient, number: str) -> int:
    found = await send(client, "GET", f"/Patient?identifier={SYSTEM}|{number}&_total=accurate")
    total: int = found.json()["total"]
    return total


# Patch


@pytest.mark.parametrize(
    ("kind", "patch"),
    [(PATCH, b'[{"op":"add","path":"/gender","value":"female"}]'), (None, setting("Patient", "gender", "female"))],
)
async def test_a_patch_makes_the_next_version(machine: httpx.AsyncClient, kind: str | None, patch: Any) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    headers = {"content_type": kind} if kind else {}
    done = await send(machine, "PATCH", "/Patient/p", patch, **headers)
    assert done.status_code == 200, done.text
    assert (done.json()["gender"], done.headers["etag"]) == ("female", 'W/"2"')
    assert done.headers["location"] == f"{BASE}/Patient/p/_history/2"
    assert (await send(machine, "GET", "/Patient/p")).json() == done.json()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b'{"op":"remove"}', {}),
        (400, b'[{"op":"add","path":"/gender","value":"homme"}]', {}),
        (400, b'[{"op":"add","path":"/gendre","value":"male"}]', {}),
        (400, b'[{"op":"add","path":"/a","value":1,"value":2}]', {}),
        (422, b'[{"op":"remove","path":"/gender"}]', {}),
        (422, b'[{"op":"replace","path":"/id","value":"q"}]', {}),
        (412, b'[{"op":"test","path":"/id","value":"q"}]', {}),
        (412, b"[]", {"if_match": 'W/"7"'}),
        (400, b"[]", {"if_match": "seven"}),
        (415, b"<diff/>", {"content_type": "application/xml-patch+xml"}),
        (400, b'{"resourceType":"Patient"}', {"content_type": "application/fhir+json"}),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(
    machine: httpx.AsyncClient, status: int, body: bytes, headers: dict[str, str]
) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    refused = await send(machine, "PATCH", "/Patient/p", body, **({"content_type": PATCH} | headers))
    assert refused.status_code == status, refused.text
    assert told(refused)
    assert (await send(machine, "GET", "/Patient/p")).headers["etag"] == 'W/"1"'


async def test_what_is_not_there_or_not_seen_is_not_patched(app: Any, access: Access, machine: httpx.AsyncClient) -> None:
    patch = setting("Patient", "gender", "male")
    assert (await send(machine, "PATCH", "/Patient/p", patch)).status_code == 404
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    async with await client_of(app, access, professional("outside"), accept=FHIR) as outside:
        assert (await send(outside, "PATCH", "/Patient/p", patch)).status_code == 404
    await send(machine, "DELETE", "/Patient/p")
    assert (await send(machine, "PATCH", "/Patient/p", patch)).status_code == 410


async def test_a_conditional_patch_finds_its_resource(machine: httpx.AsyncClient) -> None:
    patch = setting("Patient", "gender", "male")
    assert (await send(machine, "PATCH", f"/Patient?identifier={SYSTEM}|1", patch)).status_code == 404
    await send(machine, "PUT", "/Patient/p", numbered("1", id="p"))
    done = await send(machine, "PATCH", f"/Patient?identifier={SYSTEM}|1", patch)
    assert (done.status_code, done.json()["gender"], done.headers["etag"]) == (200, "male", 'W/"2"')
    await send(machine, "POST", "/Patient", numbered("1"))
    assert (await send(machine, "PATCH", f"/Patient?identifier={SYSTEM}|1", patch)).status_code == 412


# Conditional create, update, delete


async def test_several_matches_are_refused_by_every_conditional_write(machine: httpx.AsyncClient) -> None:
    for _ in range(2):
        await send(machine, "POST", "/Patient", numbered("1"))
    url = f"/Patient?identifier={SYSTEM}|1"
    refusals = [
        await send(machine, "POST", "/Patient", numbered("1"), if_none_exist=f"identifier={SYSTEM}|1"),
        await send(machine, "PUT", url, numbered("1")),
        await send(machine, "DELETE", url),
    ]
    assert [one.status_code for one in refusals] == [412, 412, 412]
    assert "more than one" in told(refusals[0])
    assert await count(machine, "1") == 2


async def test_a_conditional_update_minds_the_id_of_the_body(machine: httpx.AsyncClient) -> None:
    url = f"/Patient?identifier={SYSTEM}|1"
    made = await send(machine, "PUT", url, numbered("1", id="mine"))
    assert (made.status_code, made.json()["id"]) == (201, "mine")
    assert (await send(machine, "PUT", url, numbered("1", id="other"))).status_code == 400
    await send(machine, "PUT", "/Patient/taken", a_patient(id="taken"))
    kept = await send(machine, "PUT", f"/Patient?identifier={SYSTEM}|2", numbered("2", id="taken"))
    assert kept.status_code == 409
    assert "does not match" in told(kept)
    assert (await send(machine, "GET", "/Patient/taken")).headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("criteria", ["", "nom=x", "_count=1", "identifier=", "_sort=_id&family=x"])
async def test_criteria_that_say_nothing_are_refused(machine: httpx.AsyncClient, criteria: str) -> None:
    refusals = [
        await send(machine, "POST", "/Patient", a_patient(), if_none_exist=criteria),
        await send(machine, "PUT", f"/Patient?{criteria}", a_patient()),
        await send(machine, "DELETE", f"/Patient?{criteria}"),
        await send(machine, "PATCH", f"/Patient?{criteria}", setting("Patient", "gender", "male")),
    ]
    assert [one.status_code for one in refusals] == [400] * 4
    assert all(told(one) for one in refusals)


async def test_if_none_match_star_creates_and_never_writes_over(machine: httpx.AsyncClient) -> None:
    made = await send(machine, "PUT", "/Patient/p", a_patient(id="p"), if_none_match="*")
    assert made.status_code == 201, made.text
    assert (await send(machine, "PUT", "/Patient/p", a_patient(id="p"), if_none_match="*")).status_code == 412
    assert (await send(machine, "PUT", "/Patient/p", a_patient(id="p"), if_none_match='W/"1"')).status_code == 400
    assert (await send(machine, "PUT", "/Patient/p", a_patient(id="p"), if_none_exist="family=x")).status_code == 400
    assert (await send(machine, "GET", "/Patient/p")).headers["etag"] == 'W/"1"'


# Conditional reads, preferences


async def test_a_conditional_read_says_what_the_client_has(machine: httpx.AsyncClient) -> None:
    made = await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    same = [{"if_none_match": value} for value in ('W/"1"', '"1"', 'W/"9", W/"1"', "*")]
    same += [{"if_modified_since": value} for value in (made.headers["last-modified"], "Fri, 31 Dec 2100 00:00:00 GMT")]
    for headers in same:
        answer = await send(machine, "GET", "/Patient/p", **headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", 'W/"1"'), headers
    other = [{"if_none_match": 'W/"2"'}, {"if_modified_since": "Sat, 01 Jan 2000 00:00:00 GMT"}, {"if_modified_since": "hier"}]
    other.append({"if_none_match": 'W/"2"', "if_modified_since": "Fri, 31 Dec 2100 00:00:00 GMT"})
    for headers in other:
        assert (await send(machine, "GET", "/Patient/p", **headers)).status_code == 200, headers


async def test_a_deletion_and_a_bundle_answer_what_the_client_prefers(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    told_of = await send(machine, "DELETE", "/Patient/p", prefer='handling=strict; return="OperationOutcome"')
    assert (told_of.status_code, "deleted as version 2" in told(told_of)) == (200, True)
    entry = {"resource": a_patient(), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    plain = (await send(machine, "POST", "", bundle, prefer="handling=strict")).json()["entry"][0]
    whole = (await send(machine, "POST", "", bundle, prefer="return=representation")).json()
    validate(whole)
    said = (await send(machine, "POST", "", bundle, prefer="return=OperationOutcome")).json()["entry"][0]
    assert "resource" not in plain
    assert whole["entry"][0]["resource"]["name"] == a_patient()["name"]
    assert said["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_a_reference_to_our_own_address_is_kept_relative(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    made = await send(machine, "POST", "/Observation", an_observation(f"{BASE}/Patient/p"))
    assert made.json()["subject"] == {"reference": "Patient/p"}
    assert (await send(machine, "GET", "/Observation?patient=p&_total=accurate")).json()["total"] == 1
    elsewhere = await send(machine, "POST", "/Observation", an_observation("http://elsewhere.example/fhir/Patient/p"))
    assert elsewhere.json()["subject"] == {"reference": "http://elsewhere.example/fhir/Patient/p"}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/fhir"), ("POST", "/fhir/Patient"), ("PUT", "/fhir/Patient/p"), ("PATCH", "/fhir/Patient/p")]
)
async def test_a_body_without_a_length_is_refused_before_it_is_read_whole(
    machine: httpx.AsyncClient, method: str, path: str
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * BODY_LIMIT:
            sent += 10_000
            yield b" " * 10_000

    refused = await machine.request(method, path, content=endless(), headers={"content-type": FHIR})
    assert refused.status_code == 413
    assert told(refused)
    assert sent < BODY_LIMIT + 30_000


# History


@pytest.mark.parametrize("level", ["/Patient/p/_history", "/Patient/_history", "/_history"])
async def test_a_history_shows_what_was_made_since_and_what_was_current(machine: httpx.AsyncClient, level: str) -> None:
    times = []
    for gender in ("male", "female", "other"):
        done = await send(machine, "PUT", "/Patient/p", a_patient(id="p", gender=gender))
        times.append(done.json()["meta"]["lastUpdated"])
    await send(machine, "DELETE", "/Patient/p")

    async def versions(query: str) -> list[str]:
        answer = await send(machine, "GET", f"{level}?{query}")
        assert answer.status_code == 200, answer.text
        validate(answer.json())
        return [entry["response"]["etag"][3:-1] for entry in answer.json().get("entry", [])]

    assert await versions("") == ["4", "3", "2", "1"]
    assert await versions(f"_since={times[1]}") == ["4", "3", "2"]
    assert await versions("_since=2100") == []
    assert await versions(f"_at={times[1]}") == ["2"]
    assert await versions("_at=2000-01-01") == []
    assert await versions("_at=2100") == []
    assert (await versions(f"_at={times[0][:4]}"))[-1] == "1"
    first = (await send(machine, "GET", f"{level}?_count=3&_since={times[0]}")).json()
    rest = (await send(machine, "GET", first["link"][1]["url"].removeprefix(BASE))).json()
    assert [entry["response"]["etag"] for entry in (*first["entry"], *rest["entry"])] == [f'W/"{n}"' for n in (4, 3, 2, 1)]


@pytest.mark.parametrize("query", ["_at=yesterday", "_since=2023-02-30", "_at=2020&_at=2021", "_count=0", "_sort=x", "_cursor=x"])
async def test_a_history_refuses_what_it_does_not_understand(machine: httpx.AsyncClient, query: str) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    for level in ("/Patient/p/_history", "/Patient/_history", "/_history"):
        refused = await send(machine, "GET", f"{level}?{query}")
        assert refused.status_code == 400, refused.text
        assert told(refused)


# Bundles


def request(method: str, url: str, resource: Any = None, **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    return entry | ({"resource": resource} if resource else {})


async def test_a_transaction_patches_and_reads_in_the_order_of_the_standard(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    await send(machine, "PUT", "/Patient/q", numbered("7", id="q"))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        request("GET", "Patient/p"),
        request("GET", "Patient/p/_history/1"),
        request("GET", "Patient/p/_history?_count=1"),
        request("HEAD", "Patient/p"),
        request("GET", "Patient/p", ifNoneMatch='W/"2"'),
        request("PATCH", "Patient/p", setting("Patient", "gender", "male"), ifMatch='W/"1"'),
        request("PATCH", f"Patient?identifier={SYSTEM}|7", {
            "resourceType": "Binary", "contentType": PATCH,
            "data": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2dlbmRlciIsInZhbHVlIjoib3RoZXIifV0=",
        }),
    ]}  # fmt: skip
    done = await send(machine, "POST", "", bundle)
    assert done.status_code == 200, done.text
    answer = done.json()
    validate(answer)
    read, first, history, head, same, patched, found = answer["entry"]
    assert (read["resource"]["gender"], "gender" in first["resource"]) == ("male", False)
    assert [one["resource"]["meta"]["versionId"] for one in history["resource"]["entry"]] == ["2"]
    assert ("resource" in head, head["response"]["etag"]) == (False, 'W/"2"')
    assert (same["response"]["status"], "resource" in same) == ("304 Not Modified", False)
    assert [one["response"]["status"] for one in (patched, found)] == ["200 OK", "200 OK"]
    assert (await send(machine, "GET", "/Patient/q")).json()["gender"] == "other"


@pytest.mark.parametrize(
    ("status", "bad"),
    [
        (412, request("PATCH", "Patient/p", setting("Patient", "gender", "male"), ifMatch='W/"9"')),
        (422, request("PATCH", "Patient/p", setting("Patient.gender", "id", "x"))),
        (404, request("PATCH", "Patient/nobody", setting("Patient", "gender", "male"))),
        (409, request("PUT", "Patient/p", a_patient(id="p"))),
        (400, request("PATCH", "Patient/p", a_patient(id="p"))),
        (400, request("PUT", "Patient/q", a_patient(id="q"), ifNoneMatch='W/"1"')),
        (400, request("POST", "Patient?family=x", a_patient())),
    ],
)
async def test_a_transaction_with_a_bad_entry_is_undone_and_names_it(
    machine: httpx.AsyncClient, status: int, bad: dict[str, Any]
) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    good = [
        request("PUT", "Patient/new", a_patient(id="new")),
        request("PATCH", "Patient/p", setting("Patient", "gender", "male")),
    ]
    entries = [*(good if status == 409 else good[:1]), bad]
    refused = await send(machine, "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert refused.status_code == status, refused.text
    assert f"Bundle.entry[{len(entries) - 1}]" in told(refused)
    assert (await send(machine, "GET", "/Patient/new")).status_code == 404
    assert (await send(machine, "GET", "/Patient/p")).headers["etag"] == 'W/"1"'


async def test_an_entry_of_a_batch_that_is_no_request_is_refused_alone(machine: httpx.AsyncClient) -> None:
    entries = [
        request("PUT", "Patient/p", a_patient(id="p")),
        request("PUT", "Patient", a_patient()),
        request("GET", "Patient/p"),
    ]
    answer = await send(machine, "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    validate(answer.json())
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["201", "400", "200"]
    issue = answer.json()["entry"][1]["response"]["outcome"]["issue"][0]
    assert issue["expression"] == ["Bundle.entry[1].request.url"]


async def test_a_conditional_reference_finds_exactly_one_resource_as_the_bundle_leaves_it(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", numbered("1", id="p"))
    fact = request("POST", "Observation", an_observation(f"Patient?identifier={SYSTEM}|1"))

    async def status(*others: dict[str, Any]) -> int:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [fact, *others]}
        return (await send(machine, "POST", "", bundle)).status_code

    assert await status() == 200
    assert await status(request("PUT", "Patient/p", numbered("1", id="p", gender="male"))) == 200
    assert await status(request("POST", "Patient", numbered("1"))) == 412
    assert await status(request("PUT", "Patient/p", numbered("2", id="p"))) == 412
    assert await status(request("DELETE", "Patient/p")) == 412
    assert await status(request("DELETE", "Patient/p"), request("POST", "Patient", numbered("1"))) == 200


@pytest.mark.parametrize(
    ("bad", "place", "words"),
    [
        ({"request": {"method": "GET", "url": ""}}, "request.url", "uri"),
        ({"request": {"method": "GET", "url": " "}}, "request.url", "uri"),
        ({"request": {"method": "GET", "url": 3}}, "request.url", "uri"),
        ({"request": {"method": "GET"}}, "request.url", "required"),
        ({"request": {"method": "WALK", "url": "Patient"}}, "request.method", "http-verb"),
        ({"request": {"method": "GET", "url": "Patient", "ifMatch": 3}}, "request.ifMatch", "string"),
        ({"request": {"method": "GET", "url": "Patient", "ifModifiedSince": "noon"}}, "request.ifModifiedSince", "instant"),
        ({"request": []}, "request", "object"),
        ({"fullUrl": "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10"}, "", "bdl-"),
        ("Patient", "", "object"),
        (None, "", "object"),
    ],
)
async def test_a_malformed_entry_of_a_batch_is_refused_alone_and_of_a_transaction_with_it(
    machine: httpx.AsyncClient, bad: Any, place: str, words: str
) -> None:
    def entries(id: str) -> list[Any]:
        return [{"resource": a_patient(id=id), "request": {"method": "PUT", "url": f"Patient/{id}"}}, bad]

    answer = await send(machine, "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries("b")})
    assert answer.status_code == 200, answer.text
    good, refused = answer.json()["entry"]
    issue = refused["response"]["outcome"]["issue"][0]
    assert (good["response"]["status"], refused["response"]["status"]) == ("201 Created", "400")
    assert issue["expression"] == [f"Bundle.entry[1].{place}".rstrip(".")]
    assert words in issue["diagnostics"]

    whole = await send(machine, "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries("t")})
    assert whole.status_code == 400
    assert words in whole.text
    assert place == "" or f"Bundle.entry[1].{place}" in whole.text
    assert (await send(machine, "GET", "/Patient/t")).status_code == 404


async def test_who_only_reads_is_told_what_is_wrong_with_an_entry(app: Any, access: Access, machine: httpx.AsyncClient) -> None:
    async with await client_of(app, access, carer("c"), accept=FHIR) as helper:
        entries = [{"request": {"method": "POST", "url": ""}}, {"request": {"method": "GET", "url": "Patient"}}]
        answer = await send(helper, "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        assert [one["response"]["status"] for one in answer.json()["entry"]] == ["400", "200 OK"]
