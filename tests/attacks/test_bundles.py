"""Bundles: endless, too deep, knotted; and entries that ask, write or open what whoever sends them could not alone."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access import bundles
from maillage.access.access import Access
from maillage.fhir.bundle import entries
from maillage.services.identity import public as identity
from tests.support.attacked import OUTSIDER
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team

Resource = dict[str, Any]
FHIR, NUMBER = "application/fhir+json", "urn:maillage:regional-number"
PATIENCE, SECONDS = 60.0, 5.0
ME, DAY = {"reference": "Practitioner/outsider"}, {"start": "2026-11-23T10:00:00Z", "end": "2026-11-23T18:00:00Z"}
BASIC: Resource = {"resourceType": "Basic", "code": {"text": "x"}}
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
AMBULATORY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}


@pytest.fixture
async def machine(attacked: Starlette, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with await client_of(attacked, access, MACHINE, accept=FHIR) as client:
        yield client


@pytest.fixture
async def outsider(attacked: Starlette, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who cares for Chloé, and for neither Anne nor Bruno."""
    chloe = identity.as_regional({"resourceType": "Patient", "id": "chloe", "name": [{"family": "Chloé"}]}, "R-chloe")
    async with access.act(SEED) as ctx:
        me = {"resourceType": "Practitioner", "id": "outsider"}
        await ctx.records.write_all([me, chloe, care_team("chloe", "Practitioner/outsider"), condition("chloe", id="own")])
    async with await client_of(attacked, access, OUTSIDER, accept=FHIR) as client:
        yield client


def entry(method: str, url: str, resource: Resource | None = None, full: str | None = None, **more: str) -> Resource:
    said = {"fullUrl": full, "resource": resource, "request": {"method": method, "url": url, **more}}
    return {name: value for name, value in said.items() if value is not None}


