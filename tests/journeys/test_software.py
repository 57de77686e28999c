"""An editor describes an application in the sandbox, a patient lets it act, and each sees what concerns them: the editor calls, the patient visits."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.test_every_page import patient_of
from tests.journeys.test_main_job import signed_in
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

NAME = "Carnet de tension"
RETURN = "http://localhost:9/retour"
SCOPES = "launch/patient offline_access patient/Observation.rs"
VERIFIER = "v" * 64


async def described(page: Page) -> str:
    """The form filled by the editor; the client_id that the page shows."""
    await page.get_by_label("Nom que les personnes liront").fill(NAME)
    await page.get_by_label("Adresse électronique").fill("ada@editeur.example")
    await page.get_by_label("dans un navigateur ou un téléphone").check()
    await page.get_by_label("Droits (scopes)").fill(SCOPES)
    await page.get_by_label("Adresses de retour").fill(RETURN)
    await page.get_by_label("Adresse de lancement").fill("http://localhost:9/lancer")
    await page.get_by_role("button", name="Enregistrer").click()
    await page.wait_for_url(lambda address: "/developpeurs/" in address and not address.endswith("/nouveau"))
    return urlsplit(page.url).path.rpartition("/")[2]


def asking(territory: Territory, client: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code", "client_id": client, "redirect_uri": RETURN, "scope": SCOPES, "state": "s" * 32, "aud": territory.fhir,
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{territory.web}/oauth/authorize?{urlencode(asked)}"


async def test_an_application_from_its_description_to_its_calls(browser: Browser, territory: Territory) -> None:
    # Given an editor who describes an application
    editor = await signed_in(browser, territory, "editor")
    page = await editor.open(f"{territory.web}/developpeurs/nouveau")
    client = await described(page)
    await editor.check("page-editor-developpeurs-logiciel")

    # And the operator, who sees what it may do
    operator = await signed_in(browser, territory, "operator")
    page = await operator.open(f"{territory.web}/logiciels/{client}")
    await expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    await operator.check("page-operator-logiciels-logiciel")

    # When a patient lets it act
    patient = await signed_in(browser, territory, "patient")
    page = await patient.open(asking(territory, client))
    await expect(page.get_by_role("heading", name=NAME).first).to_be_visible()
    await patient.check("page-patient-oauth-authorize")
    await page.route("http://localhost:9/**", lambda route: route.fulfill(body="retour"))
    await page.get_by_role("button", name="Autoriser").click()
    await page.wait_for_url(f"{RETURN}?**")
    told = dict(parse_qsl(urlsplit(page.url).query))

    # And it fetches what was allowed, and reads
    form = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": RETURN, "code_verifier": VERIFIER}
    tokens = httpx.post(f"{territory.web}/oauth/token", data=form | {"client_id": client}).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx.get(f"{territory.fhir}/Observation", params={"patient": patient_of(territory)}, headers=headers).is_success

    # Then the editor sees the call, and nothing of anybody
    page = await editor.open(f"{territory.web}/developpeurs/{client}")
    await expect(page.get_by_text("Observation").last).to_be_visible()
    assert "PAT-TROIS" not in await page.inner_text("main")
    await editor.check("page-editor-developpeurs-appels")

    # And the patient the visit of the application, which they take back
    page = await patient.open(f"{territory.web}/qui-a-vu")
    await expect(page.get_by_text(f"par l’application {NAME}").first).to_be_visible()
    page = await patient.open(f"{territory.web}/mes-applications")
    await patient.check("page-patient-mes-applications-une")
    await page.get_by_role("button", name="Retirer l’autorisation").first.click()
    await expect(page.get_by_text("Autorisation retirée")).to_be_visible()
