"""The list of a person's documents: a page at a time whatever their number, filtered by what the address says."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.db import count_statements
from maillage.services.documents import pages, rules
from tests.support.browser import HERE, screen
from tests.support.people import NOON, SEED, care_team, professional

GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
PATH = "/patients/p/documents"
STATEMENTS = 12  # of the page, session and audit included, whatever the number of documents
LETTER, LABORATORY = ("11490-0", "Lettre de liaison"), ("11502-2", "Compte rendu de biologie")


def document(
    number: int, *, kind: tuple[str, str] = LETTER, title: str = "", house: str = "chu", days: int | None = None
) -> dict[str, Any]:
    """A document of Patient/p that came `days` days ago (else `number` hours ago)."""
    came = NOON - (timedelta(hours=number) if days is None else timedelta(days=days))
    title = title or f"Lettre n° {number}"
    return {
        "resourceType": "DocumentReference", "id": f"d{number}", "status": "current", "subject": {"reference": "Patient/p"},
        "type": {"coding": [{"system": "http://loinc.org", "code": kind[0]}], "text": kind[1]}, "description": title,
        "custodian": {"reference": f"Organization/{house}", "display": house},
        "date": came.isoformat(), "content": [{"attachment": {"contentType": "application/pdf", "url": "https://elsewhere.example/1"}}],
    }  # fmt: skip


@pytest.fixture
def filed(access: Access):
    """Files documents in the record of a person followed by the GP."""

    async def file(documents: Sequence[dict[str, Any]]) -> None:
        name = [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}]
        async with access.act(SEED) as ctx:
            await ctx.records.write(
                {"resourceType": "Patient", "id": "p", "name": name, "gender": "female", "birthDate": "1979-03-28"},
                {"resourceType": "Practitioner", "id": "gp", "name": [{"text": "Dr Camille EXEMPLE"}]},
                {"resourceType": "Organization", "id": "chu", "name": "CHU de Démoville"},
                {"resourceType": "Organization", "id": "labo", "name": "Laboratoire de l’Épreuve"},
                care_team("p", "Practitioner/gp"),
            )
            await ctx.records.load(documents)

    return file


@pytest.fixture
def listed(application, signed_in):
    """Asks for the list as the GP, at a path."""

    async def get(path: str = PATH) -> Any:
        headers = {**dict(await signed_in(GP)), "accept": "text/html"}
        async with AsyncClient(transport=ASGITransport(app=application(pages)), base_url=HERE, headers=headers) as client:
            return await client.get(path)

    return get


def shown(page: Any) -> list[str]:
    """The ids of the documents on a page, in order."""
    assert page.status_code == 200, page.text
    return re.findall(r'href="/documents/([\w-]+)"', page.text)


def following(page: Any) -> str | None:
    found = re.search(r'href="([^"]+)">Documents plus anciens', page.text)
    return found[1].replace("&amp;", "&") if found else None


@pytest.mark.parametrize("many", [3, 1_200])
async def test_a_page_takes_the_same_few_statements_whatever_the_number(filed, listed, many: int) -> None:
    await filed([document(n) for n in range(many)])
    with count_statements() as counted:
        page = await listed()
    assert len(shown(page)) == min(many, 50)
    assert counted.statements <= STATEMENTS
    with count_statements() as counted:
        await listed(f"{PATH}?etablissement=CHU&titre=lettre&type=11490-0&periode=2026")
    assert counted.statements <= STATEMENTS


async def test_every_document_is_on_one_page_the_last_received_first(filed, listed) -> None:
    await filed([document(n) for n in range(120)])
    found, path, pages_read = [], PATH, 0
    while path:
        page = await listed(path)
        found += shown(page)
        path, pages_read = following(page), pages_read + 1
    assert found == [f"d{n}" for n in range(120)]
    assert pages_read == 3


async def test_the_number_is_said_when_it_is_known_and_never_guessed(filed, listed) -> None:
    await filed([document(n) for n in range(60)])
    first = (await listed()).text
    assert "Les 50 derniers reçus, d’autres plus anciens suivent" in first
    last = await listed(following(await listed()) or "")
    assert "10\u00a0documents plus anciens" in last.text
    assert "suivent" not in last.text


async def test_filters_join_and_stay_in_the_address(filed, listed) -> None:
    laboratory = [document(n, kind=LABORATORY, title="Glycémie à jeun", house="labo") for n in range(60)]
    await filed([*laboratory, document(100, title="Échographie rénale"), document(101, days=400)])
    for query, wanted in (
        ("titre=echographie", ["d100"]), ("periode=2025", ["d101"]), ("etablissement=chu", ["d100", "d101"]),
        ("etablissement=CHU&periode=12-mois", ["d100"]), ("etablissement=inconnu", []), ("type=11490-0&titre=glycemie", []),
    ):  # fmt: skip
        assert shown(await listed(f"{PATH}?{query}")) == wanted, query
    page = await listed(f"{PATH}?etablissement=epreuve&type=11502-2&titre=jeun")
    assert len(shown(page)) == 50
    assert len(shown(await listed(following(page) or ""))) == 10
    assert "etablissement=epreuve" in (following(page) or "")


async def test_a_page_of_another_list_is_refused_in_words(filed, listed) -> None:
    await filed([document(n) for n in range(60)])
    page = await listed(f"{following(await listed())}&type=11502-2")
    assert page.status_code == 400


async def test_a_document_that_came_late_says_when(filed, listed) -> None:
    old = document(1)
    old["content"][0]["attachment"]["creation"] = "2024-05-02"
    await filed([old, document(2)])
    page = (await listed()).text
    assert page.count("reçu le") == 1
    assert "2\u00a0mai\u00a02024" in page


def test_what_an_address_says_without_meaning_filters_nothing() -> None:
    assert rules.wanted(type="a'b", period="demain", title="!?", today=date(2026, 11, 22)) == rules.EVERYTHING
    assert rules.wanted(period="3-mois", today=date(2026, 11, 22)).received == "ge2026-08-22"


@pytest.mark.browser
async def test_a_long_list_is_filtered_and_turned_without_javascript(browser: Browser, application, signed_in, filed) -> None:
    await filed([*(document(n) for n in range(60)), document(99, title="Échographie rénale")])
    window = await screen(browser, application(pages), headers=await signed_in(GP), scripts=False)
    page = await window.open(PATH)
    await page.get_by_role("link", name="Documents plus anciens").click()
    await expect(page.get_by_role("link", name="Lettre n° 59")).to_be_visible()
    await page.get_by_role("link", name="Revenir aux derniers reçus").click()
    await page.get_by_label("Mot du titre").fill("rénale")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**titre=**")
    assert await page.get_by_role("link", name=re.compile("^(Échographie|Lettre n)")).all_inner_texts() == ["Échographie rénale"]


@pytest.mark.browser
async def test_the_filters_are_accessible(browser: Browser, application, signed_in, filed) -> None:
    await filed([document(n) for n in range(60)])
    window = await screen(browser, application(pages), headers=await signed_in(GP))
    await window.open(f"{PATH}?periode=2026&titre=lettre")
    await window.check("documents-longue-liste")
    assert "Documents plus anciens" in await window.tab_order(most=120)
    await window.open(f"{PATH}?periode=2019")
    await window.check("documents-aucun")
