"""The officer's search of the trail: what they find, that they take it away under trace, and that nobody else comes in."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.clock import FixedClock
from maillage.errors import NotFound
from maillage.services.rights import pages
from maillage.ui.sheets import plain
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, officer_of, patient, professional

DOCTOR = replace(professional("gp", Role.GP, name="Dr Jo MÉDECIN"), organizations=("Organization/house",))
STRANGER = professional("zoe", Role.NURSE, name="=HYPERLINK(1)")
OFFICER = officer_of(Role.OFFICER)
INS = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}


@pytest.fixture
async def trail(access: Access, clock: FixedClock) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "p", "identifier": [INS]},
            {"resourceType": "Patient", "id": "q"},
            {"resourceType": "Organization", "id": "house", "name": "Maison de santé"},
            care_team("p", "Practitioner/gp"),
            {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}},
        )
    clock.advance(timedelta(days=1))
    async with access.act(DOCTOR, read_only=True, door="page", origin="192.0.2.7") as ctx:
        await ctx.records.read("Condition", "c")
    with pytest.raises(NotFound):
        async with access.act(STRANGER, read_only=True, door="page") as ctx:
            await ctx.records.read("Condition", "c")


@pytest.fixture
async def visit(application: Any, signed_in: Any) -> Any:
    async def make(actor: Actor) -> AsyncClient:
        headers = [("accept", "text/html"), *await signed_in(actor)]
        return AsyncClient(transport=ASGITransport(app=application(pages)), base_url=HERE, headers=headers)

    return make


async def test_the_officer_finds_by_who_whose_what_and_how_it_ended(trail: None, visit: Any) -> None:
    async with await visit(OFFICER) as officer:

        async def shows(query: str) -> tuple[bool, bool]:
            page = (await officer.get(f"/traces?nature=professional&{query}")).text
            return "Dr Jo MÉDECIN" in page, "HYPERLINK" in page

        assert await shows("") == (True, True)
        assert await shows("qui=médecin") == (True, False)
        assert await shows("acteur=Practitioner/zoe") == (False, True)
        assert await shows("dossier=2 79 03 51 215 189 89") == (True, True)
        assert await shows("dossier=p&issue=4") == (False, True)
        assert await shows("dossier=q") == (False, False)
        assert await shows("action=C") == (False, False)
        assert await shows("motif=BTG") == (False, False)
        assert await shows("du=2026-11-01&au=2026-11-23") == (False, False)
        assert await shows("du=2026-11-24&au=2026-11-24") == (True, True)
        page = (await officer.get("/traces?qui=médecin")).text
        for words in ("Maison de santé", "192.0.2.7", "Condition/c", "Pour les soins", "/traces?dossier=p"):
            assert words in page


async def test_a_period_that_cannot_be_meant_is_told_in_the_form(trail: None, visit: Any) -> None:
    async with await visit(OFFICER) as officer:
        for query, words in (("du=hier", "Donnez un jour"), ("du=2026-11-24&au=2026-11-23", "vient après le dernier")):
            for path in ("/traces", "/traces.csv"):
                answer = await officer.get(f"{path}?{query}")
                assert answer.status_code in (400, 422)
            assert words in (await officer.get(f"/traces?{query}")).text


async def test_what_is_taken_away_is_in_the_trail_as_a_disclosure(trail: None, visit: Any, access: Access) -> None:
    async with await visit(OFFICER) as officer:
        answer = await officer.get("/traces.csv?dossier=p&qui=Secret")
        assert list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))[1:] == []
        answer = await officer.get("/traces.csv?dossier=p&nature=professional&action=R")
    assert answer.headers["content-disposition"].startswith('attachment; filename="traces-')
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert [(row["qui"], row["issue"], row["dossiers"]) for row in rows] == [
        ("'=HYPERLINK(1)", "Refusé", "p"),
        ("Dr Jo MÉDECIN", "Fait", "p"),
    ]
    async with access.act(OFFICER, read_only=True) as ctx:
        found = (await ctx.records.search("AuditEvent", {"altid": OFFICER.id, "patient": "p"})).matches
    assert [one["type"]["code"] for one in found] == ["110106", "110106"]
    assert found[0]["subtype"][0]["code"] == "disclose"
    assert "Secret" not in str(found)


async def test_pages_follow_each_other(trail: None, visit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.services.rights.service.tracing.PAGE", 1)
    async with await visit(OFFICER) as officer:
        first = (await officer.get("/traces?nature=professional&dossier=p")).text
        following = first.split('<footer><a href="')[1].split('"')[0].replace("&amp;", "&")
        second = (await officer.get(following)).text
    assert ("HYPERLINK" in first, "Dr Jo MÉDECIN" in first) == (True, False)
    assert ("HYPERLINK" in second, "Dr Jo MÉDECIN" in second) == (False, True)


@pytest.mark.parametrize(
    "actor", [DOCTOR, patient("p"), officer_of(Role.STEWARD), officer_of(Role.OPERATOR)], ids=lambda one: one.id
)
async def test_nobody_else_searches_it(trail: None, visit: Any, actor: Actor) -> None:
    async with await visit(actor) as other:
        for path in ("/traces", "/traces.csv"):
            assert (await other.get(path)).status_code == 403


def test_no_cell_is_a_formula() -> None:
    assert [plain(words) for words in ("=1", "+1", "-1", "@a", "a=1", "")] == ["'=1", "'+1", "'-1", "'@a", "a=1", ""]


@pytest.mark.browser
async def test_the_search_is_accessible(trail: None, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    page = await window.open("/traces")
    await window.check("traces")
    await page.get_by_label("Qui", exact=False).first.fill("Jo")
    await page.get_by_role("button", name="Chercher").click()
    await expect(page.get_by_role("link", name="Dr Jo MÉDECIN")).to_be_visible()
    await page.get_by_role("link", name="Accès d’urgence seulement").click()
    await expect(page.get_by_text("Aucun accès ne correspond")).to_be_visible()
    await window.check("traces-vides")
