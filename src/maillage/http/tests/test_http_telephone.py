"""Signing in by telephone, over sockets: our web application and the emulator of Pro Santé Connect with its telephone."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, expect
from starlette.applications import Starlette

from maillage import ui
from maillage.access.access import Access
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.access.sessions import SessionPolicy
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.connectors.listening import free_port, served
from maillage.connectors.psc.emulator import Realm
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http import page
from maillage.http.app import create_app
from maillage.http.telephone import ASKED_AT_MOST, national_identifier
from maillage.http.tests.test_http_sign_in import HOST, browsing, clock, directory, realm, who
from tests.support.browser import browser as chromium
from tests.support.browser import screen

__all__ = ["chromium", "clock", "directory", "realm"]

RPPS = "99700218896"


@pytest.fixture
def platform(database: Database, clock: FixedClock, realm: Realm, tmp_path: Path) -> Platform:
    config = Config(
        base_url=f"http://{HOST}:{free_port(HOST)}", psc_issuer=realm.issuer, psc_client_secret="s1", cardless_client_secret="s2"
    )
    files = LocalFiles(tmp_path)
    access = Access(database, store=Store(), files=files, clock=clock, sessions=SessionPolicy())
    return Platform(config, clock, database, files, access)


@pytest.fixture
async def app(platform: Platform) -> AsyncIterator[Starlette]:
    static = Path(ui.__file__).parent / "static" / "build"
    routes = [page("/moi", who, permission=Permission.SIGNED_IN)]
    application = create_app(platform, routes, render=ui.render, static=static)
    async with served(application, host=HOST, port=urlsplit(platform.config.base_url).port or 0):
        yield application


@pytest.fixture
async def browser(platform: Platform, app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(platform) as one:
        yield one


async def asking(browser: httpx.AsyncClient, identifier: str = RPPS) -> httpx.Response:
    form = (await browser.get("/connexion/telephone?suite=/moi")).text
    fields = dict(re.findall(r'name="(csrf|suite)" value="([^"]+)"', form))
    return await browser.post("/connexion/telephone", data={**fields, "identifiant": identifier})


async def waiting(browser: httpx.AsyncClient) -> httpx.Response:
    return await browser.get("/connexion/telephone/attente")


def answer(realm: Realm, *, yes: bool) -> None:
    (question,) = realm.waiting()
    realm.answer(question, yes=yes)


async def test_a_professional_accepts_on_their_telephone(
    browser: httpx.AsyncClient, directory: str, realm: Realm, clock: FixedClock
) -> None:
    asked = await asking(browser, "997 0021 8896")
    assert (asked.status_code, asked.headers["location"]) == (303, "/connexion/telephone/attente")
    shown = await waiting(browser)
    (question,) = realm.waiting().values()
    assert re.search(rf">{question.binding}</p>", shown.text), "both screens show the same digits"
    assert shown.headers["refresh"] == "5", "it comes back by itself, without a script"
    clock.advance(timedelta(seconds=6))
    assert (await waiting(browser)).status_code == 200, "nobody has answered"
    answer(realm, yes=True)
    clock.advance(timedelta(seconds=6))
    landed = await waiting(browser)
    assert (landed.status_code, landed.headers["location"]) == (303, "/moi")
    assert (await browser.get("/moi")).json()["name"] == "Dr Camille EXEMPLE"
    assert (await waiting(browser)).headers["location"] == "/connexion?refus=telephone", "an answer counts once"


async def test_who_refuses_on_the_telephone_lets_nobody_in(
    browser: httpx.AsyncClient, directory: str, realm: Realm, clock: FixedClock
) -> None:
    await asking(browser)
    answer(realm, yes=False)
    clock.advance(timedelta(seconds=6))
    assert (await waiting(browser)).headers["location"] == "/connexion?refus=consentement"
    assert (await browser.get("/moi")).headers["location"].startswith("/connexion")


async def test_a_question_without_an_answer_ends(browser: httpx.AsyncClient, realm: Realm, clock: FixedClock) -> None:
    await asking(browser)
    clock.advance(timedelta(seconds=121))
    assert (await waiting(browser)).headers["location"] == "/connexion?refus=telephone"


async def test_another_browser_gains_nothing_from_the_answer(
    browser: httpx.AsyncClient, platform: Platform, directory: str, realm: Realm, clock: FixedClock
) -> None:
    await asking(browser)
    answer(realm, yes=True)
    clock.advance(timedelta(seconds=6))
    async with browsing(platform) as other:
        assert (await waiting(other)).headers["location"] == "/connexion?refus=telephone"
        other.cookies.set("maillage-telephone", "guessed", domain=HOST)
        assert (await waiting(other)).headers["location"] == "/connexion?refus=telephone"
    assert (await waiting(browser)).headers["location"] == "/moi"


async def test_the_provider_is_not_asked_more_often_than_it_wants(
    browser: httpx.AsyncClient, realm: Realm, clock: FixedClock
) -> None:
    await asking(browser)
    (question,) = realm.waiting().values()
    for _ in range(3):
        assert (await waiting(browser)).status_code == 200
    assert question.polled == 0, "it is not time yet"
    clock.advance(timedelta(seconds=6))
    await waiting(browser)
    polled = question.polled
    assert polled == clock.now().timestamp()
    clock.advance(timedelta(seconds=1))
    await waiting(browser)
    assert question.polled == polled


async def test_longer_pauses_are_made_when_the_provider_says_so(
    browser: httpx.AsyncClient, realm: Realm, clock: FixedClock
) -> None:
    await asking(browser)
    (question,) = realm.waiting().values()
    clock.advance(timedelta(seconds=6))
    question.polled = clock.now().timestamp() - 1
    await waiting(browser)
    assert (await waiting(browser)).headers["refresh"] == "10"


async def test_a_telephone_is_not_asked_again_and_again(browser: httpx.AsyncClient, realm: Realm, clock: FixedClock) -> None:
    for _ in range(ASKED_AT_MOST):
        assert (await asking(browser)).status_code == 303
    refused = await asking(browser)
    assert refused.status_code == 422
    assert "attendez dix minutes" in refused.text
    assert len(realm.waiting()) == ASKED_AT_MOST
    clock.advance(timedelta(minutes=11))
    assert (await asking(browser)).status_code == 303


async def test_who_is_unknown_to_the_provider_is_told_nothing_more(browser: httpx.AsyncClient) -> None:
    assert (await asking(browser, "10000000000")).headers["location"] == "/connexion?refus=telephone"


@pytest.mark.parametrize("given", ["", "12", "abcdefghijk", "9" * 13, "۹۹۷۰۰۲۱۸۸۹۶"])
async def test_what_is_no_identifier_is_said_in_the_form(browser: httpx.AsyncClient, given: str) -> None:
    refused = await asking(browser, given)
    assert refused.status_code == 422
    assert "Onze chiffres" in refused.text


async def test_another_site_cannot_ask_a_telephone(browser: httpx.AsyncClient, realm: Realm) -> None:
    sent = {"identifiant": RPPS, "suite": "/"}
    assert (await browser.post("/connexion/telephone", data=sent)).status_code == 403
    assert (await browser.post("/connexion/telephone", data=sent, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert not realm.waiting()


@pytest.mark.parametrize(
    ("given", "identifier"),
    [
        ("99700218896", "899700218896"),
        ("899700218896", "899700218896"),
        ("123456789", "0123456789"),
        ("0 1234.56789", "0123456789"),
    ],
)
def test_an_identifier_is_taken_with_its_prefix_or_without(given: str, identifier: str) -> None:
    assert national_identifier(given) == identifier


async def test_both_pages_are_held_to_axe_and_a_button_says_that_one_accepted(
    chromium: Browser, platform: Platform, app: Starlette, directory: str, realm: Realm, clock: FixedClock
) -> None:
    shown = await screen(chromium)
    page = await shown.open(f"{platform.config.base_url}/connexion/telephone?suite=/moi")
    await shown.check("telephone")
    await page.get_by_label("Numéro RPPS").fill(RPPS)
    await page.get_by_role("button", name="Envoyer la demande").click()
    await expect(page.get_by_role("heading", name="Acceptez sur votre téléphone")).to_be_visible()
    await shown.check("telephone-attente")
    answer(realm, yes=True)
    clock.advance(timedelta(seconds=6))
    await page.get_by_role("link", name="J’ai accepté").click()
    await expect(page).to_have_url(f"{platform.config.base_url}/moi")