def bundle(kind: str, *asked: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": list(asked)}


def condition(person: str, **more: Any) -> Resource:
    return {"resourceType": "Condition", "subject": {"reference": f"Patient/{person}"}, "code": {"text": "x"}, **more}


async def sent(client: httpx.AsyncClient, body: Resource) -> httpx.Response:
    return await asyncio.wait_for(client.post("/fhir", json=body), PATIENCE)


def statuses(answer: httpx.Response) -> list[str]:
    return [one["response"]["status"][:3] for one in answer.json()["entry"]]


async def test_a_batch_has_no_more_entries_than_a_transaction(
    machine: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_ENTRIES", 5)
    for kind in ("batch", "transaction"):
        assert statuses(await sent(machine, bundle(kind, *[entry("POST", "Basic", BASIC)] * 5))) == ["201"] * 5
        answer = await sent(machine, bundle(kind, *[entry("POST", "Basic", BASIC)] * 6))
        assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["Bundle.entry"]), kind


async def test_a_short_bundle_does_not_ask_for_the_same_long_page_without_end(
    machine: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await machine.post("/fhir/Basic", json=BASIC | {"code": {"text": "a" * 50_000}})
    id = made.json()["id"]
    monkeypatch.setattr(bundles, "MOST_READ", 120_000)
    for url in (f"Basic/{id}", f"Basic?_id={id}", f"Basic/{id}/_history", f"Basic/{id}/_history/1", "Patient/anne/$everything"):
        asked = [entry("GET", f"Basic/{id}")] * 2 + [entry("GET", url)] * 3
        told = statuses(await sent(machine, bundle("batch", *asked)))
        assert told[:3] == ["200"] * 3, url
        assert told[-1] == "413", url
        assert (await sent(machine, bundle("transaction", *asked))).status_code == 413, url
    assert len((await sent(machine, bundle("batch", *[entry("GET", f"Basic/{id}")] * 1_000))).content) < 500_000
    filled = [entry("GET", f"Basic/{id}")] * 3 + [entry("GET", "Patient/anne/$everything")]
    assert statuses(await sent(machine, bundle("batch", *filled))) == ["200", "200", "200", "413"]


@pytest.mark.parametrize("what", ["extensions", "contained", "bundles", "arrays"])
async def test_a_bundle_that_is_too_deep_is_refused_soon(machine: httpx.AsyncClient, what: str) -> None:
    opened, closed, times = {
        "extensions": ('{"url":"u","extension":[', "]}", 3_000),
        "contained": ('{"resourceType":"Basic","id":"a","code":{"text":"x"},"contained":[', "]}", 3_000),
        "bundles": ('{"resourceType":"Bundle","type":"batch","entry":[{"resource":', "}]}", 3_000),
        "arrays": ("[", "]", 300_000),
    }[what]
    inner = opened * times + closed * times
    held = f'"contained":[{inner}]' if what in ("contained", "bundles") else f'"extension":[{inner}]'
    text = '{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Basic","code":{"text":"x"},%s},"request":{"method":"POST","url":"Basic"}}]}'
    assert (await sent(machine, bundle("transaction", entry("POST", "Basic", BASIC)))).status_code == 200
    began = time.process_time()
    answer = await asyncio.wait_for(machine.post("/fhir", content=text % held, headers={"content-type": FHIR}), PATIENCE)
    assert answer.status_code == 400
    assert time.process_time() - began < SECONDS
    assert len(answer.content) < 10_000


async def test_what_is_contained_holds_nothing_itself_and_a_bundle_no_bundle_to_carry_out(machine: httpx.AsyncClient) -> None:
    inner = BASIC | {"id": "a", "contained": [BASIC | {"id": "b"}], "subject": {"reference": "#b"}}
    held = BASIC | {"contained": [inner], "subject": {"reference": "#a"}}
    assert (await sent(machine, bundle("transaction", entry("POST", "Basic", held)))).status_code == 400
    for url in ("/", "", "fhir", "Bundle/$process"):
        answer = await sent(machine, bundle("batch", entry("POST", url, bundle("batch", entry("POST", "Basic", BASIC)))))
        assert answer.status_code == 400 or statuses(answer)[0][0] == "4", url
    assert (await machine.get("/fhir/Basic?_summary=count")).json()["total"] == 0


async def test_entries_that_name_each_other_are_written_and_two_of_one_name_are_not(machine: httpx.AsyncClient) -> None:
    """A knot of a thousand entries costs what a thousand cost; nothing follows it round."""
    names = [f"urn:uuid:00000000-0000-4000-8000-{n:012}" for n in range(1_000)]
    ring = [entry("POST", "Basic", BASIC | {"subject": {"reference": names[n - 1]}}, full=names[n]) for n in range(len(names))]
    began = time.process_time()
    assert set(statuses(await sent(machine, bundle("transaction", *ring)))) == {"201"}
    assert time.process_time() - began < SECONDS
    [one] = (await machine.get("/fhir/Basic?_count=1")).json()["entry"]
    assert (await machine.get(f"/fhir/Basic?_id={one['resource']['id']}&_include:iterate=Basic:subject")).status_code == 200
    twice = [entry("POST", "Basic", BASIC, full=names[0]), entry("POST", "Condition", condition("anne"), full=names[0])]
    assert (await sent(machine, bundle("transaction", *twice))).status_code == 400
    beside = entry("POST", "Condition", condition("x") | {"subject": {"reference": names[0]}})
    assert statuses(await sent(machine, bundle("batch", twice[0], beside)))[0] == "201"
    assert (await machine.get("/fhir/Condition?subject:Patient._id=x&_summary=count")).json()["total"] == 0


def questions(whose: str) -> list[tuple[str, Resource]]:
    """Bundles that ask about somebody, by every means that would tell whether they are there."""
    found, number = f"condition-{whose}", f"{NUMBER}|R-{whose}"
    new = identity.as_regional({"resourceType": "Patient", "name": [{"family": "X"}]}, "R-new")
    patch: Resource = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Condition"}, {"name": "name", "valueString": "recordedDate"},
        {"name": "value", "valueDateTime": "2026-11-23"}]}]}  # fmt: skip
    measure = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/chloe"}}
    return [
        ("a condition of theirs", entry("POST", "Condition", condition(whose))),
        ("by number", entry("POST", "Condition", condition("x") | {"subject": {"reference": f"Patient?identifier={number}"}})),
        ("by id", entry("POST", "Condition", condition("x") | {"subject": {"reference": f"Patient?_id={whose}"}})),
        ("by what they have", entry("POST", "Condition", condition("x") | {"subject": {"reference": f"Patient?_has:Condition:patient:_id={found}"}})),
        ("aside", entry("POST", "Observation", measure | {"performer": [{"reference": f"Patient?identifier={number}"}]})),
        ("aside, by name", entry("POST", "Observation", measure | {"performer": [{"reference": f"Patient/{whose}"}]})),
        ("a circle", entry("POST", "CareTeam", care_team("chloe", "Practitioner/outsider", f"Patient/{whose}", id="new"))),
        ("a new patient, if none", entry("POST", "Patient", new, ifNoneExist=f"identifier={number}")),
        ("a new condition, if none", entry("POST", "Condition", condition("chloe"), ifNoneExist=f"_id={found}")),
        ("put where", entry("PUT", f"Patient?identifier={number}", new)),
        ("put a condition where", entry("PUT", f"Condition?_id={found}", condition("chloe"))),
        ("put the patient", entry("PUT", f"Patient/{whose}", new | {"id": whose})),
        ("patch where", entry("PATCH", f"Condition?_id={found}", patch)),
        ("patch", entry("PATCH", f"Condition/{found}", patch)),
        ("delete where", entry("DELETE", f"Condition?_id={found}")),
        ("delete", entry("DELETE", f"Condition/{found}")),
        ("delete a version", entry("DELETE", f"Condition/{found}", ifMatch='W/"1"')),
        ("delete the patient", entry("DELETE", f"Patient/{whose}")),
        *((url, entry("GET", url)) for url in (
            f"Patient/{whose}", f"Patient?_id={whose}", f"Patient?identifier={number}", f"Patient/{whose}/_history", f"Patient/{whose}/_history/1",
            f"Condition/{found}", f"Condition/{found}/_history/1", f"Condition?patient={whose}&_total=accurate", f"Patient/{whose}/*",
            f"Patient/{whose}/Condition", f"Patient/{whose}/$everything", f"Condition/{found}/$meta", f"Patient?link=Patient/{whose}",
        )),
        ("head", entry("HEAD", f"Patient/{whose}")),
    ]  # fmt: skip


