"""The pages Quarantaine and Connecteurs, by HTTP."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from maillage import ui
from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.db import Database, count_statements, load_queries
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http.app import create_app
from maillage.services.exchange import pages
from maillage.services.exchange.service.receiving import Arrival, receive
from tests.support.browser import screen

SET_ASIDE = load_queries("maillage.jobs").set_aside
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MESSAGE = (
    "MSH|^~\\&|RIS|HOP|PFI|REG|20260101||SIU^S12|42|P|2.6|||||FRA|UNICODE UTF-8\r"
    f"PID|1||3||<b>NOËL</b>^Zoé||19790328|F\rOBX|1|ED|A||^TEXT^XML^Base64^{'QUJD' * 1000}\r"
).encode()


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    clock, files = FixedClock(NOON), LocalFiles(tmp_path / "files")
    access = Access(database, store=Store(), files=files, clock=clock)
    return Platform(Config(), clock, database, files, access)


async def visiting(platform: Platform, role: Role) -> httpx.AsyncClient:
    actor = Actor(id=f"staff:{role}", kind=ActorKind.PROFESSIONAL, name=f"Rose {role}", roles=frozenset({role}))
    token = await platform.access.issue_token(actor, lifetime=timedelta(hours=1))
    app = create_app(platform, pages.routes)
    transport = httpx.ASGITransport(app=app)
    headers = {"authorization": f"Bearer {token}", "accept": "text/html"}
    return httpx.AsyncClient(transport=transport, base_url="http://maillage.test", headers=headers)


@pytest.fixture
async def steward(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with await visiting(platform, Role.STEWARD) as client:
        yield client


async def refused(platform: Platform, content: bytes = MESSAGE) -> None:
    await receive(platform.access, Arrival(content=content, peer="test", at=NOON))


def address_of_first(page: str) -> str:
    match = re.search(r'href="(/quarantaine/[0-9a-f-]{36})"', page)
    assert match
    return match[1]


async def test_an_empty_quarantine_says_what_it_is(steward: httpx.AsyncClient) -> None:
    page = await steward.get("/quarantaine")
    assert page.status_code == 200
    assert "Rien en quarantaine" in page.text


async def test_a_refused_message_is_listed_and_shown_with_the_place_at_fault(
    platform: Platform, steward: httpx.AsyncClient
) -> None:
    await refused(platform)
    listed = (await steward.get("/quarantaine")).text
    assert "SIU^S12 de RIS|HOP" in listed
    shown = await steward.get(address_of_first(listed))
    text = unescape(shown.text)
    assert "MSH-9.1" in text
    assert "<mark>" in shown.text
    assert "<b>SIU^S12</b>" in shown.text
    assert "<b>NOËL</b>" not in shown.text
    assert "⟨1 : 4\u202f000 caractères⟩" in text
    assert "QUJDQUJD" not in text


async def test_a_text_is_replayed_from_the_page(platform: Platform, steward: httpx.AsyncClient) -> None:
    await refused(platform)
    address = address_of_first((await steward.get("/quarantaine")).text)
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", (await steward.get(address)).text, re.DOTALL)
    assert text
    answer = await steward.post(f"{address}/rejeu", data={"texte": unescape(text[1])})
    assert answer.status_code == 303
    shown = unescape((await steward.get(answer.headers["location"])).text)
    assert "Tentative 1 : refusée (AR)".replace(" :", "\u202f:") in shown.replace("\xa0:", "\u202f:")


async def test_a_correction_that_cannot_be_written_comes_back_with_its_error(
    platform: Platform, steward: httpx.AsyncClient
) -> None:
    await refused(platform)
    address = address_of_first((await steward.get("/quarantaine")).text)
    page = await steward.post(f"{address}/rejeu", data={"texte": "MSH|^~\\&|⟨9 : 3 caractères⟩"})
    assert page.status_code == 422
    assert "Erreur : " in unescape(page.text).replace("\xa0:", " :").replace("\u202f:", " :")
    assert "⟨9 : 3 caractères⟩" in unescape(page.text)


async def test_a_message_is_dismissed_from_the_page(platform: Platform, steward: httpx.AsyncClient) -> None:
    await refused(platform)
    address = address_of_first((await steward.get("/quarantaine")).text)
    assert (await steward.post(f"{address}/ecarter", data={"motif": ""})).status_code == 422
    assert (await steward.post(f"{address}/ecarter", data={"motif": "essai"})).status_code == 303
    assert "Rien en quarantaine" in (await steward.get("/quarantaine")).text
    assert "SIU^S12" in (await steward.get("/quarantaine?etat=dismissed")).text
    assert "essai" in (await steward.get(address)).text


async def test_the_operator_sees_the_sources(platform: Platform) -> None:
    await refused(platform)
    async with await visiting(platform, Role.OPERATOR) as operator:
        page = await operator.get("/connecteurs")
    assert page.status_code == 200
    assert "RIS, HOP" in page.text
    assert "À surveiller" in page.text


async def test_an_event_that_was_set_aside_is_shown_and_handed_to_its_reaction_again(platform: Platform) -> None:
    async with platform.database.transaction() as conn:
        await SET_ASIDE(
            conn, reaction="messaging.post", xid=1, seq=1, happened=NOON, kind="documents.DocumentReceived", payload="{}", attempts=5,
            fault="Conflict at maillage.services.messaging.service:7", now=NOON,
        )  # fmt: skip
    async with await visiting(platform, Role.OPERATOR) as operator:
        page = (await operator.get("/connecteurs")).text
        assert "messaging.post" in page
        assert "5 essais" in page.replace("\xa0", " ")
        address = re.search(r'action="(/connecteurs/mis-de-cote/\d+/reprise)"', page)
        assert address
        answer = await operator.post(address[1])
        assert answer.status_code == 303
        after = (await operator.get(answer.headers["location"])).text
        assert "Reprise demandée" in after
        assert (await operator.post("/connecteurs/mis-de-cote/999/reprise")).status_code == 404


async def test_a_professional_sees_neither(platform: Platform) -> None:
    async with await visiting(platform, Role.GP) as gp:
        for address in ("/quarantaine", "/connecteurs"):
            assert (await gp.get(address)).status_code == 403


async def test_the_list_costs_the_same_whatever_its_length(platform: Platform, steward: httpx.AsyncClient) -> None:
    await steward.get("/quarantaine")
    for number in range(20):
        await refused(platform, MESSAGE.replace(b"|42|", f"|{number}|".encode()))
    with count_statements() as counted:
        await steward.get("/quarantaine")
    assert counted.statements <= 4


@pytest.mark.browser
async def test_the_pages_have_no_axe_violation_and_work_by_keyboard(platform: Platform, browser: Browser) -> None:
    await refused(platform)
    for role, addresses in ((Role.STEWARD, ["/quarantaine"]), (Role.OPERATOR, ["/connecteurs"])):
        actor = Actor(id=f"staff:{role}", kind=ActorKind.PROFESSIONAL, name=f"Rose {role}", roles=frozenset({role}))
        token = await platform.access.issue_token(actor, lifetime=timedelta(hours=1))
        app = create_app(platform, pages.routes, render=ui.render, static=ui.BUILD)
        window = await screen(browser, app, headers=[("authorization", f"Bearer {token}")])
        for address in addresses:
            await window.open(address)
            await window.check(f"exchange{address.replace('/', '-')}")
        if role is Role.STEWARD:
            await window.open(address_of_first(await window.page.content()))
            await window.check("exchange-quarantaine-message")
            order = await window.tab_order()
            assert order.index("Texte du message d’origine") < order.index("Texte du message") < order.index("Rejouer ce texte")
