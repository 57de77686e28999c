"""A nurse's round on a slow network, on her phone, on the running product: what is lost on the way is sent again and written once."""

import re

import httpx
import pytest
from playwright.async_api import Browser, CDPSession, Dialog, Error, Page, Route, expect

from tests.journeys.test_main_job import signed_in
from tests.support.browser import PHONE
from tests.support.photographs import jpeg
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

LATENCY, SPEED = 400, 50 * 1024  # milliseconds, bytes a second
SLOW = {"latency": LATENCY, "downloadThroughput": SPEED, "uploadThroughput": SPEED}
CEILING = 60_000  # bytes of a page after the first
VALUE = "79,3"
OF_A_VISIT = re.compile(r"^Fait : .+, \d+:\d\d$")
SMALL = """() => [...document.querySelectorAll('main a, main button, main select')]
  .filter(e => e.getBoundingClientRect().height > 0 && e.getBoundingClientRect().height < 48).map(e => e.outerHTML.slice(0, 90))"""


async def slow(page: Page) -> tuple[list[float], CDPSession]:
    """The page's network is slow from now on; the bytes of each answer, as they come, and by what the network is changed."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", {"offline": False, **SLOW})
    came: list[float] = []
    session.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))
    return came, session


async def test_a_round_on_a_slow_network(browser: Browser, territory: Territory) -> None:
    # Given a nurse with her phone in one hand, where the network is slow
    nurse = await signed_in(browser, territory, "nurse")
    page = nurse.page
    await page.set_viewport_size({"width": PHONE, "height": 844})
    came, network = await slow(page)

    # When she comes in she is on her round
    await page.goto(f"{territory.web}/tournee")
    await expect(page.get_by_text("5 visites, 0 faite")).to_be_visible()
    assert await page.evaluate(SMALL) == []
    await nurse.picture("journey-tournee")

    # And logs a weight, whose answer is lost on the way
    came.clear()
    lost: list[str] = []

    async def lose(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            try:  # the server writes it; a line that the server had closed meanwhile is opened again, as a browser does
                answer = await route.fetch(max_redirects=0, max_retries=3)
                lost.append(answer.headers.get("location", f"{answer.status}: {await answer.text()}"))
            except Error as fault:
                lost.append(repr(fault))
            await route.abort("connectionreset")
        else:
            await route.continue_()

    taps = 0
    await page.get_by_role("link", name="Saisir pour").last.click()
    taps += 1
    patient = page.url.split("/patients/")[1].split("/")[0]
    await expect(page.get_by_label("Douleur de 0 à 10")).to_be_focused()  # the visit is « Pansement, douleur »
    await page.get_by_role("navigation", name="Que saisir").get_by_role("link", name="Poids").click()
    taps += 1
    await expect(page.get_by_label("Poids en kilogrammes")).to_be_focused()
    assert sum(came) < CEILING
    assert await page.evaluate(SMALL.replace("main a, ", "main nav a, ")) == []
    await page.route("**/constantes", lose)
    await page.get_by_label("Poids en kilogrammes").fill(VALUE)
    await page.get_by_role("button", name="Enregistrer").click()
    taps += 1

    # Then it is said, sent again by itself, and written once
    await expect(page.get_by_text("Rien n’est perdu")).to_be_visible(timeout=15_000)
    await expect(page.get_by_text("Constante enregistrée.")).to_be_visible(timeout=15_000)
    assert lost == ["/tournee?fait=constante"]
    assert page.url.endswith(lost[0])
    assert taps <= 3
    headers = {"Authorization": f"Bearer {territory.token('nurse')}"}
    query = {"patient": patient, "code": "29463-7", "value-quantity": "79.3"}
    found = httpx.get(f"{territory.fhir}/Observation", params=query, headers=headers).json()
    assert len(found["entry"]) == 1

    # And she ticks the first visit, which came too slowly to be taken (408), writes to the notebook, and sees both
    slowly: list[str] = []

    async def too_slow(route: Route) -> None:
        if route.request.method == "POST" and not slowly:
            slowly.append(route.request.url)
            await route.fulfill(status=408, body="")
        else:
            await route.continue_()

    await page.route("**/faite", too_slow)
    await page.get_by_role("button", name=OF_A_VISIT).first.click()
    await expect(page.get_by_text("5 visites, 1 faite")).to_be_visible(timeout=15_000)
    assert len(slowly) == 1
    came.clear()
    await page.get_by_role("link", name="Écrire").first.click()
    await page.get_by_label("Ce que vous avez vu ou fait").fill("Jambes gonflées ce matin.")
    await page.get_by_label("Photos").set_input_files({"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
    await page.get_by_role("button", name="Écrire au cahier").click()
    await expect(page.get_by_text("Note enregistrée.")).to_be_visible()
    await expect(page.get_by_role("paragraph").filter(has_text="Jambes gonflées ce matin.")).to_be_visible()
    notes = httpx.get(
        f"{territory.fhir}/DocumentReference", params={"_sort": "-_lastUpdated", "_count": "1"}, headers=headers
    ).json()
    assert len(notes["entry"][0]["resource"]["context"]["related"]) == 1, "the photograph went with the words"
    assert sum(came) < 2 * CEILING

    # And where there is no network at all she ticks two visits: it is said that neither is sent, and leaving is asked about
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    await page.goto(f"{territory.web}/tournee")
    await network.send("Network.emulateNetworkConditions", {"offline": True, **SLOW})
    for _ in range(2):
        await (
            page.locator("form[action^='/tournee/'][action$='/faite']:not(:has(.m-said))")
            .get_by_role("button", name=OF_A_VISIT)
            .first.click()
        )
    await expect(page.get_by_text("Pas encore envoyé")).to_have_count(2)
    async with page.expect_event("dialog"):
        await page.evaluate("() => setTimeout(() => location.reload())")
    await expect(page.get_by_text("Pas encore envoyé")).to_have_count(2)
    await nurse.picture("journey-tournee-sans-reseau")
    kept = "async () => [localStorage.length, sessionStorage.length, (await caches.keys()).length, (await indexedDB.databases()).length]"
    assert await page.evaluate(kept) == [0, 0, 0, 0], "a telephone that is lost holds nothing"

    # Then both go when it is back, once
    await network.send("Network.emulateNetworkConditions", {"offline": False, **SLOW})
    await expect(page.get_by_text("5 visites, 3 faites")).to_be_visible(timeout=15_000)
    assert asked == ["beforeunload"]
