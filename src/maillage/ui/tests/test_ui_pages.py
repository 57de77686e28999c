"""Pages of no service: sign-in, arrival, faults, statements."""

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.actors import Role
from maillage.http.sign_in import Choice
from maillage.ui import pages
from tests.support.browser import HERE, screen
from tests.support.people import officer_of, professional

CHOICES = [
    Choice(id="gp", name="Dr Camille EXEMPLE", title="Médecin généraliste", role="gp", provider="psc"),
    Choice(id="nurse", name="Nora FICTIVE", title="Infirmière libérale", role="nurse", provider="psc"),
    Choice(id="hospital", name="Dr Élie SPÉCIMEN", title="Médecin hospitalier", role="hospital", provider="psc"),
    Choice(id="coordinator", name="Lise MAQUETTE", title="Coordinatrice, DAC", role="coordinator", provider="psc"),
    Choice(id="social-worker", name="Théo GABARIT", title="Assistant social", role="social-worker", provider="sans-carte"),
    Choice(id="patient", name="Dominique PAT-TROIS", title="Patiente", role="patient", provider="sans-carte"),
    Choice(id="carer", name="Claude PAT-TROIS", title="Aidant", role="carer", provider="sans-carte"),
    Choice(id="steward", name="Yann GABARIT", title="Identitovigilance", role="steward", provider="sans-carte"),
]
PROVIDERS = {"psc_issuer": "https://psc.test", "cardless_issuer": "https://psc.test", "base_url": HERE}


@pytest.fixture
def app(application):
    """The application as the demonstration shows it to someone who has not signed in."""
    return application(pages, settings=PROVIDERS, choices=CHOICES)


async def test_whoever_types_another_name_of_the_machine_is_led_to_the_one_that_sign_in_knows(app) -> None:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1:8000") as elsewhere:
        led = await elsewhere.get("/connexion?suite=/patients")
    assert (led.status_code, led.headers["location"]) == (303, f"{HERE}/connexion?suite=%2Fpatients")


@pytest.mark.browser
async def test_where_franceconnect_is_set_nobody_loses_the_accounts_of_the_region(browser: Browser, application) -> None:
    window = await screen(browser, application(pages, settings={**PROVIDERS, "citizen_issuer": "https://fc.test"}))
    page = await window.open("/connexion")
    await expect(page.get_by_role("link", name="S’identifier avec FranceConnect")).to_be_visible()
    region = page.get_by_role("link", name="Pas de carte ? Compte de la région")
    assert await region.get_attribute("href") == "/connexion/sans-carte"
    await window.check("connexion-franceconnect")


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
