"""The pages of software in a real browser: zero violations of axe, by keyboard, without scripts."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.sessions import Device
from maillage.services.software import operations, pages
from tests.support.browser import Screen, screen
from tests.support.people import SEED, care_team, patient, professional
from tests.support.software import (
    FHIR,
    OPERATOR,
    RETURN,
    RSA,
    SETTINGS,
    App,
    application_of_people,
    asking,
    assertion,
    browsing,
    jwks,
    metadata,
    registered,
    signed,
)

pytestmark = pytest.mark.browser
EDITOR = Actor(id="account:editor", kind=ActorKind.PROFESSIONAL, name="Éva ÉDITRICE", roles=frozenset({Role.EDITOR}))
SCOPE = "openid fhirUser launch/patient offline_access patient/*.rs patient/Observation.cruds?category=vital-signs"


@pytest.fixture
async def people(access: Access) -> None:
    async with access.act(SEED) as ctx:
        for id, family in (("p", "ESSAI"), ("q", "EXEMPLE")):
            await ctx.records.write(
                {"resourceType": "Patient", "id": id, "name": [{"family": family, "given": ["Ana"]}], "birthDate": "1950-02-03"}
            )
            await ctx.records.write(care_team(id, "Practitioner/gp"))


async def window_of(browser: Browser, app: Any, access: Access, actor: Actor, *, scripts: bool = True) -> Screen:
    cookie = await access.enter(actor, Device(agent="Firefox", address="", secret="d" * 43), hint="psc")
    return await screen(browser, app, headers=(("cookie", f"maillage={cookie}"),), scripts=scripts)


async def test_a_professional_is_asked_and_says_yes_without_scripts(
    people: None, access: Access, application: Any, browser: Browser
) -> None:
    app = application(operations, pages, FHIR, settings=SETTINGS)
    said = application_of_people(client_uri="Éditeur SAS", scope=SCOPE)
    made = await registered(access, said)
    wanting = App(made.id, scope=SCOPE)
    window = await window_of(browser, app, access, professional("gp", Role.GP), scripts=False)
    await window.context.route(f"{RETURN}**", lambda route: route.fulfill(body="the application"))
    await window.open(f"/oauth/authorize?{wanting.query()}")
    await expect(window.page.get_by_role("heading", name="Pour quelle personne ?")).to_be_visible()
    await window.page.get_by_role("link", name="ESSAI Ana").click()
    await expect(window.page.get_by_role("heading", name="demande un accès")).to_be_visible()
    await expect(window.page.get_by_text("quand vous n’êtes pas connecté")).to_be_visible()
    await window.page.get_by_role("button", name="Autoriser").click()
    await window.page.wait_for_url(f"{RETURN}?**")
    assert "code=" in window.page.url
    assert f"state={wanting.state}" in window.page.url


async def test_the_pages_of_software_are_for_everybody(people: None, access: Access, application: Any, browser: Browser) -> None:
    app = application(operations, pages, FHIR, settings=SETTINGS)
    made = await registered(access, application_of_people(client_uri="Éditeur SAS", scope=f"{SCOPE} launch"))
    alone = await registered(access, metadata(), by=EDITOR.id)
    waiting = await registered(access, metadata(client_name="Laboratoire"), approved=False)
    gp = professional("gp", Role.GP)
    async with await browsing(app, access, patient("p")) as own, asking(app) as program:
        await App(made.id, scope=SCOPE).tokens(own, program)
        await program.post("/oauth/token", data=signed(assertion(alone.id, access)))
        await program.post("/oauth/token", data=signed("x"))
    asked = App(made.id, scope=SCOPE)
    shown: list[tuple[Actor, list[tuple[str, str]]]] = [
        (gp, [("choisir", f"/oauth/authorize?{asked.query()}"), ("accord", f"/oauth/authorize?{asked.query(patient='p')}"),
              ("refus", "/oauth/authorize"), ("dossier", "/patients/p/applications")]),
        (patient("p"), [("accord-patient", f"/oauth/authorize?{asked.query()}"), ("mes-applications", "/mes-applications")]),
        (OPERATOR, [("logiciels", "/logiciels"), ("logiciel", f"/logiciels/{waiting.id}"), ("service", f"/logiciels/{made.id}")]),
        (EDITOR, [("developpeurs", "/developpeurs"), ("decrire", "/developpeurs/nouveau"), ("appels", f"/developpeurs/{alone.id}")]),
    ]  # fmt: skip
    for actor, visited in shown:
        window = await window_of(browser, app, access, actor)
        for name, path in visited:
            await window.open(path)
            await window.check(f"logiciel-{name}")
        await window.context.close()
    window = await window_of(browser, app, access, EDITOR)
    await window.open("/developpeurs/nouveau")
    await window.page.get_by_role("button", name="Enregistrer").click()
    await expect(window.page.get_by_role("alert")).to_be_visible()
    await window.check("logiciel-decrire-faute")
    await window.page.get_by_label("Nom que les personnes liront").fill("Carnet")
    await window.page.get_by_label("Adresse électronique d’un responsable").fill("dev@editeur.example")
    await window.page.get_by_label("avec un serveur qui garde un secret").check()
    await window.page.get_by_label("Droits (scopes)").fill("launch/patient patient/Observation.rs")
    await window.page.get_by_label("Adresses de retour").fill("https://app.example/retour")
    await window.page.get_by_role("button", name="Enregistrer").click()
    await expect(window.page.get_by_role("heading", name="Secret de Carnet")).to_be_visible()
    await window.check("logiciel-secret")


async def test_a_key_is_pasted(access: Access, application: Any, browser: Browser) -> None:
    app = application(operations, pages)
    window = await window_of(browser, app, access, EDITOR, scripts=False)
    await window.open("/developpeurs/nouveau")
    await window.page.get_by_label("Nom que les personnes liront").fill("Laboratoire")
    await window.page.get_by_label("Adresse électronique d’un responsable").fill("dev@editeur.example")
    await window.page.get_by_label("qui agit seul").check()
    await window.page.get_by_label("Droits (scopes)").fill("system/Patient.rs")
    await window.page.get_by_label("Ou ses clés elles-mêmes").fill(json.dumps(jwks(RSA)["keys"][0]))
    await window.page.get_by_role("button", name="Enregistrer").click()
    await expect(window.page.get_by_role("heading", name="Laboratoire")).to_be_visible()
