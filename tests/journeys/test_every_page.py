"""Every page of every persona, on the running product: it answers, axe finds nothing, nothing scrolls sideways, no script fails."""

import httpx
import pytest
from playwright.async_api import Browser

from tests.journeys.test_main_job import signed_in
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

PAGES = {
    "gp": [
        "/nouveautes",
        "/nouveautes?vue=traites",
        "/patients",
        "/patients?q=PAT-TROIS",
        "/annuaire",
        "/annuaire?nom=exemple",
        "/urgence",
    ],
    "coordinator": ["/file-active", "/file-active?vue=change", "/taches", "/taches?vue=faites"],
    "steward": ["/identites", "/quarantaine"],
    "operator": ["/connecteurs", "/quarantaine", "/indicateurs", "/health"],
    "ars": ["/indicateurs"],
    "officer": [
        "/acces-urgence",
        "/acces-urgence?vue=examines",
        "/acces-inhabituels",
        "/acces-inhabituels?vue=examines",
        "/traces",
        "/annuaire",
    ],
    "patient": ["/accueil", "/mes-documents", "/qui-a-vu"],
    "carer": ["/accueil", "/mes-documents"],
}
RECORD = ["", "/documents", "/cercle"]


def patient_of(territory: Territory) -> str:
    """The id of the official test patient, as their own token finds it."""
    headers = {"Authorization": f"Bearer {territory.token('patient')}"}
    found = httpx.get(f"{territory.fhir}/Patient", params={"family": "PAT-TROIS"}, headers=headers).json()
    return str(found["entry"][0]["resource"]["id"])


@pytest.mark.parametrize("role", PAGES)
async def test_the_pages_of_a_persona(browser: Browser, territory: Territory, role: str) -> None:
    window = await signed_in(browser, territory, role)
    faults: list[str] = []
    window.page.on("pageerror", lambda error: faults.append(str(error)))
    pages = PAGES[role] + ([f"/patients/{patient_of(territory)}{part}" for part in RECORD] if role == "gp" else [])
    for path in pages:
        answer = await window.page.goto(f"{territory.web}{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert await window.page.locator("h1").count() == 1, path
        await window.check(f"page-{role}{path.split('/patients/')[0].replace('/', '-').replace('?', '-')}{_part(path)}")
    assert faults == []


def _part(path: str) -> str:
    return f"-dossier{path.rpartition('/')[2][:9] if path.count('/') > 2 else ''}" if path.startswith("/patients/") else ""


async def test_the_inbox_is_walked_by_keyboard(browser: Browser, territory: Territory) -> None:
    window = await signed_in(browser, territory, "gp")
    await window.open(f"{territory.web}/nouveautes")
    order = await window.tab_order()
    assert order[0] == "Aller au contenu"
    assert any("Marquer comme traité" in name for name in order)
