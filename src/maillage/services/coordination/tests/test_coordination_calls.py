"""Centre 15: the doctor who regulates a call opens the record of whom it is about by its number, for an hour, unless the person said no."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.sessions import Situation, acting
from maillage.clock import FixedClock
from maillage.connectors.psc import carded
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination import pages
from maillage.services.coordination.forms.emergency import call_form, emergency_form
from maillage.services.identity import public as identity
from maillage.services.rights import pages as rights_pages
from maillage.services.rights.events import EmergencyOpened
from maillage.services.rights.public import Reason, choose, emergencies_of, open_for_call, open_in_emergency
from tests.support.browser import HERE, screen
from tests.support.people import SEED, officer_of, patient, professional

REGULATOR = replace(professional("samu", Role.HOSPITAL, name="Dr Alix APPEL"), roles=frozenset({Role.HOSPITAL, Role.REGULATOR}))
DOCTOR, OFFICER, PERSON = professional("doctor", Role.HOSPITAL), officer_of(Role.OFFICER), patient("p")
INS = identity.with_key("2790351215189")
CALL = {"appel": "2026-11-23/0412", "ins": INS}


@pytest.fixture
async def people(access: Access) -> Access:
    """Somebody who has an INS."""
    known = {"resourceType": "Patient", "id": "p", "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}]}
    known |= {
        "gender": "female",
        "birthDate": "1979-03-28",
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": INS}],
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(identity.as_regional(known, "M-p"), {"resourceType": "Patient", "id": "q"})
    return access


async def visit(application: Any, signed_in: Any, who: Actor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(pages, rights_pages))
    return httpx.AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(who)])


async def post(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    token = re.findall(r'name="csrf" value="(\w+)"', (await client.get("/centre-15")).text)[-1]
    return await client.post("/centre-15", data={"csrf": token, **fields})


async def reads(access: Access) -> bool:
    try:
        async with access.act(REGULATOR, read_only=True) as ctx:
            await ctx.records.read("Patient", "p")
    except NotFound:
        return False
    return True


async def test_a_call_opens_the_record_for_an_hour(people: Access, clock: FixedClock, application: Any, signed_in: Any) -> None:
    async with await visit(application, signed_in, REGULATOR) as doctor:
        assert (await post(doctor, **CALL)).headers["location"] == "/patients/p"
    assert await reads(people)
    async with await visit(application, signed_in, OFFICER) as officer:
        assert "Appel n° 2026-11-23/0412" in (await officer.get("/acces-urgence")).text
    async with people.act(PERSON, read_only=True) as ctx:
        (one,) = (await emergencies_of(ctx, "p")).found
    assert (one.reason, one.words, one.until - one.since) == (Reason.REGULATION, "Appel n° 2026-11-23/0412", timedelta(hours=1))
    clock.advance(timedelta(minutes=59))
    assert await reads(people)
    clock.advance(timedelta(minutes=1))
    assert not await reads(people)


async def test_the_person_is_told(people: Access) -> None:
    async with people.act(REGULATOR) as ctx:
        await open_for_call(ctx, "p", number="0412")
        assert [one.patient for one in ctx.announced if isinstance(one, EmergencyOpened)] == ["p"]


async def test_who_said_no_is_not_opened(people: Access, application: Any, signed_in: Any) -> None:
    async with people.act(PERSON) as ctx:
        await choose(ctx, "p", "emergency", denied=True)
    async with await visit(application, signed_in, REGULATOR) as doctor:
        answer = await post(doctor, **CALL)
    assert (answer.status_code, "a refusé à l’avance" in answer.text) == (403, True)
    assert not await reads(people)


@pytest.mark.parametrize(
    ("sent", "status"), [({"appel": "12"}, 422), ({"ins": ""}, 422), ({"ins": identity.with_key("1790351215189")}, 404)]
)
async def test_a_call_without_a_number_or_a_person_opens_nothing(
    people: Access, application: Any, signed_in: Any, sent: dict[str, str], status: int
) -> None:
    async with await visit(application, signed_in, REGULATOR) as doctor:
        assert (await post(doctor, **CALL | sent)).status_code == status


async def test_only_who_regulates_calls_has_that_door(people: Access, application: Any, signed_in: Any) -> None:
    async with await visit(application, signed_in, DOCTOR) as doctor:
        assert (await doctor.get("/centre-15")).status_code == 403
    with pytest.raises(Forbidden):
        async with people.act(DOCTOR) as ctx:
            await open_for_call(ctx, "p", number="0412")
    with pytest.raises(Invalid):  # nor is it a reason of the other door
        async with people.act(DOCTOR) as ctx:
            await open_in_emergency(ctx, "p", reason=Reason.REGULATION, words="Appel au centre 15")
    assert "motif" in emergency_form({"motif": "regulation"}).faults


async def test_calls_do_not_use_up_the_openings_in_an_emergency(people: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.access.emergency.MOST", 1)
    monkeypatch.setattr("maillage.access.emergency.MOST_CALLS", 1)
    async with people.act(REGULATOR) as ctx:
        await open_for_call(ctx, "p", number="0412")
        await open_in_emergency(ctx, "q", reason=Reason.LIFE, words="Coma, transport par le SAMU")
    for again in (
        lambda ctx: open_for_call(ctx, "q", number="0413"),
        lambda ctx: open_in_emergency(ctx, "p", reason=Reason.LIFE, words="Coma, transport"),
    ):
        with pytest.raises(Forbidden):
            async with people.act(REGULATOR) as ctx:
                await again(ctx)


@pytest.mark.parametrize(
    ("profession", "said", "regulates"), [("10", "VRAI", True), ("10", "FAUX", False), ("10", None, False), ("60", "VRAI", False)]
)
def test_the_card_says_who_regulates(profession: str, said: str | None, regulates: bool) -> None:
    claims = {
        "SubjectNameID": "810000000001", "family_name": "A", "given_name": "B", "Acces_Regulation_Medicale": said,
        "SubjectRole": [f"{profession}^1.2.250.1.213.1.1.5.5"],
    }  # fmt: skip
    assert carded(claims).regulates is regulates


def test_who_regulates_does_so_wherever_they_work() -> None:
    place = Situation(reference="PractitionerRole/7", organization="Organization/samu", name="SAMU", role=Role.HOSPITAL)
    assert acting(REGULATOR, place).roles == {Role.HOSPITAL, Role.REGULATOR}
    assert acting(DOCTOR, place).roles == {Role.HOSPITAL}


def test_a_call_is_known_by_traits_too() -> None:
    whole = {"appel": "A-0412", "nom": "Pat-Trois", "prenom": "Dominique", "naissance": "28/03/1979", "sexe": "female"}
    assert call_form(whole).faults == {}
    assert list(call_form(whole | {"sexe": ""}).faults) == ["sexe"]


@pytest.mark.browser
async def test_the_page_is_accessible(people: Access, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(REGULATOR))
    await window.open("/centre-15")
    await window.check("centre-15")
