"""Break-glass on the running product: a doctor who does not follow the person, the person, the data protection officer."""

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.journeys.test_every_page import patient_of
from tests.journeys.test_main_job import eventually, signed_in
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

WORDS = "Malaise sur la voie publique, personne confuse"


async def test_a_record_is_opened_in_an_emergency_and_everyone_knows(browser: Browser, territory: Territory) -> None:
    id = patient_of(territory)
    own = httpx.get(f"{territory.fhir}/Patient/{id}", headers={"Authorization": f"Bearer {territory.token('patient')}"}).json()
    official = own["name"][0]

    # Given a doctor who does not follow the person, and cannot see the record
    doctor = await signed_in(browser, territory, "outsider")
    refused = await doctor.page.goto(f"{territory.web}/patients/{id}")
    assert refused is not None
    assert refused.status == 404

    # When they open it in an emergency
    await doctor.open(f"{territory.web}/urgence")
    year, month, day = own["birthDate"].split("-")
    for field, words in (("nom", official["family"]), ("prenom", official["given"][0]), ("naissance", f"{day}/{month}/{year}")):
        await doctor.page.locator(f"#{field}").fill(words)
    await doctor.page.get_by_label({"female": "Féminin", "male": "Masculin"}[own["gender"]]).check()
    await doctor.page.get_by_label("Danger immédiat").check()
    await doctor.page.get_by_label("Ce qui se passe").fill(WORDS)
    await doctor.page.get_by_label("J’interviens auprès").check()
    await doctor.page.get_by_role("button", name="Ouvrir le dossier").click()

    # Then they read it, and every page says that it is open for a while
    for place in ("Documents", "Cercle de soins", "Résumé"):
        await doctor.page.get_by_role("navigation", name="Dossier").get_by_role("link", name=place).click()
        await expect(doctor.page.get_by_text("Accès d’urgence ouvert jusqu’à")).to_be_visible()

    # And the person knows who and why
    patient = await signed_in(browser, territory, "patient")
    await eventually(patient.page, f"{territory.web}/accueil", WORDS)
    await expect(patient.page.get_by_text("Dossier ouvert en urgence par")).to_be_visible()
    await patient.check("journey-patient-emergency")
    await eventually(patient.page, f"{territory.web}/qui-a-vu", "En urgence, hors du cercle de soins")

    # And the officer reviews it
    officer = await signed_in(browser, territory, "officer")
    await officer.open(f"{territory.web}/acces-urgence")
    await officer.page.get_by_label("Justifié", exact=True).first.check()
    await officer.page.get_by_role("button", name="Enregistrer").first.click()
    await expect(officer.page.get_by_text("Accès examiné")).to_be_visible()

    # And once closed it is closed
    await doctor.page.get_by_role("button", name="Refermer le dossier").click()
    await expect(doctor.page.get_by_text("Dossier refermé")).to_be_visible()
    closed = await doctor.page.goto(f"{territory.web}/patients/{id}")
    assert closed is not None
    assert closed.status == 404
