"""Pages of no service: sign-in, arrival, faults, statements."""

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.actors import Role
from maillage.ui import pages
from tests.support.browser import HERE, screen
from tests.support.people import officer_of, professional

CHOICES = {
    "gp": ("psc", "Dr Camille EXEMPLE", "Médecin généraliste"),
    "nurse": ("psc", "Nora FICTIVE", "Infirmière libérale"),
    "hospital": ("psc", "Dr Élie SPÉCIMEN", "Médecin hospitalier"),
    "coordinator": ("psc", "Lise MAQUETTE", "Coordinatrice, DAC"),
    "social-worker": ("sans-carte", "Théo GABARIT", "Assistant social"),
    "patient": ("sans-carte", "Dominique PAT-TROIS", "Patiente"),
    "carer": ("sans-carte", "Claude PAT-TROIS", "Aidant"),
    "steward": ("sans-carte", "Yann GABARIT", "Identitovigilance"),
}
PROVIDERS = {"psc_issuer": "http://psc.test", "cardless_issuer": "http://psc.test"}


@pytest.fixture
def app(application):
    """The application as the demonstration shows it to someone who has not signed in."""
    return application(pages, settings=PROVIDERS, choices=CHOICES)


@pytest.mark.browser
async def test_the_sign_in_page_offers_both_doors_and_every_persona(browser: Browser, app) -> None:
    window = await screen(browser, app)
    page = await window.open("/connexion")
    assert await page.get_by_role("link", name="S’identifier avec Pro Santé Connect").get_attribute("href") == "/connexion/psc"
    persona = page.get_by_role("link", name="Dominique PAT-TROIS")
    assert await persona.get_attribute("href") == "/connexion/sans-carte?persona=patient"
    assert await page.locator(".m-av--person").count() == 2
    await window.check("connexion")
    reached = await window.tab_order()
    assert reached[0] == "Aller au contenu"
    assert (
        reached.index("S’identifier avec Pro Santé Connect") < reached.index("Dr Camille EXEMPLE") < reached.index("Yann GABARIT")
    )


@pytest.mark.browser
async def test_a_refused_sign_in_says_what_to_do(browser: Browser, app) -> None:
    window = await screen(browser, app)
    page = await window.open("/connexion?refus=1")
    assert (await page.title()).startswith("Erreur")
    await expect(page.get_by_role("region", name="Erreur")).to_be_visible()
    await window.check("connexion-refusee")


@pytest.mark.browser
async def test_faults_and_statements_are_accessible(browser: Browser, app, application, signed_in) -> None:
    window = await screen(browser, app)
    for path, name in (("/accessibilite", "accessibilite"), ("/donnees-personnelles", "donnees-personnelles")):
        await window.open(path)
        await window.check(name)
    lost = await screen(browser, application(pages), headers=await signed_in(professional("gp", Role.GP)))
    page = await lost.open("/nulle-part")
    assert await page.get_by_role("heading", level=1).inner_text() == "Page introuvable"
    await lost.check("introuvable")


@pytest.mark.parametrize("role", [Role.GP, Role.PATIENT, Role.ARS])
async def test_nobody_is_sent_to_a_place_that_does_not_exist(application, signed_in, role) -> None:
    headers = {**dict(await signed_in(officer_of(role))), "accept": "text/html"}
    async with AsyncClient(transport=ASGITransport(app=application(pages)), base_url=HERE, headers=headers) as client:
        assert (await client.get("/")).status_code == 403


async def test_without_providers_the_page_says_so(application) -> None:
    async with AsyncClient(transport=ASGITransport(app=application(pages)), base_url=HERE) as client:
        assert (
            "Aucun service d’identification n’est réglé" in (await client.get("/connexion", headers={"accept": "text/html"})).text
        )


async def test_a_visitor_is_led_to_sign_in_and_back(application) -> None:
    async with AsyncClient(transport=ASGITransport(app=application(pages)), base_url=HERE) as client:
        answer = await client.get("/nouveautes-a-venir", headers={"accept": "text/html"})
        assert answer.status_code == 404
        home = await client.get("/", headers={"accept": "text/html"})
        assert (home.status_code, home.headers["location"]) == (303, "/connexion")
