"""What a professional tells the person of first: open when they have, two weeks' reminder, a month at most."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import NotFound
from maillage.services.documents import jobs, pages
from maillage.services.documents.events import AnnouncementDue
from maillage.services.messaging import jobs as messaging_jobs
from maillage.services.portal import pages as portal_pages
from maillage.services.rights.public import choose
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, patient, professional

VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
ZOE, GP, OTHER = patient("zoe"), professional("gp", Role.GP), professional("other", Role.GP)
OUTSIDER = professional("outsider", Role.GP)
DUE = AnnouncementDue(document="result", patient="zoe", author="Practitioner/gp")


@pytest.fixture
async def deposited(access: Access) -> Access:
    """A result that Zoé's doctor wants to tell her of."""
    result = {
        "resourceType": "DocumentReference", "id": "result", "status": "current", "description": "Résultat", "subject": {"reference": "Patient/zoe"},
        "author": [{"reference": "Practitioner/gp"}], "securityLabel": [{"coding": [{"system": VISIBILITY, "code": "INVISIBLE_PATIENT"}]}],
        "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:x"}}],
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "telecom": [{"system": "email", "value": "zoe@exemple.fr"}]},
            {"resourceType": "Practitioner", "id": "gp", "name": [{"text": "Dr gp"}]},
            care_team("zoe", "Practitioner/gp", "Practitioner/other"),
            result,
        )
    return access


async def reads(access: Access, who: Actor) -> bool:
    try:
        async with access.act(who, read_only=True) as ctx:
            await ctx.records.read("DocumentReference", "result")
    except NotFound:
        return False
    return True


async def client(application: Any, signed_in: Any, who: Actor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(pages, portal_pages))
    return httpx.AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(who)])


async def test_it_opens_when_it_was_announced(deposited: Access, application: Any, signed_in: Any) -> None:
    assert not await reads(deposited, ZOE)
    async with await client(application, signed_in, GP) as gp:
        shown = (await gp.get("/annonces")).text
        token = re.findall(r'name="csrf" value="(\w+)"', shown)[-1]
        assert "Résultat" in shown
        assert (await gp.post("/annonces/result", data={"csrf": token})).headers["location"] == "/annonces?fait=1"
        assert "Rien à annoncer" in (await gp.get("/annonces")).text
        assert (await gp.post("/annonces/result", data={"csrf": token})).status_code == 409
    assert await reads(deposited, ZOE)


async def test_others_announce_nothing_of_theirs(deposited: Access, application: Any, signed_in: Any) -> None:
    async with await client(application, signed_in, OTHER) as other:
        assert "Rien à annoncer" in (await other.get("/annonces")).text
    for who, status in ((OUTSIDER, 404), (ZOE, 403), (professional("social", Role.SOCIAL_WORKER), 403)):
        async with await client(application, signed_in, who) as one:
            token = re.findall(r'name="csrf" value="(\w+)"', (await one.get("/annonces" if who is OUTSIDER else "/accueil")).text)
            answer = await one.post("/annonces/result", data={"csrf": token[-1] if token else ""})
            assert answer.status_code == status, who.id
    assert not await reads(deposited, ZOE)


async def due(access: Access) -> list[AnnouncementDue]:
    async with access.act(SEED) as ctx:
        await jobs.remind_of_announcements.handler(ctx)
        return [one for one in ctx.announced if isinstance(one, AnnouncementDue)]


async def test_two_weeks_remind_once_and_a_month_opens(
    deposited: Access, clock: FixedClock, application: Any, signed_in: Any
) -> None:
    asked = "Un professionnel a quelque chose à vous expliquer"
    clock.advance(timedelta(days=13, hours=23))
    assert await due(deposited) == []
    clock.advance(timedelta(hours=1))
    assert await due(deposited) == [DUE]
    assert await due(deposited) == [], "once"
    async with await client(application, signed_in, ZOE) as zoe:
        page = (await zoe.get("/accueil")).text
        assert asked in page
        assert "Résultat" not in page
    async with await client(application, signed_in, GP) as gp:
        assert "Plus de deux semaines" in (await gp.get("/annonces")).text
    clock.advance(timedelta(days=15, hours=23))
    assert not await reads(deposited, ZOE)
    clock.advance(timedelta(hours=1))
    assert await reads(deposited, ZOE)
    async with await client(application, signed_in, ZOE) as zoe:
        assert asked not in (await zoe.get("/accueil")).text


async def test_the_author_finds_it_among_what_they_have_to_treat(deposited: Access) -> None:
    for _ in range(2):
        async with deposited.act(SEED) as ctx:
            await messaging_jobs.remind_the_author.handler(ctx, DUE)
    async with deposited.act(GP, read_only=True) as ctx:
        (notice,) = await ctx.records.find("Communication", {"recipient": "Practitioner/gp"})
    assert notice["payload"][0]["contentReference"]["reference"] == "DocumentReference/result"
    async with deposited.act(ZOE, read_only=True) as ctx:
        assert not await ctx.records.find("Communication", {}), "the reminder tells of the document"


@pytest.mark.parametrize(("denied", "owed"), [(False, 1), (True, 0)])
async def test_the_person_is_written_to_unless_they_said_no(
    deposited: Access, database: Database, denied: bool, owed: int
) -> None:
    async with deposited.act(ZOE) as ctx:
        await choose(ctx, "zoe", "messaging", denied=denied)
    async with deposited.act(SEED) as ctx:
        await jobs.tell_the_person_to_ask.handler(ctx, DUE)
    async with database.reading() as conn:
        rows = await (await conn.execute(b"select 1 from procrastinate_jobs where task_name like '%%write_to_ask'")).fetchall()
    assert len(rows) == owed


@pytest.mark.browser
async def test_the_page_is_accessible(deposited: Access, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(GP))
    await window.open("/annonces")
    await window.check("annonces")
    assert "Je l’ai annoncé : ouvrir : Résultat" in await window.tab_order()
