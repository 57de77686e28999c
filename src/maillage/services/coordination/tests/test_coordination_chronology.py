"""The thread of a record: all of it in order, by kind, author and period, page by page; what one may not see leaves no gap."""

import re
from decimal import Decimal

import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.clock import Clock, SystemClock
from maillage.db import count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.resources import telling
from maillage.services.coordination.service import threads
from tests.support.browser import screen
from tests.support.followed import ABOUT, GP, LISE, NURSE, THEO, Enter, Resource, write

STATEMENTS = 11
"""Of a page, session and audit included."""


@pytest.fixture
def clock() -> Clock:
    return SystemClock()


def measure(rank: int, at: str, by: str = "nora") -> Resource:
    return {
        "resourceType": "Observation", "id": f"m{rank}", "status": "final", **ABOUT, "code": {"text": f"Mesure {rank}"}, "effectiveDateTime": at,
        "valueQuantity": {"value": rank, "unit": "kg"}, "performer": [{"reference": f"Practitioner/{by}", "display": by}],
    }  # fmt: skip


def request(words: str, at: str, by: str = "theo", **more: object) -> Resource:
    return {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", **ABOUT, "code": {"text": words}, "authoredOn": at,
        "requester": {"reference": f"Practitioner/{by}"}, **more,
    }  # fmt: skip


def lines(page: str) -> list[str]:
    thread = page.split('<ol class="m-thread">')[1].split("</ol>")[0] if '<ol class="m-thread">' in page else ""
    return re.findall(r"<b[^>]*>((?:Mesure|Aide|Plan|Note)[^<]*)</b>", thread)


async def test_everything_stands_in_one_order_and_is_narrowed_by_kind_author_and_period(
    followed: None, access: Access, enter: Enter
) -> None:
    await write(
        access, NURSE, measure(1, "2026-03-02"), measure(2, "2026-05-02T08:00:00+02:00", by="gp"), request("Aide à domicile", "2026-04-10"),
        {"resourceType": "CarePlan", "status": "active", "intent": "plan", "title": "Plan de soins", "created": "2025", **ABOUT,
         "period": {"start": "2025"}},
    )  # fmt: skip
    gp = await enter(GP)

    async def asked(query: str = "") -> list[str]:
        answer = await gp.get(f"/patients/p/chronologie{query}")
        assert answer.status_code == 200, answer.text
        return lines(answer.text)

    assert await asked() == ["Mesure 2", "Aide à domicile", "Mesure 1", "Plan de soins"]
    assert await asked("?vue=mesures") == ["Mesure 2", "Mesure 1"]
    assert await asked("?vue=coordination") == ["Aide à domicile", "Plan de soins"]
    assert await asked("?auteur=Practitioner/nora") == ["Mesure 1"]
    assert await asked("?auteur=Practitioner/theo") == ["Aide à domicile"]
    assert await asked("?du=2026-03-03&au=02/05/2026") == ["Mesure 2", "Aide à domicile"]
    assert await asked("?vue=nimporte") == await asked()


async def test_dates_out_of_sense_are_said_in_the_words_of_the_form(followed: None, enter: Enter) -> None:
    gp = await enter(GP)
    assert (await gp.get("/patients/p/chronologie?du=2026-01-02&au=2026-01-03")).status_code == 200
    for query, words in (
        ("?du=31/02/2026", "Écrivez la date ainsi"),
        ("?du=2026-05-01&au=2026-04-01", "La fin est avant le début"),
    ):
        answer = await gp.get(f"/patients/p/chronologie{query}")
        assert answer.status_code == 422
        assert words in answer.text
    assert (await gp.get("/patients/p/chronologie?avant=hier")).status_code == 400


async def test_every_line_comes_once_page_by_page_and_a_page_costs_the_same(
    followed: None, access: Access, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "PAGE", 7)
    await write(access, NURSE, *(measure(rank, f"2026-0{1 + rank % 3}-10") for rank in range(20)), request("Aide", "2026-02-10"))
    gp = await enter(GP)
    found, address, costs = [], "/patients/p/chronologie", set()
    while address:
        with count_statements() as counted:
            page = (await gp.get(address)).text
        costs.add(counted.statements)
        found += lines(page)
        older = re.search(r'href="([^"]+)">Voir plus ancien', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert sorted(found) == sorted([*(f"Mesure {rank}" for rank in range(20)), "Aide"])
    assert max(costs) <= STATEMENTS


async def test_what_is_kept_from_somebody_leaves_no_gap(followed: None, access: Access, enter: Enter) -> None:
    care_only = {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}}
    await write(
        access,
        NURSE,
        measure(1, "2026-03-02"),
        request("Aide", "2026-04-10", by="nora", **care_only),
        request("Aide B", "2026-04-09"),
    )
    gp, lise, theo = await enter(GP), await enter(LISE), await enter(THEO)
    assert lines((await gp.get("/patients/p/chronologie")).text) == ["Aide", "Aide B", "Mesure 1"]
    assert "Cercle soignant seulement" in (await gp.get("/patients/p/chronologie")).text
    assert lines((await lise.get("/patients/p/chronologie")).text) == ["Aide B", "Mesure 1"]
    page = (await theo.get("/patients/p/chronologie")).text
    assert lines(page) == ["Aide B"]
    assert "Mesures</a>" not in page
    assert (await gp.get("/patients/q/chronologie")).status_code == 404


@pytest.mark.browser
async def test_the_chronology_is_whole_on_a_phone(
    followed: None, access: Access, browser: Browser, application: object, signed_in: object
) -> None:
    await write(access, NURSE, measure(1, "2026-03-02"), request("Aide à domicile", "2026-04-10"))
    window = await screen(browser, application(pages), headers=await signed_in(GP))  # type: ignore[operator]
    page = await window.open("/patients/p/chronologie?auteur=Practitioner/nora")
    await page.get_by_role("navigation", name="Filtrer la chronologie").wait_for()
    await window.check("chronologie")


def test_words_of_an_observation_keep_their_points_and_figures_have_a_comma() -> None:
    said = {"resourceType": "Observation", "valueString": "Va bien. Mange mieux."}
    assert telling.value(said) == "Va bien. Mange mieux."
    measured = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("74.0"), "unit": "kg"}}
    assert telling.value(measured) == "74,0 kg"
