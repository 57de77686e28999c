"""Signing in at an OpenID provider that nobody here wrote (npm oidc-provider, certified by the OpenID Foundation), in place of our emulator."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from maillage import ui
from maillage.access.access import Access
from maillage.access.actors import job_actor
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.clock import SystemClock
from maillage.config import Config
from maillage.connectors.listening import free_port, served
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http import Request, page
from maillage.http.app import create_app
from maillage.http.csrf import masked

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / "node_modules"
HOST = "127.0.0.1"
IDNPS = "899700218896"
PERSON = {
    "SubjectNameID": IDNPS, "given_name": "Camille", "family_name": "EXEMPLE", "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
    "Secteur_Activite": "SA07^1.2.250.1.71.4.2.4",
    "SubjectRefPro": {"exercices": [{"codeProfession": "10", "codeCiviliteDexercice": "DR", "codeSavoirFaire": "SM54"}]},
}  # fmt: skip


@dataclass(frozen=True)
class Territory:
    """Our application, and the provider it trusts."""

    base: str
    provider: str

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base, headers={"accept": "text/html"}, timeout=20)


async def who(request: Request, ctx: Context) -> Response:
    return JSONResponse({"name": ctx.actor.name, "roles": sorted(ctx.actor.roles)})


@pytest.fixture
async def territory(database: Database, tmp_path: Path) -> AsyncIterator[Territory]:
    if not (PACKAGES / "oidc-provider").is_dir():
        pytest.skip("the provider oidc-provider is not installed (npm install --no-save oidc-provider)")
    base, provider = f"http://{HOST}:{free_port(HOST)}", f"http://{HOST}:{free_port(HOST)}"
    config = Config(base_url=base, psc_issuer=provider, psc_client_id="maillage", psc_client_secret="a-secret-of-the-test")
    files, clock = LocalFiles(tmp_path), SystemClock()
    access = Access(database, store=Store(), files=files, clock=clock)
    async with access.act(job_actor("seed")) as ctx:
        identifier = [{"system": "https://rpps.esante.gouv.fr", "value": IDNPS[1:]}]
        await ctx.records.write({"resourceType": "Practitioner", "active": True, "identifier": identifier})
    application = create_app(
        Platform(config, clock, database, files, access), [page("/moi", who, permission=Permission.SIGNED_IN)], render=ui.render
    )
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("node")), str(HERE / "oidc_provider.mjs"), str(urlsplit(provider).port),
        f"{base}/connexion/retour", f"{base}/connexion", json.dumps(PERSON), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        async with served(application, host=HOST, port=urlsplit(base).port or 0):
            yield Territory(base, provider)
    finally:
        if process.stdin is not None:
            process.stdin.close()  # it ends with its standard input
        await asyncio.wait_for(process.wait(), 30)


async def follow(browser: httpx.AsyncClient, address: str, until: str) -> httpx.Response:
    """Go where one is sent, as far as an address that begins so."""
    for _ in range(12):
        answer = await browser.get(address)
        target = answer.headers.get("location", "")
        if target.startswith(until) or not target:
            return answer
        address = str(answer.url.join(target))
    raise AssertionError(f"sent around without end: {address}")


async def test_a_professional_signs_in_and_out(territory: Territory) -> None:
    async with territory.browser() as browser:
        landed = await follow(browser, "/connexion/psc?suite=/moi", "/moi")
        assert landed.headers["location"] == "/moi"
        assert (await browser.get("/moi")).json() == {"name": "Dr Camille EXEMPLE", "roles": ["gp"]}
        away = await browser.post("/deconnexion", data={"csrf": masked(browser.cookies["maillage"])})
        assert away.headers["location"].startswith(f"{territory.provider}/session/end?id_token_hint=")
        left = await browser.get(away.headers["location"])
        assert left.status_code == 200, "the provider knows its ID token, and asks whether to sign out"
        assert (await browser.get("/moi")).headers["location"].startswith("/connexion")


async def test_a_code_of_the_provider_counts_once(territory: Territory) -> None:
    async with territory.browser() as browser:
        address = f"{territory.base}/connexion/retour"
        back = await follow(browser, "/connexion/psc", address)
        answer = back.headers["location"]
        assert (await browser.get(answer)).headers["location"] == "/"
        assert (await browser.get(answer)).status_code in (400, 403, 422)


async def test_a_professional_accepts_on_their_telephone(territory: Territory) -> None:
    async with territory.browser() as browser:
        form = (await browser.get("/connexion/telephone?suite=/moi")).text
        fields = dict(re.findall(r'name="(csrf|suite)" value="([^"]+)"', form))
        asked = await browser.post("/connexion/telephone", data={**fields, "identifiant": IDNPS})
        wait = asked.headers["location"]
        assert wait == "/connexion/telephone/attente"
        shown = await browser.get(wait)
        assert shown.status_code == 200
        await browser.post(f"{territory.provider}/telephone")
        for _ in range(30):
            answer = await browser.get(wait)
            if answer.status_code != 200:
                break
            await asyncio.sleep(0.5)
        assert answer.headers["location"] == "/moi"
        assert (await browser.get("/moi")).json()["name"] == "Dr Camille EXEMPLE"


async def test_who_the_provider_does_not_know_is_not_asked(territory: Territory) -> None:
    async with territory.browser() as browser:
        form = (await browser.get("/connexion/telephone")).text
        fields = dict(re.findall(r'name="(csrf|suite)" value="([^"]+)"', form))
        asked = await browser.post("/connexion/telephone", data={**fields, "identifiant": "810000000000"})
        assert asked.headers["location"] == "/connexion?refus=telephone"