async def test_no_bundle_tells_whether_somebody_is_there_whom_its_sender_may_not_see(outsider: httpx.AsyncClient) -> None:
    assert statuses(await sent(outsider, bundle("batch", entry("GET", "Condition/own"), entry("PATCH", "Condition?_id=own", questions("chloe")[12][1]["resource"])))) == ["200", "200"]  # fmt: skip
    for kind in ("batch", "transaction"):
        there, absent = questions("bruno"), questions("absent")
        for (what, asked), (_, same) in zip(there, absent, strict=True):
            told = [await sent(outsider, bundle(kind, one)) for one in (asked, same)]
            assert said(told[0]) == said(told[1]), (kind, what)
            assert "Autre" not in told[0].text, (kind, what)


def said(answer: httpx.Response) -> str:
    """An answer, without what it names because it was asked, and what is new each time."""
    body = answer.json()
    parts = body.get("entry", [])
    kept = [
        {"status": one["response"]["status"], "outcome": one["response"].get("outcome"), "held": len(one.get("resource", {}).get("entry", [])),
         "total": one.get("resource", {}).get("total")} for one in parts
    ]  # fmt: skip
    issues = [(one["code"], one["diagnostics"]) for one in body.get("issue", [])]
    text = json.dumps([answer.status_code, kept, issues]).replace("bruno", "WHO").replace("absent", "WHO")
    return "".join(" " if len(word) == 36 and word.count("-") == 4 else word for word in _words(text))


def _words(text: str) -> list[str]:
    spaced = text
    for mark in '/"\\ ,':
        spaced = spaced.replace(mark, f"\n{mark}\n")
    return spaced.split("\n")


