"""A request for support, from outside: a GP asks, the team asks back and accepts, the record opens, the person follows it."""

import asyncio
import time
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.test_main_job import eventually, signed_in
from tests.support.browser import PHONE, Screen
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

ACCEPT, INVITE = 3, 4
"""Taps at most, from the page on which the persona arrives."""


async def ask(window: Screen, territory: Territory, need: str, *, family: str) -> None:
    """A professional asks for somebody whom they do not follow here."""
    page = await window.open(f"{territory.web}/demandes-d-appui/nouvelle")
    await page.get_by_label("Nom de naissance", exact=True).fill(family)
    await page.get_by_label("Premier prénom de naissance").fill("ALBERT")
    await page.get_by_label("Date de naissance").fill("02/01/1950")
    await page.get_by_label("Masculin").check()
    await page.get_by_label("Situation complexe").check()
    await page.get_by_label("Qu’attendez-vous").fill(need)
    await page.get_by_label("Dans la semaine").check()
    await page.get_by_label("Le médecin traitant est informé").check()
    await page.get_by_role("radio", name="Oui").check()
    await page.get_by_label("De vive voix").check()
    await window.check("support-new")
    await page.get_by_role("button", name="Envoyer la demande").click()
    await expect(page.get_by_text("Demande envoyée")).to_be_visible()


async def opens(page: Page, words: str) -> None:
    """Shows a page again until it says these words."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if await page.get_by_text(words).count():
            return
        await asyncio.sleep(0.25)
        await page.reload()
    raise AssertionError(f"{page.url} never said {words!r}")


async def closes(page: Page, address: str) -> None:
    """Asks for a page until it is nobody's."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = await page.goto(address)
        if answer is not None and answer.status == 404:
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"{address} stays open")


async def test_from_a_request_to_the_end_of_the_support(browser: Browser, territory: Territory) -> None:
    family = f"ESSAI-{uuid4().hex[:6].upper()}"
    # Given a GP outside of any circle who asks for somebody
    gp = await signed_in(browser, territory, "outsider")
    await ask(gp, territory, "Organiser le retour à domicile, sa femme est épuisée", family=family)
    address = gp.page.url.partition("?")[0]

    # When the coordinator asks what is missing
    coordinator = await signed_in(browser, territory, "coordinator")
    desk = coordinator.page
    await eventually(desk, f"{territory.web}/demandes-d-appui", family)
    await coordinator.check("support-desk")
    await desk.get_by_role("link", name=family).click()
    await desk.get_by_label("Ce que vous dites au demandeur").fill("Quel est le téléphone de son épouse ?")
    await coordinator.check("support-one")
    await desk.get_by_role("button", name="Demander une précision").click()
    await expect(desk.get_by_text("Question envoyée au demandeur")).to_be_visible()

    # And the GP, whom « Nouveautés » tells, answers
    await eventually(gp.page, f"{territory.web}/nouveautes", "en attente d’une précision")
    await gp.check("support-news")
    await gp.open(address)
    await gp.page.get_by_label("Votre réponse").fill("Le 06 39 98 00 01, le soir")
    await gp.page.get_by_role("button", name="Envoyer la réponse").click()
    await expect(gp.page.get_by_text("Réponse envoyée à l’équipe")).to_be_visible()

    # Then she accepts it in three taps, and the record opens to her
    await coordinator.open(f"{territory.web}/file-active")
    taps = 0
    for link in (
        desk.get_by_role("navigation", name="Principale").get_by_role("link", name="Demandes"),
        desk.get_by_role("link", name=family),
    ):
        await link.click()
        taps += 1
    await expect(desk.get_by_text("Le 06 39 98 00 01, le soir").first).to_be_visible()
    await desk.get_by_role("button", name="Accepter la demande").click()
    taps += 1
    await expect(desk.get_by_text("Demande acceptée")).to_be_visible()
    assert taps <= ACCEPT
    await opens(desk, "Ouvrir le dossier")
    await desk.get_by_role("link", name="Ouvrir le dossier").click()
    await expect(desk.get_by_role("heading", name="Résumé")).to_be_visible()

    # And the GP reads that it was accepted, and still sees nothing of the record
    await gp.open(address)
    await expect(gp.page.get_by_text("Acceptée").first).to_be_visible()
    assert await gp.page.get_by_role("link", name="Ouvrir le dossier").count() == 0

    # And when the coordinator ends the support on her telephone, nothing is left without a word
    here = desk.url.partition("?")[0]
    await desk.set_viewport_size({"width": PHONE, "height": 844})
    await coordinator.open(f"{here}/appui")
    await desk.get_by_role("radio", name="Objectifs atteints").check()
    await desk.get_by_role("button", name="Terminer l’appui").click()
    await expect(desk.get_by_role("link", name="Écrivez le bilan en une phrase au moins")).to_be_visible()
    await coordinator.check("support-ending")
    await desk.get_by_label("Bilan").fill("Aides en place trois fois par semaine, appeler le médecin traitant.")
    await desk.get_by_role("button", name="Terminer l’appui").click()

    # Then the record closes to her, and the GP reads why
    await expect(desk.get_by_text("Appui terminé")).to_be_visible()
    await closes(desk, here)
    await gp.open(address)
    await expect(gp.page.get_by_text("Clôturée").first).to_be_visible()


