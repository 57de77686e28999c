"""Words looked for in one record: wherever people wrote them, in any form; what one may not see is not found, and not counted."""

from typing import Any

import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.db import count_statements
from maillage.services.coordination import pages
from tests.support.browser import screen
from tests.support.followed import ABOUT, GP, LISE, NURSE, THEO, Enter, write
from tests.support.pages import Visit
from tests.support.people import SEED

STATEMENTS = 50
"""Of a search, one a type at most: it does not grow with the record."""
CARE_ONLY = {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}}


async def fill(access: Access) -> None:
    await write(
        access, SEED,
        {"resourceType": "Condition", **ABOUT, "code": {"text": "Œdèmes des chevilles"}},
        {"resourceType": "MedicationStatement", "status": "active", **ABOUT, "medicationCodeableConcept": {"text": "Furosémide 40 mg"},
         "note": [{"text": "en cas d’œdème"}]},
        {"resourceType": "Task", "status": "requested", "intent": "order", "code": {"text": "Surveiller les oedèmes"}, "for": {"reference": "Patient/p"}},
        {"resourceType": "Communication", "status": "completed", **ABOUT, "payload": [{"contentString": "Moins d’œdèmes ce matin"}]},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", **ABOUT, "code": {"text": "Bas de contention, œdème"}, **CARE_ONLY},
        {"resourceType": "Condition", "subject": {"reference": "Patient/q"}, "code": {"text": "Œdème d’un autre"}},
        {"resourceType": "DocumentReference", "status": "current", **ABOUT, "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
         "content": [{"attachment": {"contentType": "application/pdf", "url": "https://elsewhere.example/1", "title": "Bilan d’œdèmes"}}]},
    )  # fmt: skip


async def test_words_are_found_wherever_they_are_written_in_any_form(followed: None, access: Access, enter: Enter) -> None:
    await fill(access)
    gp = await enter(GP)
    with count_statements() as counted:
        page = (await gp.get("/patients/p/recherche", params={"q": "OEDEME"})).text
    for words in ("Œdèmes des chevilles", "Furosémide", "Surveiller", "Moins d", "Bas de contention", "Bilan d"):
        assert words in page, words
    assert "autre" not in page.split("<main")[1].split("</main>")[0]
    assert counted.statements <= STATEMENTS
    assert "Rien dans ce dossier" in (await gp.get("/patients/p/recherche", params={"q": "plâtre"})).text


async def test_what_is_kept_from_somebody_is_not_found(followed: None, access: Access, enter: Enter) -> None:
    await fill(access)
    gp, lise, theo = await enter(GP), await enter(LISE), await enter(THEO)
    assert "Bas de contention" in (await gp.get("/patients/p/recherche", params={"q": "œdème"})).text
    assert "Bas de contention" not in (await lise.get("/patients/p/recherche", params={"q": "œdème"})).text
    page = (await theo.get("/patients/p/recherche", params={"q": "œdème"})).text
    assert "Surveiller" in page
    for hidden in ("chevilles", "Furosémide", "Bas de contention", "Soins"):
        assert hidden not in page.split("<main")[1], hidden
    assert (await gp.get("/patients/q/recherche", params={"q": "œdème"})).status_code == 404


async def test_what_cannot_be_looked_for_is_said(followed: None, access: Access, enter: Enter) -> None:
    nurse = await enter(NURSE)
    for text in ("le", "œdè*", '"ouvert'):
        answer = await nurse.get("/patients/p/recherche", params={"q": text})
        assert answer.status_code == 422, text
        assert "Cherchez un mot entier" in answer.text
    assert (await nurse.get("/patients/p/recherche")).status_code == 200


@pytest.mark.browser
async def test_the_search_of_a_record_is_whole(
    followed: None, access: Access, browser: Browser, application: Any, signed_in: Visit
) -> None:
    await fill(access)
    window = await screen(browser, application(pages), headers=await signed_in(GP))
    page = await window.open("/patients/p/recherche?q=œdème")
    await page.get_by_role("heading", name="Coordination et social").wait_for()
    await window.check("dossier-recherche")
