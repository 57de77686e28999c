"""An administrator of a structure is invited, makes a passkey with the link of the letter, and comes back with it, in the demonstration."""

import asyncio
import re
import time

import httpx
import pytest
from playwright.async_api import Browser, expect

from maillage.demo.personas import PRACTICE
from tests.journeys.test_main_job import SECONDS, signed_in
from tests.support.browser import screen
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

ADDRESS = "mila.croquis@structure.example"


async def link_sent_to(territory: Territory, address: str) -> str:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for letter in httpx.get(f"{territory.mail}/letters.json", params={"to": address}).json():
            if found := re.search(r"http\S+/compte/lien\S+", letter["text"]):
                return found[0]
        await asyncio.sleep(0.25)
    raise AssertionError(f"no link was sent to {address}")


async def test_an_administrator_comes_in_with_a_passkey(browser: Browser, territory: Territory) -> None:
    # Given the region's operator, who invites them
    operator = await signed_in(browser, territory, "operator")
    page = await operator.open(f"{territory.web}/comptes/inviter")
    await page.get_by_label("Prénom").fill("Mila")
    await page.get_by_label("Nom", exact=True).fill("CROQUIS")
    await page.get_by_label("Adresse électronique").fill(ADDRESS)
    await page.get_by_label("Administration des comptes de la structure").check()
    await page.get_by_label("FINESS").fill(PRACTICE.finess)
    await page.get_by_role("button", name="Envoyer l’invitation").click()
    await expect(page.get_by_text("Mila CROQUIS").first).to_be_visible()

    # When they follow the link of the letter and make a passkey
    window = await screen(browser)
    page = await window.with_authenticator()
    await page.goto(await link_sent_to(territory, ADDRESS))
    await page.get_by_role("button", name="Créer ma clé d’accès").click()

    # Then they administer the accounts of their structure
    await page.wait_for_url(lambda address: "/compte/lien" not in address)
    await page.goto(f"{territory.web}/comptes")
    await expect(page.get_by_role("link", name="Inviter quelqu’un")).to_be_visible()

    # And come back with the passkey alone
    await page.locator(".m-menu summary").first.click()
    await page.get_by_role("button", name="Se déconnecter").first.click()
    await page.wait_for_url(f"{territory.web}/connexion")
    await page.get_by_role("link", name="Compte de structure").click()
    await page.get_by_role("button", name="Utiliser ma clé d’accès").click()
    await page.wait_for_url(f"{territory.web}/comptes")
