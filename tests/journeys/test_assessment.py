"""A questionnaire on the running product: a nurse asks, the person answers from the link on a phone, the score is in the record and the nurse is told."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.test_every_page import patient_of
from tests.journeys.test_main_job import signed_in
from tests.support.browser import PHONE
from tests.support.territory import Territory

pytestmark = pytest.mark.browser


async def test_a_person_answers_from_a_link_and_the_nurse_reads_what_it_comes_to(browser: Browser, territory: Territory) -> None:
    evaluations = f"{territory.web}/patients/{patient_of(territory)}/evaluations"

    # Given a nurse who asks the person about their risk of diabetes
    nurse = await signed_in(browser, territory, "nurse")
    page = await nurse.open(evaluations)
    await page.get_by_text("Cœur, poumons, reins, diabète").click()
    await page.get_by_role("button", name=re.compile("^Demander à la personne : FINDRISC")).click()
    await expect(page.get_by_text("C’est demandé")).to_be_visible()
    link = re.search(r"/mes-questionnaires/[\w-]+", await page.content())
    assert link

    # When the person opens that link on a phone and answers, and comes back later to finish
    person = await signed_in(browser, territory, "patient")
    await person.page.set_viewport_size({"width": PHONE, "height": 844})
    home = await person.open(f"{territory.web}/accueil")
    await expect(home.get_by_role("link", name=re.compile("^Répondre : FINDRISC"))).to_be_visible()
    page = await person.open(f"{territory.web}{link[0]}")
    await person.check("journey-questionnaire")
    await page.get_by_label("Tour de taille").fill("104")
    await page.get_by_label("Tour de taille").press("Tab")
    await expect(page.get_by_role("status")).to_contain_text("Enregistré à")
    page = await person.open(f"{territory.web}{link[0]}")
    await expect(page.get_by_label("Tour de taille")).to_have_value("104")
    for name, value in (("Âge", "47"), ("Poids", "82"), ("Taille", "165")):
        await page.get_by_label(re.compile(f"^{name}")).first.fill(value)
    for question in await page.locator("main fieldset").evaluate_all("all => all.map(one => one.id)"):
        await page.locator(f"#{question}").get_by_role("radio").first.check()
    await page.get_by_role("button", name="Envoyer à l’équipe").click()
    await expect(page.get_by_text("Vos réponses sont envoyées à l’équipe.")).to_be_visible()
    await person.check("journey-questionnaire-envoye")

    # Then the nurse is told, reads the score with its meaning and its source, and the record has it
    await nurse.open(f"{territory.web}/nouveautes")
    await expect(nurse.page.get_by_text("Questionnaire rempli").first).to_be_visible()
    page = await nurse.open(evaluations)
    await page.get_by_role("link", name=re.compile("^FINDRISC")).first.click()
    await expect(page.get_by_role("heading", name="Résultat")).to_be_visible()
    await page.get_by_text("Comment lire ce résultat").click()
    await expect(page.get_by_text("Source")).to_be_visible()
    await nurse.check("journey-questionnaire-resultat")
