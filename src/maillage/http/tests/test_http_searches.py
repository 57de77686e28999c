"""Whom somebody looks for stands in no address: the page of a search is come back to by whoever asked, and tells nobody else anything."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import Browser, expect
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http.csrf import masked
from maillage.http.searches import opened, sealed
from tests.support.attacked import actor_of
from tests.support.browser import HERE, screen


async def browser_of(app: Starlette, access: Access, role: Role) -> tuple[httpx.AsyncClient, str]:
    secret = await access.sign_in(actor_of(role))
    headers = {"cookie": f"maillage={secret}", "accept": "text/html"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=headers), secret


async def test_a_name_that_is_looked_for_is_in_no_address(attacked: Starlette, access: Access) -> None:
    client, secret = await browser_of(attacked, access, Role.GP)
    other, _ = await browser_of(attacked, access, Role.GP)
    async with client, other:
        sent = {"csrf": masked(secret), "ou": "/patients", "q": "Secretaire"}
        address = (await client.post("/chercher", data=sent)).headers["location"]
        assert ("Secretaire" in address, urlsplit(address).path) == (False, "/patients")
        found = (await client.get(address)).text
        assert ('value="Secretaire"' in found, 'href="/patients/anne"' in found) == (True, True)
        again = (await client.post("/chercher", data=sent)).headers["location"]
        assert again != address, "two searches for the same look otherwise"
        theirs = (await other.get(address)).text
        assert ('value="Secretaire"' in theirs, "Parmi vos patients" in theirs) == (False, True), "nothing is looked for"
        for ou in ("//evil.example", "https://evil.example", "/patients/anne", "/comptes", ""):
            assert (await client.post("/chercher", data={**sent, "ou": ou})).status_code == 422, ou
        forms = found + (await client.get("/patients")).text
        assert 'method="get"' not in forms, "no form of these pages puts what is typed in an address"


async def test_the_officers_search_keeps_its_words_in_what_follows(attacked: Starlette, access: Access) -> None:
    client, secret = await browser_of(attacked, access, Role.OFFICER)
    async with client:
        sent = {"csrf": masked(secret), "ou": "/traces", "qui": "Dupontel", "dossier": "anne"}
        address = (await client.post("/chercher", data=sent)).headers["location"]
        shown = (await client.get(address)).text
        assert 'value="Dupontel"' in shown
        assert "qui=Dupontel" not in shown
        words = parse_qs(urlsplit(address).query)["mots"][0]
        taken = await client.get("/traces.csv", params={"mots": words})
        assert (taken.status_code, "text/csv" in taken.headers["content-type"]) == (200, True)


@pytest.mark.parametrize("given", ["", "x", "é", "A" * 40, "=" * 8])
def test_what_was_not_sealed_for_it_opens_nothing(given: str) -> None:
    kept = sealed("q=anne", "handle.secret", "/patients")
    assert opened(kept, "handle.another", "/patients") == "q=anne", "the secret changes, the session stays"
    for other in (
        (given, "handle.secret", "/patients"),
        (kept, "other.secret", "/patients"),
        (kept, "handle.secret", "/traces"),
        (kept[:-4], "handle.secret", "/patients"),
    ):
        assert opened(*other) == ""


@pytest.mark.browser
async def test_the_quick_search_works_as_before(attacked: Starlette, access: Access, browser: Browser, signed_in: Any) -> None:
    for scripts in (True, False):
        window = await screen(browser, attacked, headers=await signed_in(actor_of(Role.GP)), scripts=scripts)
        page = await window.open("/nouveautes")
        field = page.get_by_role("search", name="Recherche rapide").get_by_role("searchbox")
        await field.fill("Secretaire")
        await field.press("Enter")
        await expect(page.get_by_role("heading", name="Patients", exact=True)).to_be_visible()
        await expect(page.get_by_role("searchbox", name="Nom, date de naissance, INS ou téléphone")).to_have_value("Secretaire")
        assert "Secretaire" not in page.url
        await window.context.close()
