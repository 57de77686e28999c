"""SMART clients that nobody here wrote, against a running server: Authlib by itself; fhirclient (PyPI) and fhirclient (npm) for a person in Chromium."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.sessions import Device
from maillage.clock import SystemClock
from maillage.connectors.listening import served as serving
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from tests.clients.conftest import _wait_until_it_answers
from tests.support.browser import ROOT, violations
from tests.support.people import SEED, care_team, professional
from tests.support.processes import Killable, free_port
from tests.support.software import EC, OURS, RSA, application_of_people, metadata, registered

SCRIPT = ROOT / "node_modules" / "fhirclient" / "build" / "fhir-client.js"
SCOPE = "openid fhirUser launch/patient online_access patient/Patient.rs patient/Observation.rs"
APPLICATION = """<!doctype html><html lang="en"><title>App</title><script src="/fhir-client.js"></script><pre id="said"></pre><script>
const say = said => document.getElementById("said").textContent = JSON.stringify(said);
const asked = new URLSearchParams(location.search);
if (asked.has("code") || asked.has("error"))
  FHIR.oauth2.ready().then(async client => {
    const person = await client.patient.read();
    const again = await client.refresh();
    say({ family: person.name[0].family, patient: client.patient.id, user: client.user.fhirUser, refreshed: !!again.tokenResponse.access_token });
  }).catch(fault => say({ fault: String(fault) }));
else FHIR.oauth2.authorize({ clientId: asked.get("client"), scope: asked.get("scope"), iss: asked.get("server"), redirectUri: location.origin + "/", pkceMode: "required" })
  .catch(fault => say({ fault: String(fault) }));
</script></html>"""


@dataclass(frozen=True)
class Platform:
    """A running server, and the way in to its database."""

    base: str
    access: Access

    @property
    def host(self) -> str:
        return self.base.removesuffix("/fhir")

    async def sign_in(self, browser: Browser) -> BrowserContext:
        """A window of a doctor who signed in."""
        actor = professional("gp", Role.GP)
        cookie = await self.access.enter(actor, Device(agent="Chromium", address="", secret="d" * 43), hint="psc")
        context = await browser.new_context(locale="fr-FR")
        await context.add_cookies([{"name": "maillage", "value": cookie, "url": self.host}])
        return context


@pytest.fixture
async def smart(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Platform]:
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "MAILLAGE_DATA": str(tmp_path), "MAILLAGE_DATABASE_URL": dsn, "MAILLAGE_WEB": address, "MAILLAGE_BASE_URL": f"http://{address}",
        "MAILLAGE_OPENID_KEY": OURS.as_pem(private=True).decode(),
    }  # fmt: skip
    access = Access(database, store=Store(), files=LocalFiles(tmp_path / "files"), clock=SystemClock())
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "p", "name": [{"family": "ESSAI", "given": ["Ana"]}]})
        await ctx.records.write({"resourceType": "Practitioner", "id": "gp", "active": True, "name": [{"family": "GP"}]})
        await ctx.records.write(care_team("p", "Practitioner/gp"))
    web = Killable("serve", settings, tmp_path / "web.log")
    web.start()
    try:
        await asyncio.to_thread(_wait_until_it_answers, f"http://{address}/fhir/metadata", tmp_path / "web.log")
        yield Platform(f"http://{address}/fhir", access)
    finally:
        web.stop()


@pytest.mark.filterwarnings("ignore:The httpx module is deprecated")
async def test_authlib_acts_by_itself_with_either_signature(smart: Platform) -> None:
    pytest.importorskip("authlib")
    made = await registered(smart.access, metadata())
    for key, algorithm in ((RSA, "RS384"), (EC, "ES384")):
        await asyncio.to_thread(_with_authlib, smart.base, made.id, key, algorithm)


def _with_authlib(base: str, client: str, key: Any, algorithm: str) -> None:
    import httpx
    from authlib.integrations.httpx_client import OAuth2Client
    from authlib.oauth2.rfc7523 import PrivateKeyJWT

    said = httpx.get(f"{base}/.well-known/smart-configuration").json()
    claims = {"exp": int(time.time()) + 240}
    proof = PrivateKeyJWT(said["token_endpoint"], claims=claims, headers={"kid": key.kid}, alg=algorithm)
    with OAuth2Client(client, key, token_endpoint_auth_method="private_key_jwt", scope="system/Patient.rs") as program:
        program.register_client_auth_method(proof)
        token = program.fetch_token(said["token_endpoint"], grant_type="client_credentials")
        assert (token["scope"], token["token_type"]) == ("system/Patient.rs", "Bearer")
        assert program.get(f"{base}/Patient/p").json()["name"][0]["family"] == "ESSAI"
        assert program.get(f"{base}/Task").status_code in (200, 403)


async def _say_yes(page: Page) -> None:
    """The doctor picks the person and agrees."""
    await page.get_by_role("link", name="ESSAI Ana").click()
    await expect(page.get_by_role("heading", name="demande un accès")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="Autoriser").click()


@pytest.mark.browser
async def test_fhirclient_of_pypi_is_let_in_by_a_doctor(smart: Platform, browser: Browser) -> None:
    pytest.importorskip("fhirclient")
    from fhirclient.client import FHIRClient
    from fhirclient.models.patient import Patient

    back = "http://127.0.0.1:9/retour"
    made = await registered(smart.access, application_of_people(redirect_uris=[back], scope=SCOPE))
    client = FHIRClient(settings={"app_id": made.id, "api_base": smart.base, "redirect_uri": back, "scope": SCOPE})
    address = await asyncio.to_thread(lambda: client.authorize_url)
    page = await (await smart.sign_in(browser)).new_page()
    await page.route(f"{back}**", lambda route: route.fulfill(body="the application"))
    await page.goto(address)
    await _say_yes(page)
    await page.wait_for_url(f"{back}?**")
    await asyncio.to_thread(client.handle_callback, page.url)
    person = await asyncio.to_thread(Patient.read, client.patient_id, client.server)
    assert (client.patient_id, person.name[0].family) == ("p", "ESSAI")
    assert await asyncio.to_thread(client.reauthorize), "by its refresh token"


@pytest.mark.browser
async def test_fhirclient_of_npm_is_let_in_by_a_doctor(smart: Platform, browser: Browser) -> None:
    port = free_port()
    made = await registered(smart.access, application_of_people(redirect_uris=[f"http://127.0.0.1:{port}/"], scope=SCOPE))

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        script = scope["path"] == "/fhir-client.js"
        kind, body = (b"text/javascript", SCRIPT.read_bytes()) if script else (b"text/html", APPLICATION.encode())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body})

    async with serving(application, host="127.0.0.1", port=port) as elsewhere:
        page = await (await smart.sign_in(browser)).new_page()
        await page.goto(f"{elsewhere}/?client={made.id}&server={smart.base}&scope={SCOPE}")
        await _say_yes(page)
        await expect(page.locator("#said")).not_to_be_empty()
        assert json.loads(await page.locator("#said").inner_text()) == {
            "family": "ESSAI", "patient": "p", "user": "Practitioner/gp", "refreshed": True,
        }  # fmt: skip
