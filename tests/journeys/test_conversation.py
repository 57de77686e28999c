"""A conversation of six on the running product: three who care or coordinate, the person, her husband, and a word for those who care only."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.test_every_page import patient_of
from tests.journeys.test_main_job import signed_in
from tests.support.browser import PHONE, Screen
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

TOPIC = "Retour à domicile, semaine 48"
SECRET = "Le dosage est à revoir entre nous"


async def write(page: Page, words: str) -> None:
    await page.get_by_label("Votre message").fill(words)
    await page.get_by_role("button", name="Envoyer", exact=True).click()
    await expect(page.locator(".m-msg--me").last).to_contain_text(words)


async def begin(window: Screen, territory: Territory, patient: str, topic: str, readers: str, words: str) -> None:
    page = await window.open(f"{territory.web}/patients/{patient}/messages/nouveau")
    await page.get_by_label("Sujet").fill(topic)
    await page.get_by_label(readers).check()
    await page.get_by_label("Message", exact=True).fill(words)
    await page.get_by_role("button", name="Envoyer", exact=True).click()
    await expect(page.get_by_role("heading", name=topic)).to_be_visible()


async def test_six_people_talk_about_a_return_home(browser: Browser, territory: Territory) -> None:
    patient = patient_of(territory)

    # Given a GP who begins a conversation with the whole circle, knowing who will read it
    gp = await signed_in(browser, territory, "gp")
    await begin(gp, territory, patient, TOPIC, "Tout le cercle, avec la personne et ses proches", "Elle est rentrée hier.")
    await expect(gp.page.get_by_text("la personne et ses proches lisent ce sujet", exact=False).first).to_be_visible()
    thread = gp.page.url.partition("#")[0]

    # When the nurse, the coordinator, the social worker, the person and her husband open it
    others = {}
    for role in ("nurse", "coordinator", "social-worker", "patient", "carer"):
        others[role] = await signed_in(browser, territory, role)
        await others[role].open(thread)
        await expect(others[role].page.get_by_text("Elle est rentrée hier.")).to_be_visible()

    # Then each answers, and every open page shows it without being asked again
    for role, words in (
        ("nurse", "Le pansement passe à un jour sur deux."),
        ("coordinator", "L’aide à domicile revient jeudi."),
        ("social-worker", "Le dossier d’aide est déposé."),
        ("carer", "Elle a marché jusqu’à la cuisine."),
        ("patient", "Je vais mieux, merci."),
    ):
        await write(others[role].page, words)
        await expect(gp.page.get_by_role("article").last).to_contain_text(words)
    await expect(others["nurse"].page.get_by_text("Je vais mieux, merci.")).to_be_visible()

    # And who wrote sees who said that they read
    await others["nurse"].open(thread)
    await others["nurse"].page.get_by_role("button", name="Marquer comme lu").click()
    await expect(gp.page.get_by_text("Lu par 5 sur").first).to_be_visible()
    await gp.check("journey-conversation")
    await others["patient"].check("journey-conversation-patient")

    # And what is for those who care only reaches neither coordination nor the person
    await begin(gp, territory, patient, "Dosage", "Ceux qui soignent seulement", SECRET)
    secret = gp.page.url.partition("#")[0]
    for role, status in (("nurse", 200), ("coordinator", 404), ("social-worker", 404), ("patient", 404), ("carer", 404)):
        answer = await others[role].page.goto(secret)
        assert answer is not None
        assert answer.status == status, role
        await others[role].open(f"{territory.web}/messages")
        assert (SECRET in await others[role].page.content()) == (role == "nurse"), role


async def test_a_nurse_writes_to_the_circle_in_two_taps(browser: Browser, territory: Territory) -> None:
    gp = await signed_in(browser, territory, "gp")
    await begin(gp, territory, patient_of(territory), "Pansement", "Les professionnels du cercle", "Peux-tu passer à 17 h ?")

    # From her first page, on a phone
    nurse = await signed_in(browser, territory, "nurse")
    await nurse.page.set_viewport_size({"width": PHONE, "height": 860})
    await nurse.open(territory.web)
    await nurse.page.get_by_role("navigation", name="Raccourcis").get_by_role("link", name="Messages").click()  # one
    await nurse.page.get_by_label("Votre message").fill("Oui, à 17 h")
    await nurse.page.get_by_role("button", name="Envoyer", exact=True).click()  # two
    await expect(nurse.page.get_by_role("article").last).to_contain_text("Oui, à 17 h")
    await expect(nurse.page.get_by_role("heading", name="Pansement")).to_be_visible()
