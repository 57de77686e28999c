"""A measure out of its bounds, on the running product: the alert is put before who follows the person, passed on where nobody takes it, taken and ended."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.journeys.test_every_page import patient_of
from tests.journeys.test_main_job import eventually, signed_in
from tests.support.territory import Territory

pytestmark = [pytest.mark.browser, pytest.mark.long]

VALUE, TITLE, DONE = "84", "Saturation", "Oxygène augmenté par la médecin, revue demain"
PASSED_ON = 150  # seconds: the job looks each minute


async def test_an_alert_is_raised_passed_on_taken_and_ended(browser: Browser, territory: Territory) -> None:
    id = patient_of(territory)

    # Given limits that the nurse sets for this person
    nurse = await signed_in(browser, territory, "nurse")
    await nurse.page.goto(f"{territory.web}/patients/{id}/constantes?mesure=saturation")
    await nurse.page.get_by_text("Fixer les seuils de cette personne").click()
    await nurse.page.get_by_label("Au moins").fill("90")
    await nurse.page.get_by_role("button", name="Enregistrer les seuils").click()
    await expect(nurse.page.get_by_text("Seuils enregistrés.")).to_be_visible()

    # When she logs a saturation below them
    await nurse.page.goto(f"{territory.web}/patients/{id}/constantes/saisir?mesure=saturation")
    await nurse.page.get_by_label("Saturation").first.fill(VALUE)
    await nurse.page.get_by_role("button", name="Enregistrer").click()
    await expect(nurse.page.get_by_text("Constante enregistrée.")).to_be_visible()

    # Then an alert stands on the record, and before her, who set the limit
    await eventually(nurse.page, f"{territory.web}/patients/{id}", f"Alerte : {TITLE}")
    await expect(nurse.page.get_by_role("region", name=f"Alerte, {TITLE}")).to_be_visible()
    await nurse.check("journey-alerte-dossier")
    chronicle = nurse.page.locator("section", has=nurse.page.get_by_role("heading", name="Chronologie"))
    await expect(chronicle.get_by_text(f"{TITLE} 84")).to_have_count(1)
    await eventually(nurse.page, f"{territory.web}/alertes", TITLE)
    card = nurse.page.get_by_role("region").filter(has_text=TITLE).first
    await expect(card.get_by_text("Personne ne l’a prise.")).to_be_visible()
    await nurse.check("journey-alertes")

    # When she does not take it in time (the time for which it waits is made to be over)
    headers = {"Authorization": f"Bearer {territory.token('nurse')}"}
    asked = {"code": "urn:maillage:task|alert", "patient": id, "status": "requested"}
    found = httpx.get(f"{territory.fhir}/Task", params=asked, headers=headers).json()
    task = next(one["resource"] for one in found["entry"] if TITLE in one["resource"]["code"]["text"])
    assert task["owner"]["display"] in territory.personas["nurse"]["name"]
    task["restriction"] = {"period": {"end": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(timespec="seconds")}}
    assert httpx.put(f"{territory.fhir}/Task/{task['id']}", json=task, headers=headers).status_code == 200

    # Then it comes before who coordinates, and says who was told
    lise = await signed_in(browser, territory, "coordinator")
    for _ in range(PASSED_ON):
        await lise.page.goto(f"{territory.web}/alertes")
        if await lise.page.get_by_text(TITLE).count():
            break
        await lise.page.wait_for_timeout(1000)
    card = lise.page.get_by_role("region").filter(has_text=TITLE).first
    await card.get_by_text("Pourquoi cette alerte").click()
    await expect(card.get_by_text("Sans réponse :")).to_be_visible()
    await lise.picture("journey-alerte-suite")
    await lise.page.goto(f"{territory.web}/nouveautes")
    await expect(lise.page.get_by_text(f"Alerte : {TITLE}").first).to_be_visible()
    await lise.page.goto(f"{territory.web}/alertes")

    # When somebody takes it, and says what was done
    await card.get_by_role("button", name="Je la prends").click()
    await expect(card.get_by_text("Prise par")).to_be_visible()
    await card.get_by_text("Dire ce qui a été fait").click()
    await card.get_by_label("Ce qui a été fait").fill(DONE)
    await card.get_by_role("button", name="C’est traité").click()

    # Then it is over, for everybody, with what was done
    await lise.page.goto(f"{territory.web}/alertes?vue=terminees")
    await expect(lise.page.get_by_text(DONE).first).to_be_visible()
    await lise.check("journey-alertes-terminees")
    await nurse.page.goto(f"{territory.web}/patients/{id}")
    await expect(nurse.page.get_by_role("region", name=f"Alerte, {TITLE}")).to_have_count(0)
