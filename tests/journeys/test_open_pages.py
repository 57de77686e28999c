"""A day with many windows: every open page is told, none waits for the others, and signing out ends where one began."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser

from tests.support.browser import screen
from tests.support.letters import discharge_letter
from tests.support.territory import Territory, plain_environment

pytestmark = pytest.mark.browser

WINDOWS = 8  # a browser opens six connections to a host over HTTP/1.1


async def test_eight_open_pages_are_all_told_of_a_letter(territory: Territory, browser: Browser, tmp_path: Path) -> None:
    # Given the GP, whose inbox is open in eight windows
    window = await screen(browser)
    await window.page.goto(f"{territory.web}/connexion")
    await window.page.get_by_role("link", name=territory.personas["gp"]["name"]).first.click()
    await window.page.wait_for_url(f"{territory.web}/nouveautes")
    pages = [window.page, *[await window.page.context.new_page() for _ in range(WINDOWS - 1)]]
    for page in pages[1:]:
        await page.goto(f"{territory.web}/nouveautes")

    # When a hospital sends a letter
    letter = tmp_path / "lettre.xml"
    letter.write_bytes(discharge_letter(f"Lettre de liaison {uuid4().hex[:8]}"))
    host, port = territory.mllp
    command = [sys.executable, "-m", "maillage.cli", "send", str(letter), "--to", "mllp", "--address", f"{host}:{port}"]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=plain_environment())
    assert sent.returncode == 0, sent.stderr

    # Then each of them says so, without being reloaded
    for page in pages:
        await page.locator("[data-news='nouveautes']").first.wait_for(state="visible", timeout=15_000)

    # And signing out leads back to the sign-in, through the provider
    await window.page.locator(".m-menu summary").first.click()
    await window.page.get_by_role("button", name="Se déconnecter").first.click()
    await window.page.wait_for_url(f"{territory.web}/connexion")
