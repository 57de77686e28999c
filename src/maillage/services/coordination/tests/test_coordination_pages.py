"""The record, the caseload and the tasks through their pages: few statements, and what protocols ask for becomes a task once."""

from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.service import records, seen
from maillage.services.pathways.events import ActionDue
from tests.support.browser import HERE, PHONE, screen
from tests.support.people import NOON, SEED, care_team, professional

GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
STATEMENTS = 15  # of a record page with 200 documents, session, audit, what changed and the thread included
COORDINATOR = Actor(
    id="psc:lise", kind=ActorKind.PROFESSIONAL, name="Lise MAQUETTE", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise", organizations=("Organization/dac",),
)  # fmt: skip


def person(id: str, family: str) -> dict[str, Any]:
    name = {"use": "official", "family": family, "given": ["DOMINIQUE"]}
    return {"resourceType": "Patient", "id": id, "name": [name], "gender": "female", "birthDate": "1979-03-28"}


def document(number: int) -> dict[str, Any]:
    attachment = {"contentType": "application/pdf", "url": f"https://elsewhere.example/{number}", "title": f"Lettre {number}"}
    return {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}], "text": "Lettre de liaison"},
        "date": (NOON - timedelta(days=number)).isoformat(), "content": [{"attachment": attachment}],
    }  # fmt: skip


@pytest.fixture
async def territory(access: Access) -> None:
    """One person with a GP, a coordination team and 200 documents."""
    dac = {
        "resourceType": "Organization", "id": "dac", "name": "DAC des Essais",
        "type": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "code": "SA57"}]}],
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            dac,
            {"resourceType": "Practitioner", "id": "gp", "name": [{"text": "Dr Camille EXEMPLE", "family": "EXEMPLE"}]},
            {"resourceType": "Practitioner", "id": "lise", "name": [{"text": "Lise MAQUETTE", "family": "MAQUETTE"}]},
            {"resourceType": "PractitionerRole", "id": "lise-dac", "active": True, "practitioner": {"reference": "Practitioner/lise"},
             "organization": {"reference": "Organization/dac"}},
            person("p", "PAT-TROIS"), person("q", "AUTRE"),
        )  # fmt: skip
        await ctx.records.write(care_team("p", "Practitioner/gp", "Organization/dac"))
        await ctx.records.write(*(document(number) for number in range(200)))


@pytest.fixture
def visit(application, signed_in):
    """A client for one person."""

    async def client(actor: Actor) -> AsyncClient:
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        transport = ASGITransport(app=application(pages))
        return AsyncClient(transport=transport, base_url=HERE, headers={"accept": "text/html"}, cookies=cookies)

    return client


async def due(access: Access, *, patient: str = "p", focus: str = "DocumentReference/d") -> None:
    event = ActionDue(
        protocol="return-home", action="call-within-48h", patient=patient, focus=focus, due=NOON + timedelta(hours=48)
    )
    async with access.act(SEED) as ctx:
        await jobs.plan_the_action(ctx, event)


async def test_a_record_of_200_documents_is_read_in_few_statements(territory: None, visit: Any) -> None:
    gp = await visit(GP)
    with count_statements() as counted:
        page = await gp.get("/patients/p")
    assert page.status_code == 200
    assert "Lettre 0" in page.text
    assert "Dr Camille EXEMPLE" in page.text
    assert counted.statements <= STATEMENTS


async def test_what_came_last_leads_whenever_it_was_made(territory: None, access: Access, visit: Any) -> None:
    late = document(-1)
    late["content"][0]["attachment"] |= {"title": "Lettre de liaison", "creation": "2019-12-03"}
    async with access.act(SEED) as ctx:
        await ctx.records.write(late)
    text = " ".join((await (await visit(GP)).get("/patients/p")).text.split())
    received, thread = text.split('id="chronologie"')
    assert received.index("Lettre de liaison</a>") < received.index("Lettre 0</a>")
    assert "Lettre de liaison, " not in received
    assert "Lettre de liaison</b>" not in thread


