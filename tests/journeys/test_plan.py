"""A plan that lives, from outside: the discharge letter of the main job moves it; what the person contests goes to review and stays beside the answer."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.test_every_page import patient_of
from tests.journeys.test_main_job import eventually, send, signed_in
from tests.support.letters import discharge_letter
from tests.support.territory import Territory

pytestmark = pytest.mark.browser


async def test_the_discharge_letter_moves_the_plan(browser: Browser, territory: Territory, tmp_path: Path) -> None:
    # Given the plan of the official test patient, on the coordinator's screen
    coordinator = await signed_in(browser, territory, "coordinator")
    here = f"{territory.web}/patients/{patient_of(territory)}/plan"
    await coordinator.open(here)
    await expect(coordinator.page.get_by_role("heading", name="Fermer la plaie du pied")).to_be_visible()

    # When the hospital sends the discharge letter
    letter = tmp_path / "lettre.xml"
    letter.write_bytes(discharge_letter(f"Lettre de liaison {uuid4().hex[:8]}"))
    assert send(territory, letter).startswith("AA")

    # Then the plan says that it is to be reviewed, with the letter, and the review is a task
    await eventually(coordinator.page, here, "À revoir depuis la sortie d’hôpital")
    await expect(coordinator.page.get_by_role("link", name="Lire la lettre").first).to_be_visible()
    await coordinator.check("journey-plan-to-review")
    await eventually(coordinator.page, f"{territory.web}/taches", "Revoir le plan personnalisé")

    # And an action is added in two taps, besides what is typed: it is then in the nurse's tasks
    words = f"Contrôle de la CRP {uuid4().hex[:6]}"
    await coordinator.open(here)
    await coordinator.page.get_by_text("Ajouter une action").first.click()
    form = coordinator.page.locator("details[open] form").first
    await form.get_by_label("Ce qu’il y a à faire").fill(words)
    nurses = form.get_by_label("Qui le fait").locator("option", has_text=territory.personas["nurse"]["name"])
    await form.get_by_label("Qui le fait").select_option(await nurses.first.get_attribute("value"))
    await form.get_by_role("button", name="Ajouter").click()
    await expect(coordinator.page.get_by_text("Action enregistrée")).to_be_visible()
    nurse = await signed_in(browser, territory, "nurse")
    await eventually(nurse.page, f"{territory.web}/taches", words)

    # And the version is published, which the patient reads
    await coordinator.open(here)
    await coordinator.page.get_by_role("button", name="Publier la version").click()
    await expect(coordinator.page.get_by_text("Version publiée")).to_be_visible()
    patient = await signed_in(browser, territory, "patient")
    await eventually(patient.page, f"{territory.web}/mes-documents", "Plan personnalisé de coordination en santé")


async def test_a_contested_plan(browser: Browser, territory: Territory) -> None:
    # Given the patient, who reads her plan on a phone
    patient = await signed_in(browser, territory, "patient")
    await patient.open(f"{territory.web}/mon-plan")
    await patient.check("journey-own-plan")

    # When she says with what she does not agree
    words = f"Pas de passage le matin ({uuid4().hex[:6]})"
    await patient.page.get_by_label("Avec quoi n’êtes-vous pas d’accord").fill(words)
    await patient.page.get_by_role("button", name="Je ne suis pas d’accord").click()
    await expect(patient.page.get_by_role("status").get_by_text("C’est noté")).to_be_visible()

    # Then the coordinator sees it on the plan, which is to be reviewed, and answers
    coordinator = await signed_in(browser, territory, "coordinator")
    here = f"{territory.web}/patients/{patient_of(territory)}/plan"
    await eventually(coordinator.page, here, "À revoir depuis un désaccord")
    dispute = coordinator.page.get_by_role("region", name="Désaccord").filter(has_text=words)
    await dispute.get_by_text("Répondre").click()
    await dispute.get_by_label("Votre position").fill("Un seul passage, l’après-midi")
    await dispute.get_by_role("button", name="Enregistrer").click()
    await expect(coordinator.page.get_by_text("Réponse enregistrée")).to_be_visible()
    await coordinator.check("journey-plan-contested")

    # And she reads both, one under the other
    await patient.open(f"{territory.web}/mon-plan")
    await expect(patient.page.get_by_text(words)).to_be_visible()
    await expect(patient.page.get_by_text("Un seul passage, l’après-midi")).to_be_visible()

    # And somebody who is not of her circle knows nothing of it
    outsider = await signed_in(browser, territory, "outsider")
    answer = await outsider.page.goto(here)
    assert answer is not None
    assert answer.status == 404


@pytest.mark.long
async def test_two_who_edit_the_synthesis_at_once(browser: Browser, territory: Territory) -> None:
    # Given the coordinator and the doctor, who open the same form of the plan
    here = f"{territory.web}/patients/{patient_of(territory)}/plan"
    windows = [await signed_in(browser, territory, who) for who in ("gp", "coordinator")]
    for window in windows:
        await window.open(here)
        await window.page.get_by_text("Synthèse, alerte, date de revue").click()
    doctor, coordinator = (window.page for window in windows)
    own, other = (f"{words} ({uuid4().hex[:6]})" for words in ("Sa fille passe le soir", "Appeler le cabinet avant 19 h"))

    # When the doctor changes what is to be done in an alert, and the coordinator the synthesis
    await doctor.get_by_label("Conduite à tenir en cas d’alerte").fill(other)
    await doctor.locator("#synthese").get_by_role("button", name="Enregistrer").click()
    await expect(doctor.get_by_text("Synthèse et suivi enregistrés")).to_be_visible()
    await coordinator.get_by_label("Synthèse de la situation").fill(own)
    await coordinator.locator("#synthese").get_by_role("button", name="Enregistrer").click()

    # Then the coordinator reads what the doctor wrote before anything is written, and finds both in the form
    await expect(coordinator.get_by_role("alert").filter(has_text="Quelqu’un a modifié entre-temps")).to_contain_text(other)
    await expect(coordinator.get_by_label("Conduite à tenir en cas d’alerte")).to_have_value(other)
    await expect(coordinator.get_by_label("Synthèse de la situation")).to_have_value(own)
    await windows[1].check("journey-plan-meanwhile")
    await coordinator.locator("#synthese").get_by_role("button", name="Enregistrer").click()
    await expect(coordinator.get_by_text("Synthèse et suivi enregistrés")).to_be_visible()

    # And both stand
    await windows[0].open(here)
    for words in (own, other):
        await expect(doctor.get_by_text(words).first).to_be_visible()