def plants(person: str) -> list[Resource]:
    """Records that open, or look as if they opened, the record of somebody to whoever writes them."""
    who = {"reference": f"Patient/{person}"}
    both = [{"actor": who, "status": "accepted"}, {"actor": ME, "status": "accepted"}]
    permit = {"type": "permit", "actor": [{"role": {"text": "x"}, "reference": ME}]}
    return [
        care_team(person, "Practitioner/outsider", id="planted"),
        {"resourceType": "EpisodeOfCare", "status": "active", "patient": who, "careManager": ME},
        {"resourceType": "Encounter", "status": "in-progress", "class": AMBULATORY, "subject": who, "participant": [{"individual": ME}]},
        {"resourceType": "Appointment", "status": "booked", **DAY, "participant": both},
        {"resourceType": "Appointment", "status": "booked", **DAY, "participant": [*both, {"actor": {"reference": "Patient/chloe"}, "status": "accepted"}]},
        {"resourceType": "Consent", "status": "active", "scope": SCOPE, "category": [{"text": "x"}], "patient": who, "policyRule": {"text": "x"}, "provision": permit},
        {"resourceType": "Task", "status": "requested", "intent": "order", "for": who, "owner": ME, "requester": ME},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": who, "requester": ME, "performer": [ME]},
        {"resourceType": "Communication", "status": "completed", "subject": who, "sender": ME, "recipient": [ME]},
        {"resourceType": "DocumentReference", "status": "current", "subject": who, "author": [ME], "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}]},
        {"resourceType": "RelatedPerson", "active": True, "patient": who},
        {"resourceType": "Group", "type": "person", "actual": True, "member": [{"entity": who}, {"entity": ME}]},
        {"resourceType": "PractitionerRole", "practitioner": ME, "organization": {"reference": "Organization/house"}},
        {"resourceType": "Person", "link": [{"target": who}, {"target": ME}]},
        {"resourceType": "Patient", "generalPractitioner": [ME], "link": [{"other": who, "type": "seealso"}]},
    ]  # fmt: skip


async def test_no_bundle_opens_a_record_by_what_it_plants_in_it(outsider: httpx.AsyncClient) -> None:
    reads = [entry("GET", "Condition/condition-bruno"), entry("GET", "Condition?patient=bruno&_total=accurate")]
    own = await sent(outsider, bundle("transaction", entry("POST", "Task", plants("chloe")[6]), entry("GET", "Condition/own")))
    assert statuses(own) == ["201", "200"]
    for plant in plants("bruno"):
        kind = plant["resourceType"]
        put = entry("PUT", f"{kind}/planted", plant | {"id": "planted"})
        for one in (entry("POST", kind, plant), put):
            whole = await sent(outsider, bundle("transaction", one, *reads))
            assert whole.status_code in (403, 404, 422), (kind, whole.text)
            told = await sent(outsider, bundle("batch", one, *reads))
            assert statuses(told)[1:] == ["404", "200"], kind
            assert told.json()["entry"][2]["resource"]["total"] == 0, kind
            assert (await outsider.get("/fhir/Condition/condition-bruno")).status_code == 404, kind


@pytest.mark.parametrize("subject", ["Patient/bruno", "{base}/fhir/Patient/bruno", "Patient/bruno/_history/1", "Patient/bruno#x", "#p", "urn:uuid:bruno", "Patient?_id=bruno", "patient/bruno", "Patient//bruno"])  # fmt: skip
async def test_no_circle_of_one_person_becomes_that_of_another(outsider: httpx.AsyncClient, subject: str) -> None:
    team = care_team("chloe", "Practitioner/outsider")
    assert statuses(await sent(outsider, bundle("transaction", entry("PUT", "CareTeam/team-chloe", team)))) == ["200"]
    moved = team | {"subject": {"reference": subject.format(base="http://maillage.test")}}
    if subject == "#p":
        moved |= {"contained": [{"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/bruno"}, "type": "seealso"}]}]}  # fmt: skip
    answer = await sent(outsider, bundle("transaction", entry("PUT", "CareTeam/team-chloe", moved)))
    assert answer.status_code in (400, 403, 412, 422)
    assert (await outsider.get("/fhir/Condition/condition-bruno")).status_code == 404


async def test_a_name_that_another_entry_has_leads_to_that_entry_alone(outsider: httpx.AsyncClient) -> None:
    """Who gives a new patient the address of another's record writes in that of the new one."""
    for full in ("http://maillage.test/fhir/Patient/bruno", "Patient/bruno", "urn:uuid:00000000-0000-4000-8000-000000000001"):
        new = identity.as_regional({"resourceType": "Patient", "name": [{"family": "X"}], "generalPractitioner": [ME]}, "R-new")
        about = condition("bruno") if "bruno" in full else condition("x") | {"subject": {"reference": full}}
        answer = await sent(
            outsider, bundle("transaction", entry("POST", "Patient", new, full=full), entry("POST", "Condition", about))
        )
        if answer.status_code == 200:
            made = answer.json()["entry"][1]["response"]["location"].split("/_history")[0]
            assert (await outsider.get(f"/fhir/{made}")).json()["subject"]["reference"] != "Patient/bruno", full
        else:
            assert answer.status_code in (400, 403), full
        assert (await outsider.get("/fhir/Condition/condition-bruno")).status_code == 404
