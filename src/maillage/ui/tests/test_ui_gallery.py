"""Every component on one page: it renders, axe finds nothing, the keyboard reaches all, it weighs what was promised."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from playwright.async_api import Browser, expect
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from maillage.access.actors import Actor, ActorKind, Role
from maillage.http.built import BuiltFiles
from maillage.http.request import Request, Visitor
from maillage.ui import AllergyState, Banner, InsStatus, render
from maillage.ui.assets import BUILD, URL
from maillage.ui.environment import UI, environment
from tests.support.browser import screen

NOW = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)
GP = Actor(id="gp", kind=ActorKind.PROFESSIONAL, name="Dr Camille EXEMPLE", roles=frozenset({Role.GP}))
PATIENT = Actor(id="patient", kind=ActorKind.PATIENT, name="Dominique PAT-TROIS", roles=frozenset({Role.PATIENT}))
BANNER = Banner(
    patient="pat-trois",
    family="PAT-TROIS",
    given="Dominique",
    used="MARTIN",
    birth_date="1979-03-28",
    gender="female",
    ins="279035121518989",
    ins_status=InsStatus.QUALIFIED,
    allergy_state=AllergyState.KNOWN,
    allergies=["amoxicilline (œdème, 2014)"],
    flags=["Anticoagulant"],
    general_practitioner="Dr C. EXEMPLE",
    trusted="Claude PAT-TROIS",
    trusted_phone="0600000003",
    warnings=["Un homonyme existe : vérifiez la date de naissance"],
)


@dataclass
class Looking:
    actor: Actor
    now: datetime = NOW


@pytest.fixture
def gallery() -> Iterator[Environment]:
    """The pages' environment with the gallery's template beside."""
    env = environment()
    loader = env.loader
    assert loader is not None
    env.loader = ChoiceLoader([loader, FileSystemLoader(Path(__file__).parent)])
    yield env
    env.loader = loader


NEWS = "retry: 600000\nevent: change\ndata: nouveautes\n\n"


def application(actor: Actor, *told: str | int) -> Starlette:
    """The gallery as this actor sees it, beside two places; each time it is asked for, two more things are new. `told` is what `/flux` answers
    each time, the last one for ever: a stream, or the status of a refusal."""
    shown, answers = count(7, 2), list(told or [NEWS])

    async def show(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        request.visitor = Visitor(actor=actor, session="a-session")
        response = render(request, Looking(actor), "gallery.html", banner=BANNER, shown=next(shown), counts={"/nouveautes": 7})
        await response(scope, receive, send)

    async def nothing(request: Request) -> Response:
        return Response("")

    class Shown:
        __call__ = staticmethod(show)

    async def flux(request: Request) -> Response:
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        return Response(status_code=said) if isinstance(said, int) else Response(said, media_type="text/event-stream")

    places = [Route(path, nothing) for path in ("/nouveautes", "/patients", "/accueil", "/mes-documents")]
    return Starlette(
        routes=[
            Route("/galerie", Shown()),
            Route("/flux", flux),
            *places,
            Mount(URL, BuiltFiles(directory=BUILD)),
        ]
    )


def test_every_component_is_in_the_gallery() -> None:
    shown = (Path(__file__).parent / "gallery.html").read_text("utf-8")
    for name in ("parts.html", "banner.html"):
        macros = re.findall(r"{% macro (\w+)\(", (UI / "templates" / "ui" / name).read_text("utf-8"))
        assert macros
        for macro in macros:
            assert re.search(rf"(?:{{{{|call) {macro}\(|{{{{ {macro}\(", shown), macro


@pytest.mark.browser
async def test_a_professional_page_has_no_accessibility_fault(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP))
    page = await window.open("/galerie")
    assert (await page.title()).replace("\xa0", " ") == "Erreur : galerie – Maillage"
    words = [" ".join(text.split()) for text in await page.locator(".m-nav a").all_inner_texts()]
    assert words == ["Nouveautés 7 à traiter", "Patients"]
    await window.check("galerie")


@pytest.mark.browser
async def test_a_public_page_has_no_accessibility_fault(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(PATIENT))
    page = await window.open("/galerie")
    assert await page.locator("body").get_attribute("class") == "m-public"
    assert await page.locator(".m-search").count() == 0
    await window.check("galerie-public")


@pytest.mark.browser
async def test_the_keyboard_reaches_everything_in_the_order_of_sight(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP))
    page = await window.open("/galerie")
    await page.evaluate("document.querySelector('.m-errors').removeAttribute('tabindex')")
    reached = await window.tab_order()
    assert reached[:4] == ["Aller au contenu", "Maillage, accueil", "Nouveautés 7 à traiter", "Patients"]
    assert "Marquer comme traité : lettre de liaison" in reached
    assert reached.index("Résumé") < reached.index("Ma tournée") < reached.index("Continuer vers l’accord")


@pytest.mark.browser
async def test_the_error_summary_takes_the_focus_and_leads_to_the_field(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP))
    page = await window.open("/galerie")
    assert await page.evaluate("document.activeElement.className") == "m-errors mb-4"
    await page.get_by_role("link", name="Décrivez le besoin en une phrase au moins").click()
    await expect(page.locator("#besoin")).to_be_focused()


@pytest.mark.browser
async def test_what_is_new_is_told_and_nothing_moves(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP))
    page = await window.open("/galerie")
    notice = page.get_by_text("2 nouveautés")
    await notice.wait_for(state="visible")
    assert await page.get_by_role("link", name="Afficher").get_attribute("href") == "/nouveautes"
    assert await page.locator("[data-news]").get_attribute("data-shown") == "7"


@pytest.mark.browser
async def test_a_page_comes_back_when_the_server_was_full_and_looks_at_what_it_missed(
    browser: Browser, gallery: Environment
) -> None:
    window = await screen(browser, application(GP, 503, "retry: 600000\n\n"))
    await window.context.clock.install()
    page = await window.open("/galerie")
    await expect(page.locator("[data-news]")).to_be_hidden()
    await page.clock.fast_forward(10_001)
    await page.clock.run_for(200)
    await expect(page.get_by_text("2 nouveautés")).to_be_visible()


@pytest.mark.browser
async def test_without_javascript_nothing_is_missing(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP), scripts=False)
    page = await window.open("/galerie")
    await expect(page.get_by_role("button", name="Imprimer")).to_be_hidden()
    await expect(page.locator("[data-news]")).to_be_hidden()
    await page.locator(".m-menu summary").click()
    await expect(page.get_by_role("button", name="Se déconnecter")).to_be_visible()


@pytest.mark.browser
async def test_a_printed_page_keeps_the_banner_and_says_that_it_is_a_copy(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP))
    page = await window.open("/galerie")
    await page.emulate_media(media="print")
    await expect(page.get_by_role("region", name="Identité de la patiente")).to_be_visible()
    await expect(page.locator(".m-top, .m-tabs, .m-actions").first).to_be_hidden()
    await expect(page.get_by_text("Copie, l’original fait foi.")).to_be_visible()
    await window.picture("galerie-imprimee")


@pytest.mark.browser
async def test_a_first_page_weighs_less_than_its_budget(browser: Browser, gallery: Environment) -> None:
    """UI.md: 90 KB all in and 8 requests for the first page, 15 KB for the next."""
    window = await screen(browser, application(GP))
    await window.open("/galerie")
    await window.page.wait_for_load_state("networkidle")
    first, requests = window.traffic.bytes, window.traffic.requests
    assert first <= 90_000, window.traffic.answers
    assert requests <= 8, window.traffic.answers
    await window.page.goto("http://maillage.test/galerie?encore")
    pages = [size for path, size in window.traffic.answers if path == "/galerie"]
    assert pages[-1] <= 15_000


@pytest.mark.browser
async def test_the_page_obeys_a_policy_without_inline_code(browser: Browser, gallery: Environment) -> None:
    window = await screen(browser, application(GP))
    page = await window.open("/galerie")
    inline = await page.evaluate("document.querySelectorAll('[style], script:not([src]), style, [onclick]').length")
    assert inline == 0