async def test_a_thread_says_the_year_of_what_is_not_of_this_year(territory: None, visit: Any) -> None:
    thread = (await (await visit(GP)).get("/patients/p")).text.split('id="chronologie"')[1]
    assert "23\u00a0nov.</b>" in thread
    assert "nov.\u00a02026</b>" not in thread


async def test_a_record_that_is_not_theirs_is_not_there(territory: None, visit: Any) -> None:
    gp = await visit(GP)
    assert (await gp.get("/patients/q")).status_code == 404
    assert "/patients/q" not in (await gp.get("/patients", params={"q": "AUTRE"})).text


async def test_people_are_found_by_name_birth_date_and_in_any_order(territory: None, visit: Any) -> None:
    gp = await visit(GP)
    for text in ("pat-trois", "28/03/1979", "Dominique 28/03/1979"):
        assert "/patients/p" in (await gp.get("/patients", params={"q": text})).text, text
    assert "/patients/p" not in (await gp.get("/patients", params={"q": "29/03/1979"})).text


async def test_before_one_searches_the_records_that_were_seen_last_are_at_hand(
    territory: None, access: Access, visit: Any
) -> None:
    gp = await visit(GP)
    page = (await gp.get("/patients")).text
    assert "Parmi vos patients" in page
    assert ("/patients/p" in page, "/patients/q" in page) == (True, False)
    async with access.act(SEED) as ctx:
        reader = GP.reference
        await ctx.run(seen.QUERIES.mark_seen, reader=reader, patient="p", at=NOON - timedelta(days=400), horizon="1")
        await ctx.run(seen.QUERIES.mark_seen, reader=reader, patient="q", at=NOON - timedelta(days=400), horizon="1")
    page = (await gp.get("/patients")).text
    assert "Vus en dernier" in page
    assert ("/patients/p" in page, "/patients/q" in page) == (True, False), "what one may not see any more is not named"


async def test_who_calls_is_found_by_the_number_that_is_shown(territory: None, access: Access) -> None:
    async with access.act(SEED) as ctx:
        person = await ctx.records.read("Patient", "p")
        await ctx.records.write(person | {"telecom": [{"system": "phone", "value": "06 39 98 00 09"}]})
        about = {"patient": {"reference": "Patient/p"}, "active": True, "name": [{"family": "PAT-TROIS", "given": ["Claude"]}]}
        numbers = [{"system": "phone", "value": "+33 3 26.00.00.00"}, {"system": "phone", "value": "+33639980010"}]
        await ctx.records.write({"resourceType": "RelatedPerson", "id": "claude", **about, "telecom": numbers})
        stranger = await ctx.records.read("Patient", "q")
        await ctx.records.write(stranger | {"telecom": [{"system": "phone", "value": "0639980009"}]})

    async def found(text: str) -> list[str]:
        async with access.act(GP, read_only=True) as ctx:
            return [one["id"] for one in await records.search(ctx, text=text)]

    for typed in ("0639980009", "06.39.98.00.09", "+33 6 39 98 00 09", "+33 (0)6-39-98-00-09", "06 39 98 00 10", "0033639980010"):
        assert await found(typed) == ["p"], typed
    assert await found("06 39 98 00 11") == []
    assert await found("06 39 98 00") == [], "half a number is none"


async def test_what_is_asked_for_twice_is_one_task_of_the_coordination_team(territory: None, access: Access, visit: Any) -> None:
    await due(access)
    await due(access, focus="Encounter/e")
    coordinator = await visit(COORDINATOR)
    page = (await coordinator.get("/taches")).text
    assert page.count("Marquer comme faite") == 1
    assert "PAT-TROIS Dominique" in page
    assert "/documents/d" in page


async def test_nobody_without_a_coordination_team_gets_a_task(territory: None, access: Access) -> None:
    await due(access, patient="q")
    async with access.act(SEED) as ctx:
        assert await ctx.records.find("Task") == []


async def test_a_late_task_says_so_and_leads_the_caseload(territory: None, access: Access, visit: Any, clock: FixedClock) -> None:
    await due(access)
    clock.advance(timedelta(days=5))
    coordinator = await visit(COORDINATOR)
    assert "en retard de 3 jours" in (await coordinator.get("/taches")).text
    caseload = (await coordinator.get("/file-active")).text
    assert "Appel de retour à domicile, en retard de 3 jours" in " ".join(caseload.split())


