"""The trail as FHIR: who may read it, what they find, and that nobody writes it."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.audit import Action
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.fhir.validation import validate
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team, carer, officer_of, patient, professional, sees

GP = replace(professional("gp", Role.GP, name="Dr Jo MÉDECIN"), organizations=("Organization/house",))
STRANGER = professional("stranger", Role.NURSE)
OFFICER = officer_of(Role.OFFICER)
PERSON, OTHER = patient("p"), patient("q")
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."

Ask = Callable[[Actor, str], Awaitable[Any]]


@pytest.fixture
async def clients(platform: Platform, access: Access) -> AsyncIterator[Callable[[Actor], Awaitable[httpx.AsyncClient]]]:
    app = create_app(platform, fhir_routes())
    async with AsyncExitStack() as open_clients:

        async def make(actor: Actor) -> httpx.AsyncClient:
            return await open_clients.enter_async_context(await client_of(app, access, actor, accept="application/fhir+json"))

        yield make


@pytest.fixture
async def trail(access: Access, clock: FixedClock) -> None:
    """A doctor of two persons reads, searches, writes, updates and deletes; a stranger is refused; a machine reads."""
    async with access.act(SEED) as ctx:
        for one in ("p", "q"):
            await ctx.records.write({"resourceType": "Patient", "id": one}, care_team(one, "Practitioner/gp"))
        await ctx.records.write(
            {"resourceType": "Condition", "id": "c", "code": {"text": "Secret"}, "subject": {"reference": "Patient/p"}}
        )
        await ctx.records.write(
            {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/p"}, "active": True, **sees("whole")},
            care_team("p", "RelatedPerson/r", id="with-carer"),
        )
    clock.advance(timedelta(hours=1))
    async with access.act(GP, read_only=True, door="fhir", origin="192.0.2.7") as ctx:
        await ctx.records.read("Condition", "c")
        await ctx.records.find("Condition", {"code:text": "Secret", "_count": "5"})
        await ctx.records.find("Patient", {"_id": "p,q"})
    clock.advance(timedelta(hours=1))
    async with access.act(GP, door="page") as ctx:
        made = await ctx.records.write({"resourceType": "Condition", "subject": {"reference": "Patient/p"}})
        made = await ctx.records.write({**made, "recordedDate": "2026-11-22"})
        await ctx.records.delete("Condition", made["id"])
    with pytest.raises(Exception, match="Condition/c"):
        async with access.act(STRANGER, read_only=True, door="fhir") as ctx:
            await ctx.records.read("Condition", "c")


async def search(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/fhir/AuditEvent?{query}")
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def agent(event: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in event["agent"] if one["requestor"])


async def test_the_officer_finds_each_deed_as_balp_tells_it(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    found = await search(officer, "agent=Practitioner/gp&_count=50")
    for event in found:
        validate(event)
    profiles = [event["meta"]["profile"][0].removeprefix(BALP) for event in found]
    assert profiles == ["PatientDelete", "PatientUpdate", "PatientCreate", "Query", "PatientQuery", "PatientRead"]
    assert [event["action"] for event in found] == ["D", "U", "C", "E", "E", "R"]
    read = found[-1]
    assert [one["code"] for one in read["subtype"]] == ["read"]
    assert {"reference": "Condition/c"} in [one.get("what") for one in read["entity"]]
    assert {"reference": "Patient/p"} in [one.get("what") for one in read["entity"]]
    assert (agent(read)["name"], agent(read)["who"]["reference"]) == ("Dr Jo MÉDECIN", "Practitioner/gp")
    assert agent(read)["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert read["agent"][0]["network"] == {"address": "192.0.2.7", "type": "2"}
    assert {"reference": "Organization/house"} in [one["who"] for one in read["agent"]]
    both = found[3]
    assert {one["what"]["reference"] for one in both["entity"] if "what" in one} == {"Patient/p", "Patient/q"}


async def test_a_search_is_told_without_the_name_that_was_searched(trail: None, clients: Any) -> None:
    (event,) = [
        one
        for one in await search(await clients(OFFICER), "agent=Practitioner/gp&action=E&patient=p&_count=50")
        if "Patient" in one["meta"]["profile"][0]
    ]
    query = b64decode(event["entity"][-1]["query"]).decode()
    assert query.startswith("Condition?code:text=#")
    assert "Secret" not in json.dumps(event)


SEARCHES = [
    ("patient=p&action=R&agent=Practitioner/gp", 1),
    ("patient=Patient/q&agent=Practitioner/gp", 1),
    ("patient=p,q&action=E&agent=Practitioner/gp", 2),
    ("outcome=4", 1),
    ("outcome=http://terminology.hl7.org/CodeSystem/audit-event-outcome|4&patient=p", 1),
    ("entity=Condition/c&agent=Practitioner/gp", 1),
    ("entity=Patient/q&agent=Practitioner/gp", 1),
    ("agent-name=médecin", 6),
    ("agent-name=%25", 0),
    ("altid=psc:gp", 6),
    ("address=192.0.2.7", 3),
    ("subtype=delete", 1),
    ("subtype=http://hl7.org/fhir/restful-interaction|search&agent=Practitioner/gp", 2),
    ("type=rest&agent=Practitioner/gp", 6),
    ("type=login", 0),
    ("agent=Practitioner/gp&date=ge2026-11-23T13:30:00Z", 3),
    ("agent=Practitioner/gp&date=lt2026-11-23T13:30:00Z", 3),
    ("agent=Practitioner/gp&date=2026-11-23", 6),
    ("agent=Practitioner/gp&date=sa2026-11-23", 0),
    ("agent=Practitioner/gp&date=ge2026-11-23T13:30:00Z&date=lt2026-11-23T13:00:00Z", 0),
    ("agent=Practitioner/nobody", 0),
    ("_id=1-999-1", 0),
]


async def test_what_is_searched_is_found(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    found = [(query, len(await search(officer, f"{query}&_count=50"))) for query, _ in SEARCHES]
    assert found == SEARCHES


UNANSWERED = [
    ("site=x", "site"),
    ("_sort=date", "newest first"),
    ("agent=rubbish", "Practitioner/12"),
    ("patient=Practitioner/1", "Patient/12"),
    ("patient.name=x", "searched by"),
    ("_include=AuditEvent:patient", "searched by"),
    ("date=ap2026", "prefixes"),
    ("entity=Patient/p,Condition/c", "apart"),
]


async def test_what_the_trail_does_not_answer_is_refused(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    for query, words in UNANSWERED:
        answer = await officer.get(f"/fhir/AuditEvent?{query}")
        assert (answer.status_code, words in answer.text) == (400, True), (query, answer.text)


@pytest.mark.parametrize("value", ["2024,2024", "ge2024-13", "xx2024", "soon", "2024-02-30"])
async def test_a_date_that_is_none_is_refused_where_it_stands(trail: None, clients: Any, value: str) -> None:
    answer = await (await clients(OFFICER)).get(f"/fhir/AuditEvent?_lastUpdated={value}")
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["expression"]) == (400, ["_lastUpdated"])


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("AuditEvent?_cursor=x", "_cursor"),
        ("AuditEvent?_cursor=2026-11-22T10:00:00~1~1~1", "_cursor"),
        ("AuditEvent?_cursor=2026-11-22T10:00:00Z~32768~1~1", "_cursor"),
        (f"AuditEvent?_cursor=2026-11-22T10:00:00Z~1~{2**63}~1", "_cursor"),
        ("AuditEvent?_cursor=2026-11-22T10:00:00Z~1~1~-1", "_cursor"),
        ("Patient?_has:AuditEvent:patient:action=R", "_has:AuditEvent:patient:action"),
        ("?_type=Patient,AuditEvent", "_type"),
    ],
)
async def test_a_place_in_the_trail_that_is_none_is_refused_where_it_stands(
    trail: None, clients: Any, address: str, place: str
) -> None:
    answer = await (await clients(OFFICER)).get(f"/fhir/{address}")
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["expression"]) == (400, [place])


async def test_pages_follow_each_other_and_totals_are_exact(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    whole = [one["id"] for one in await search(officer, "agent=Practitioner/gp")]
    address, found = "/fhir/AuditEvent?agent=Practitioner/gp&_count=4&_total=accurate", []
    while address:
        page = (await officer.get(address)).json()
        assert page["total"] == 6
        found += [entry["resource"]["id"] for entry in page["entry"]]
        following = [urlsplit(link["url"]) for link in page["link"] if link["relation"] == "next"]
        address = f"{following[0].path}?{following[0].query}" if following else ""
    assert found == whole
    assert (await officer.get("/fhir/AuditEvent?agent=Practitioner/gp&_summary=count")).json()["total"] == 6
    assert (await officer.get("/fhir/AuditEvent?_cursor=x")).status_code == 400


async def test_one_is_read_by_its_id_in_both_formats(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    (event,) = await search(officer, "agent=Practitioner/gp&action=R")
    for path in ("", "/_history/1"):
        answer = await officer.get(f"/fhir/AuditEvent/{event['id']}{path}")
        assert answer.json() == event
    assert "<AuditEvent" in (await officer.get(f"/fhir/AuditEvent/{event['id']}?_format=xml")).text
    for wrong in ("1-1-999", "x", "99999-1-1", f"{event['id']}/_history/2"):
        assert (await officer.get(f"/fhir/AuditEvent/{wrong}")).status_code == 404
    assert (await officer.get(f"/fhir/AuditEvent/{event['id']}/_history")).status_code == 400


async def test_a_person_reads_their_own_and_nobody_elses(trail: None, clients: Any) -> None:
    person, officer = await clients(PERSON), await clients(OFFICER)
    own = await search(person, "agent=Practitioner/gp")
    assert own == await search(person, "patient=Patient/p&agent=Practitioner/gp")
    assert len(own) == 6
    assert "Patient/q" not in json.dumps(own)
    assert "Condition/c" not in json.dumps(own)
    assert len(await search(person, "outcome=4")) == 1
    assert await search(person, "patient=Patient/q") == []
    assert await search(person, "patient=q,p&agent=Practitioner/gp") == own
    for event in own:
        validate(event)
        assert (await person.get(f"/fhir/AuditEvent/{event['id']}")).json() == event
    elsewhere = next(one["id"] for one in await search(officer, "patient=q&_count=50") if "Patient/p" not in json.dumps(one))
    assert (await person.get(f"/fhir/AuditEvent/{elsewhere}")).status_code == 404
    assert (await person.get("/fhir/Patient/p/AuditEvent?agent=Practitioner/gp")).json()["entry"][0]["resource"] == own[0]


async def test_another_person_is_not_named_to_the_person(access: Access, trail: None, clients: Any) -> None:
    async with access.act(OTHER, door="page") as ctx:
        ctx.trace(Action.READ, "Patient", "p", patient="p")
    found = json.dumps(await search(await clients(PERSON), "action=R"), ensure_ascii=False)
    assert "Une autre personne suivie" in found
    assert "patient:q" not in found
    assert "Patient/q" not in found


async def test_a_carer_reads_that_of_whom_they_care_for(trail: None, clients: Any) -> None:
    assert len(await search(await clients(carer("r")), "agent=Practitioner/gp")) == 6
    assert (await (await clients(carer("gone"))).get("/fhir/AuditEvent")).status_code == 404


async def test_machines_read_it_with_their_scope_only(trail: None, clients: Any) -> None:
    may = replace(MACHINE, id="siem", scopes=frozenset({"system/AuditEvent.rs"}))
    assert len(await search(await clients(may), "agent=Practitioner/gp")) == 6
    others = replace(MACHINE, id="lab", scopes=frozenset({"system/Observation.rs", "system/AuditEvent.c"}))
    assert (await (await clients(others)).get("/fhir/AuditEvent")).status_code == 403


@pytest.mark.parametrize(
    "actor", [GP, STRANGER, officer_of(Role.STEWARD), officer_of(Role.OPERATOR), officer_of(Role.ARS)], ids=lambda a: a.id
)
async def test_nobody_else_reads_it_and_the_attempt_is_in_it(trail: None, clients: Any, actor: Actor) -> None:
    client, officer = await clients(actor), await clients(OFFICER)
    (event, *_) = await search(officer, "agent=Practitioner/gp")
    for path in ("AuditEvent", "AuditEvent?patient=p", f"AuditEvent/{event['id']}", "Patient/p/AuditEvent"):
        assert (await client.get(f"/fhir/{path}")).status_code == 403, path
    refused = await search(officer, f"altid={actor.id}&outcome=4&_count=50")
    assert len([one for one in refused if "AuditEvent" in json.dumps(one)]) >= 4


async def test_reading_it_is_in_it(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    await search(officer, "patient=p&agent-name=Secret")
    (event, *_) = await search(officer, "altid=staff:officer")
    assert "Patient/p" in json.dumps(event)
    assert "Secret" not in json.dumps(event)


async def test_those_who_come_in_are_in_the_trail_of_the_record_that_is_theirs(access: Access, trail: None, clients: Any) -> None:
    for actor in (carer("r"), PERSON, GP):
        async with access.act(actor, door="page") as ctx:
            ctx.trace(Action.EXECUTE, "sign-in", "session")
    officer = await clients(OFFICER)
    found = await search(officer, "type=110114")
    for event in found:
        validate(event)
    assert {one["agent"][2]["altId"]: "entity" in one for one in found} == {"carer:r": True, "patient:p": True, "psc:gp": False}
    assert {agent(one)["altId"] for one in await search(await clients(PERSON), "type=110114")} == {"carer:r", "patient:p"}
    assert not [one for one in await search(officer, "type=rest&_count=200") if one["type"]["code"] != "rest"]


async def test_it_is_not_looked_for_where_it_is_not(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    for query in (
        "Organization?_revinclude=AuditEvent:agent",
        "Patient?_has:AuditEvent:patient:action=R",
        "?_type=AuditEvent,Patient",
    ):
        answer = await officer.get(f"/fhir/{query}")
        assert (answer.status_code, "/AuditEvent" in answer.text) == (400, True), query
    assert (await officer.get("/fhir/AuditEvent/_history")).status_code == 400
    assert (await officer.get("/fhir/Organization/x/AuditEvent")).status_code in (400, 404)


@pytest.mark.parametrize("actor", [replace(MACHINE, id="all"), GP, OFFICER, PERSON], ids=lambda a: a.id)
async def test_nobody_writes_it(trail: None, clients: Any, actor: Actor) -> None:
    client, officer = await clients(actor), await clients(OFFICER)
    (event, *_) = await search(officer, "agent=Practitioner/gp")
    sent = {**event, "outcome": "0"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": sent, "request": {"method": "POST", "url": "AuditEvent"}}],
    }
    patch = [{"op": "replace", "path": "/outcome", "value": "8"}]
    answers = [
        await client.post("/fhir/AuditEvent", json=sent),
        await client.put(f"/fhir/AuditEvent/{event['id']}", json=sent),
        await client.delete(f"/fhir/AuditEvent/{event['id']}"),
        await client.patch(
            f"/fhir/AuditEvent/{event['id']}", json=patch, headers={"content-type": "application/json-patch+json"}
        ),
        await client.delete("/fhir/AuditEvent?agent=Practitioner/gp"),
        await client.post("/fhir", json=bundle),
    ]
    assert {answer.status_code for answer in answers} <= {403, 412}, [(a.status_code, a.text) for a in answers]
    assert (await officer.get(f"/fhir/AuditEvent/{event['id']}")).json() == event


async def test_a_batch_reads_it_as_it_is_read_alone(trail: None, clients: Any) -> None:
    officer = await clients(OFFICER)
    entries = [{"request": {"method": "GET", "url": "AuditEvent?agent=Practitioner/gp"}}]
    answer = (await officer.post("/fhir/", json={"resourceType": "Bundle", "type": "batch", "entry": entries})).json()
    assert len(answer["entry"][0]["resource"]["entry"]) == 6


async def test_a_software_is_an_agent_beside_the_person(
    trail: None, clients: Callable[[Actor], Awaitable[httpx.AsyncClient]]
) -> None:
    through = await clients(replace(GP, client="app-1", scopes=frozenset({"user/Condition.r"})))
    assert (await through.get("/fhir/Condition/c")).status_code == 200
    (read,) = await search(await clients(OFFICER), "agent=Practitioner/gp&action=R&_count=1")
    validate(read)
    assert agent(read)["who"]["reference"] == "Practitioner/gp"
    assert read["agent"][0]["who"] == {"type": "Device", "identifier": {"value": "app-1"}, "display": "Software app-1"}
    assert read["agent"][0]["requestor"] is False


SCOPED = (
    (PERSON, "patient/AuditEvent.rs", "Patient/p", 200, 200),
    (PERSON, "user/AuditEvent.s", None, 403, 200),
    (PERSON, "user/Condition.rs", None, 403, 403),
    (OFFICER, "user/AuditEvent.rs", None, 200, 200),
    (OFFICER, "user/*.r", None, 200, 403),
    (GP, "user/*.cruds", None, 403, 403),
)


@pytest.mark.parametrize(("actor", "scopes", "on", "read", "searched"), SCOPED)
async def test_the_trail_is_told_to_a_software_as_its_scopes_and_the_role_say(
    trail: None, clients: Callable[[Actor], Awaitable[httpx.AsyncClient]], actor: Actor, scopes: str, on: str | None, read: int, searched: int
) -> None:  # fmt: skip
    (event,) = await search(await clients(OFFICER), "patient=p&action=R&_count=1")
    client = await clients(replace(actor, client="app-1", scopes=frozenset({scopes}), patient=on))
    assert (await client.get(f"/fhir/AuditEvent/{event['id']}")).status_code == read
    assert (await client.get("/fhir/AuditEvent?_count=50")).status_code == searched


async def test_a_record_on_which_a_software_was_opened_bounds_what_it_is_told_of_the_trail(
    trail: None, clients: Callable[[Actor], Awaitable[httpx.AsyncClient]]
) -> None:
    whole = await search(
        await clients(replace(OFFICER, client="a", scopes=frozenset({"user/AuditEvent.rs"}))), "patient=q&_count=50"
    )
    client = await clients(replace(OFFICER, client="a", scopes=frozenset({"patient/AuditEvent.rs"}), patient="Patient/p"))
    assert whole
    assert await search(client, "patient=q&_count=50") == []
    assert await search(client, "patient=p&_count=50")
