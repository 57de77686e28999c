"""The main job, from outside: a hospital sends a discharge letter; the circle, the coordination team and the patient see it."""

import asyncio
import csv
import io
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import Screen, screen
from tests.support.letters import discharge_letter
from tests.support.territory import Territory, plain_environment

pytestmark = pytest.mark.browser

SECONDS = 20.0
SMALLEST_SHOWN = 11  # the indicators withhold smaller groups


async def signed_in(browser: Browser, territory: Territory, role: str, *, scripts: bool = True) -> Screen:
    """The persona of a role, signed in through the identity provider's emulator as they would be."""
    window = await screen(browser, scripts=scripts)
    await window.page.goto(f"{territory.web}/connexion")
    await window.page.get_by_role("link", name=territory.personas[role]["name"]).first.click()
    await window.page.wait_for_url(lambda address: address.startswith(territory.web) and not address.endswith("/connexion"))
    return window


def send(territory: Territory, *files: Path) -> str:
    """`maillage send` as a hospital's operator types it; answers what it printed."""
    host, port = territory.mllp
    command = [sys.executable, "-m", "maillage.cli", "send", *map(str, files), "--to", "mllp", "--address", f"{host}:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=plain_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def eventually(page: Page, address: str, words: str) -> None:
    """Opens a page until it says these words, as someone who reloads."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        await page.goto(address)
        if await page.get_by_text(words).count():
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"{address} never said {words!r}:\n{(await page.inner_text('body'))[:1500]}")


@pytest.fixture
def letter(tmp_path: Path) -> tuple[Path, str]:
    """A discharge letter of the official test patient, with a title of its own."""
    title = f"Lettre de liaison {uuid4().hex[:8]}"
    path = tmp_path / "lettre.xml"
    path.write_bytes(discharge_letter(title))
    return path, title


async def test_a_discharge_letter_reaches_the_care_circle(
    browser: Browser, territory: Territory, letter: tuple[Path, str]
) -> None:
    path, title = letter
    # Given a GP who is reading their inbox
    gp = await signed_in(browser, territory, "gp")
    await gp.open(f"{territory.web}/nouveautes")
    assert await gp.page.get_by_text(title).count() == 0

    # When the hospital sends the letter
    assert send(territory, path).startswith("AA")

    # Then the open page says that something is new, without being reloaded
    await gp.page.locator("[data-news]:not([hidden])").wait_for(timeout=SECONDS * 1000)

    # And the GP opens the letter and marks it as treated
    await eventually(gp.page, f"{territory.web}/nouveautes", title)
    await gp.check("journey-gp-inbox")
    await gp.page.get_by_role("link", name=title).first.click()
    await gp.page.get_by_role("link", name="Document complet").click()
    await gp.page.get_by_role("heading", name=title).first.wait_for()
    await gp.check("journey-gp-document")
    await gp.open(f"{territory.web}/nouveautes")
    await gp.page.get_by_role("link", name=title).first.click()
    await gp.page.get_by_role("button", name="Marquer comme traité").click()
    await gp.page.get_by_text("Marqué comme traité").wait_for()

    # And the coordinator has a call to make within 48 hours
    coordinator = await signed_in(browser, territory, "coordinator")
    await eventually(coordinator.page, f"{territory.web}/taches", "Appel de retour à domicile")
    await coordinator.check("journey-coordinator-tasks")
    await coordinator.open(f"{territory.web}/file-active")
    await coordinator.page.get_by_text("PAT-TROIS").first.wait_for()
    await coordinator.check("journey-coordinator-caseload")

    # And the patient reads the letter, and sees who opened it
    patient = await signed_in(browser, territory, "patient")
    await eventually(patient.page, f"{territory.web}/mes-documents", title)
    await patient.check("journey-patient-documents")
    await patient.open(f"{territory.web}/qui-a-vu")
    await patient.page.get_by_text(territory.personas["gp"]["name"]).first.wait_for()
    await patient.check("journey-patient-who-looked")

    # And an outsider finds nothing of it
    outsider = await signed_in(browser, territory, "outsider")
    await outsider.open(f"{territory.web}/patients?q=PAT-TROIS")
    assert await outsider.page.get_by_role("link", name="PAT-TROIS").count() == 0


async def test_the_essential_path_works_without_javascript(
    browser: Browser, territory: Territory, letter: tuple[Path, str]
) -> None:
    path, title = letter
    assert send(territory, path).startswith("AA")
    nurse = await signed_in(browser, territory, "nurse", scripts=False)
    await eventually(nurse.page, f"{territory.web}/nouveautes", title)
    await nurse.page.get_by_role("link", name=title).first.click()
    await nurse.page.get_by_role("button", name="Marquer comme traité").click()
    await nurse.page.get_by_text("Marqué comme traité").wait_for()


async def test_the_e_mail_notice_holds_no_health_data(territory: Territory, letter: tuple[Path, str]) -> None:
    path, title = letter
    assert send(territory, path).startswith("AA")
    letters: list[dict[str, str]] = []
    deadline = time.monotonic() + SECONDS
    while not letters and time.monotonic() < deadline:
        letters = httpx.get(f"{territory.mail}/letters.json").json()
        await asyncio.sleep(0.25)
    assert letters, "no notice was sent"
    for one in letters:
        text = f"{one['subject']} {one['text']}"
        assert "Maillage" in text
        assert not any(word in text for word in ("PAT-TROIS", "Dominique", title, "hospital", "Lettre"))


def test_the_same_letter_sent_twice_is_one_document(territory: Territory, letter: tuple[Path, str]) -> None:
    path, title = letter
    send(territory, path)
    send(territory, path)
    headers = {"Authorization": f"Bearer {territory.token('gp')}"}
    found = httpx.get(f"{territory.fhir}/DocumentReference", params={"_summary": "count", "description": title}, headers=headers)
    assert found.json()["total"] == 1


def test_the_indicators_count_the_letters_once_they_are_enough_not_to_name_anyone(territory: Territory, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.xml" for number in range(SMALLEST_SHOWN)]
    for path in paths:
        path.write_bytes(discharge_letter("Lettre de liaison"))
    headers = {"Authorization": f"Bearer {territory.token('ars')}"}

    def counted() -> int:
        table = httpx.get(f"{territory.web}/indicateurs.csv", headers=headers)
        assert table.status_code == 200
        totals = [row for row in csv.reader(io.StringIO(table.text), delimiter=";") if row[0] == "période"]
        return int(totals[0][2] or 0)

    before = counted()
    send(territory, *paths)
    deadline = time.monotonic() + SECONDS
    while counted() < before + SMALLEST_SHOWN:
        assert time.monotonic() < deadline, "the indicators did not count the letters"
        time.sleep(0.25)
