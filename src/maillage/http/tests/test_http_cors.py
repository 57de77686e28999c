"""Applications of other sites: they read the FHIR door by a token, and no page; a cookie opens nothing for them."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.http.fhir import fhir_routes
from maillage.ui import pages as own
from tests.support.browser import HERE
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, patient

ELSEWHERE = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}


@pytest.fixture
def app(application: Any) -> Any:
    return application(own, SimpleNamespace(routes=fhir_routes()))


async def test_a_browser_asks_before_it_calls_and_reads_what_its_token_opens(access: Access, app: Any) -> None:
    async with await client_of(app, access, MACHINE, accept="application/fhir+json") as program:
        before = await program.options("/fhir/Patient", headers={**ELSEWHERE, "access-control-request-method": "POST"})
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, "*")
        assert "authorization" in before.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in before.headers
        made = await program.post("/fhir/Patient", headers=ELSEWHERE, json={"resourceType": "Patient"})
        assert (made.status_code, made.headers["access-control-allow-origin"]) == (201, "*")
        assert "location" in made.headers["access-control-expose-headers"]
        security = (await program.get("/fhir/metadata", headers=ELSEWHERE)).json()["rest"][0]["security"]
        uris = {one["url"]: one["valueUri"] for one in security["extension"][0]["extension"]}
        assert (uris["token"], uris["authorize"], security["cors"]) == (f"{HERE}/oauth/token", f"{HERE}/oauth/authorize", True)


async def test_another_site_reads_no_page_and_writes_nothing_by_a_cookie(access: Access, app: Any, signed_in: Any) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "p"})
    cookie = dict(await signed_in(patient("p")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as browser:
        for path in ("/", "/oauth/authorize", "/accessibilite"):
            answer = await browser.get(path, headers={**ELSEWHERE, **cookie})
            assert "access-control-allow-origin" not in answer.headers, path
        assert (await browser.options("/", headers={**ELSEWHERE, "access-control-request-method": "POST"})).status_code == 405
        sent = await browser.post("/fhir/Observation", headers={**ELSEWHERE, **cookie}, json={"resourceType": "Observation"})
        assert sent.status_code == 403
        answer = await browser.get("/fhir/Patient/p", headers={**ELSEWHERE, **cookie})
        assert "access-control-allow-credentials" not in answer.headers, (
            "so that a browser that sent a cookie keeps this to itself"
        )