async def test_a_person_asks_for_themself_in_their_own_words(browser: Browser, territory: Territory) -> None:
    # Given the person in their space
    patient = await signed_in(browser, territory, "patient")
    page = await patient.open(f"{territory.web}/mon-appui")
    words = f"Je suis fatiguée de tout organiser {uuid4().hex[:6]}"

    # When she sends an unfinished form, what is missing is said and nothing is lost
    await page.get_by_label("Racontez ce qui est difficile").fill(words)
    await page.get_by_role("button", name="Envoyer ma demande").click()
    await expect(page.get_by_role("link", name="Choisissez un délai")).to_be_visible()
    await expect(page.get_by_label("Racontez ce qui est difficile")).to_have_value(words)
    await page.get_by_label("Plusieurs professionnels viennent").check()
    await page.get_by_label("Dans la semaine").check()
    await page.get_by_role("radio", name="Oui").check()
    await page.get_by_role("button", name="Envoyer ma demande").click()

    # Then she reads where it stands
    await expect(page.get_by_text("Votre demande est envoyée")).to_be_visible()
    await expect(page.get_by_text(words)).to_be_visible()
    await patient.check("support-own")


async def test_a_coordinator_invites_a_professional_in_four_taps(browser: Browser, territory: Territory) -> None:
    # Given the coordinator on her caseload
    coordinator = await signed_in(browser, territory, "coordinator")
    page = await coordinator.open(f"{territory.web}/file-active")
    await page.get_by_role("rowheader").get_by_role("link").first.click()
    taps = 1
    await page.get_by_role("link", name="Cercle de soins", exact=True).first.click()
    taps += 1
    await page.get_by_role("link", name="Inviter ou retirer un membre").click()
    taps += 1

    # When she looks a doctor up by name and invites him
    await page.get_by_label("Nom, prénom").fill("ESSAI Paul")
    await page.get_by_label("Nom, prénom").press("Enter")
    await page.get_by_role("button", name="Ajouter au cercle").first.click()
    taps += 1

    # Then he is a member, and it took no more than four taps
    await expect(page.get_by_text("Membre ajouté")).to_be_visible()
    await coordinator.check("circle-members")
    assert taps <= INVITE

    # And she removes him with a reason, which stays
    await page.locator("summary", has_text="Retirer : ").filter(has_text="Paul").first.click()
    form = page.locator("form[aria-label^='Retirer'][aria-label*='Paul']").first
    await form.get_by_label("Pourquoi").fill("Invité par erreur")
    await form.get_by_role("button", name="Retirer du cercle").click()
    await expect(page.get_by_text("Membre retiré")).to_be_visible()
    await expect(page.get_by_text("Invité par erreur").first).to_be_visible()