async def test_what_others_write_as_a_task_of_the_team_breaks_no_page(territory: None, access: Access, visit: Any) -> None:
    bare: dict[str, Any] = {
        "resourceType": "Task", "status": "requested", "intent": "plan", "for": {"reference": "Patient/p"},
        "owner": {"reference": "Organization/dac"},
    }  # fmt: skip
    ours = {"code": {"coding": [{"system": "urn:maillage:task", "code": "return-home/call-within-48h"}], "text": "Mal faite"}}
    dated = {"authoredOn": "2026", "restriction": {"period": {"end": "2026-11"}}}
    async with access.act(GP, door="fhir") as ctx:
        await ctx.records.write(bare, bare | ours, bare | ours | dated)
    await due(access)
    coordinator = await visit(COORDINATOR)
    page = await coordinator.get("/taches")
    assert (page.status_code, page.text.count("Marquer comme faite")) == (200, 1)
    assert (await coordinator.get("/file-active")).status_code == 200


async def test_someone_who_is_in_a_circle_by_themselves_finds_the_person_in_their_caseload(
    territory: None, access: Access, visit: Any
) -> None:
    theo = Actor(
        id="psc:theo",
        kind=ActorKind.PROFESSIONAL,
        name="Théo GABARIT",
        roles=frozenset({Role.SOCIAL_WORKER}),
        reference="Practitioner/theo",
    )
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Practitioner", "id": "theo", "name": [{"text": "Théo GABARIT"}]},
            care_team("q", "Practitioner/theo"),
        )
    caseload = (await (await visit(theo)).get("/file-active")).text
    assert 'href="/patients/q"' in caseload
    assert 'href="/patients/p"' not in caseload


async def test_what_came_long_ago_and_was_imported_today_is_no_news(territory: None, access: Access, visit: Any) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(person("old", "ANCIEN"), care_team("old", "Organization/dac"))
        old = {**document(40), "subject": {"reference": "Patient/old"}}
        await ctx.records.write(old)
    caseload = (await (await visit(COORDINATOR)).get("/file-active?vue=change")).text
    assert 'href="/patients/p"' in caseload
    assert 'href="/patients/old"' not in caseload


async def test_what_says_less_of_its_dates_breaks_no_record(territory: None, access: Access, visit: Any) -> None:
    why = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    stay: dict[str, Any] = {
        "resourceType": "Encounter", "status": "finished", "class": {"code": "IMP"}, "subject": {"reference": "Patient/p"},
    }  # fmt: skip
    partly = {**document(0), "content": [{"attachment": {"title": "Ancienne lettre", "creation": "2026"}}]}
    nameless = {**person("p", "PAT-TROIS"), "name": [{"family": "PAT-TROIS", "given": [None], "_given": [{"extension": why}]}]}
    async with access.act(GP, door="fhir") as ctx:
        await ctx.records.write(stay | {"period": {"extension": why}}, stay | {"period": {"end": "2026"}}, partly, nameless)
    gp = await visit(GP)
    for address in ("/patients/p", "/patients/p/cercle", "/patients?q=pat-trois"):
        assert (await gp.get(address)).status_code == 200, address


async def test_the_gp_has_no_caseload_of_the_coordination_team(territory: None, visit: Any) -> None:
    assert (await (await visit(GP)).get("/file-active")).status_code == 403


@pytest.mark.browser
async def test_the_search_is_whole_on_a_phone(territory: None, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(GP), width=PHONE)
    page = await window.open("/patients?q=PAT-TROIS")
    form = page.get_by_role("search", name="Chercher parmi vos patients")
    button = await form.get_by_role("button", name="Chercher").bounding_box()
    typed = await form.get_by_role("searchbox").bounding_box()
    assert button
    assert typed
    assert button["x"] + button["width"] <= PHONE
    assert typed["width"] > PHONE * 0.8
    await window.check("patients-cherches")
