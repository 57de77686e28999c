"""Patients and carers come in by an identity that FranceConnect proves: over sockets, with its emulator, to the records that are exactly theirs."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from maillage import ui
from maillage.access.access import Access
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.clock import FixedClock, SystemClock
from maillage.config import Config
from maillage.connectors.franceconnect.emulator import FRANCE_CONNECT
from maillage.connectors.listening import free_port, served
from maillage.connectors.psc.emulator import Client, Persona, Realm, create_emulator
from maillage.connectors.psc.emulator.realm import realm_of
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http import Request, page
from maillage.http.app import create_app
from maillage.services.accounts.pages import situation
from maillage.services.identity.public import IdentityClaim, Traits, as_regional, patient_for
from maillage.services.portal.public import records_of
from tests.support.people import SEED, sees

HOST = "127.0.0.1"
TRAITS = Traits(
    birth_name="PAT-TROIS", given_names="DOMINIQUE MARIE", first_given="DOMINIQUE", birth_date="1979-03-28", sex="female", birth_place="51215"
)  # fmt: skip
PIVOT = {
    "sub": "fc-1", "family_name": "PAT-TROIS", "given_name": "Dominique Marie", "birthdate": "1979-03-28", "gender": "female",
    "birthplace": "51215", "birthcountry": "99100",
}  # fmt: skip
CLAUDE = {**PIVOT, "sub": "fc-2", "given_name": "Claude", "birthdate": "1975-01-02", "gender": "male"}


def citizen(id: str, claims: dict[str, Any]) -> Persona:
    return Persona(id=id, name=id, title="", card=False, claims=claims)


PEOPLE = [
    citizen("dominique", PIVOT),
    citizen("claude", CLAUDE),
    citizen("nobody", {**PIVOT, "sub": "fc-3", "given_name": "Zoé"}),
    citizen("elsewhere", {**PIVOT, "birthplace": "75056"}),
    citizen("abroad", {**PIVOT, "birthplace": "", "birthcountry": "99109"}),
    citizen("dayless", {**PIVOT, "birthdate": "1979-03"}),
    citizen("nameless", {**PIVOT, "given_name": ""}),
]


async def who(request: Request, ctx: Context) -> Response:
    patients = sorted(one["id"] for one in await ctx.records.find("Patient", {}))
    return JSONResponse({"reference": ctx.actor.reference, "roles": sorted(ctx.actor.roles), "patients": patients})


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
async def realm(clock: FixedClock) -> AsyncIterator[Realm]:
    port = free_port(HOST)
    client = Client(id="maillage", secret="s", card=False, signed_userinfo=True)
    realm = realm_of(f"http://{HOST}:{port}{FRANCE_CONNECT.realm}", [client], PEOPLE, clock)
    async with served(create_emulator(realm, FRANCE_CONNECT), host=HOST, port=port):
        yield realm


@pytest.fixture
async def browser(database: Database, clock: FixedClock, realm: Realm, tmp_path: Any) -> AsyncIterator[httpx.AsyncClient]:
    config = Config(base_url=f"http://{HOST}:{free_port(HOST)}", citizen_issuer=realm.issuer, citizen_client_secret="s")
    files = LocalFiles(tmp_path)
    platform = Platform(config, clock, database, files, Access(database, store=Store(), files=files, clock=clock))
    routes = [page("/moi", who, permission=Permission.SIGNED_IN), *situation.routes]
    app = create_app(platform, routes, render=ui.render, citizens=records_of)
    async with served(app, host=HOST, port=urlsplit(config.base_url).port or 0):
        async with httpx.AsyncClient(base_url=config.base_url, headers={"accept": "text/html"}) as client:
            yield client


@pytest.fixture
async def people(database: Database, clock: FixedClock, tmp_path: Any) -> Access:
    access = Access(database, store=Store(), files=LocalFiles(tmp_path), clock=clock)
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            as_regional(patient_for(IdentityClaim(TRAITS)), "1") | {"id": "dominique"},
            as_regional(patient_for(IdentityClaim(replace(TRAITS, first_given="CLAUDE", given_names="CLAUDE", birth_date="1975-01-02", sex="male"))), "2")
            | {"id": "claude"},
        )  # fmt: skip
    return access


def helping(id: str, patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "RelatedPerson",
        "id": id,
        "active": True,
        "patient": {"reference": f"Patient/{patient}"},
        "name": [{"family": "PAT-TROIS", "given": ["Claude"]}],
        "birthDate": "1975-01-02",
        **sees("whole"),
        **more,
    }


async def sign_in(browser: httpx.AsyncClient, persona: str) -> str:
    away = await browser.get(f"/connexion/franceconnect?persona={persona}&suite=/moi")
    back = await browser.get(away.headers["location"])
    landed = await browser.get(back.headers["location"])
    return landed.headers["location"]


async def test_a_person_opens_the_record_that_is_exactly_theirs(browser: httpx.AsyncClient, people: Access) -> None:
    assert await sign_in(browser, "dominique") == "/moi"
    assert (await browser.get("/moi")).json() == {
        "reference": "Patient/dominique",
        "roles": ["patient"],
        "patients": ["dominique"],
    }


@pytest.mark.parametrize("persona", ["nobody", "elsewhere", "abroad", "dayless", "nameless"])
async def test_whoever_is_not_exactly_somebody_here_opens_nothing(
    browser: httpx.AsyncClient, people: Access, persona: str
) -> None:
    assert await sign_in(browser, persona) == "/connexion?refus=dossier"
    assert (await browser.get("/moi")).status_code == 303
    assert "aucun dossier ne correspond exactement" in (await browser.get("/connexion?refus=dossier")).text


async def test_two_records_of_the_same_traits_open_to_nobody(browser: httpx.AsyncClient, people: Access) -> None:
    async with people.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(IdentityClaim(TRAITS)), "3") | {"id": "twin"})
    assert await sign_in(browser, "dominique") == "/connexion?refus=dossier"


async def test_a_userinfo_that_is_not_signed_for_us_is_refused(
    browser: httpx.AsyncClient, people: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Realm.signed
    monkeypatch.setattr(Realm, "signed", lambda self, token, claims: str(honest(self, token, claims))[:-8] + "AAAAAAAA")
    assert await sign_in(browser, "dominique") == "/connexion?refus=1"
    monkeypatch.setattr(
        Realm, "signed", lambda self, token, claims: honest(replace(self, issuer="http://evil.example"), token, claims)
    )
    assert await sign_in(browser, "dominique") == "/connexion?refus=1"


async def test_a_carer_chooses_their_own_record_or_that_of_whom_they_help(
    browser: httpx.AsyncClient, people: Access, clock: FixedClock
) -> None:
    ends = (clock.now() + timedelta(days=2)).date().isoformat()
    async with people.act(SEED) as ctx:
        await ctx.records.write(
            helping("now", "dominique", period={"end": ends}),
            helping("before", "twin", period={"end": "2020-01-01"}),
            helping("inactive", "dominique", active=False),
            helping("namesake", "dominique", birthDate="1975-01-03"),
            {"resourceType": "Patient", "id": "twin"},
        )
    assert await sign_in(browser, "claude") == "/situation?suite=%2Fmoi"
    assert (await browser.get("/moi")).json()["patients"] == ["claude"]
    shown = (await browser.get("/situation?suite=/moi")).text
    offered = re.findall(r'value="((?:Patient|RelatedPerson)/[^"]+)"', shown)
    assert offered == ["Patient/claude", "RelatedPerson/now"]
    csrf = {"csrf": re.findall(r'name="csrf" value="(\w+)"', shown)[-1], "suite": "/moi"}
    for anothers in ("Patient/dominique", "RelatedPerson/before"):
        assert (await browser.post("/situation", data={**csrf, "lieu": anothers})).status_code == 422
    await browser.post("/situation", data={**csrf, "lieu": "RelatedPerson/now"})
    me = (await browser.get("/moi")).json()
    assert me == {"reference": "RelatedPerson/now", "roles": ["carer"], "patients": ["dominique"]}
    clock.advance(timedelta(days=3))
    assert await sign_in(browser, "claude") == "/moi"
    assert (await browser.get("/moi")).json()["patients"] == ["claude"], "helping has ended"


async def test_help_that_ends_is_out_of_sight_at_once(browser: httpx.AsyncClient, people: Access) -> None:
    async with people.act(SEED) as ctx:
        await ctx.records.delete("Patient", "claude")
        related = await ctx.records.write(helping("now", "dominique"))
    assert await sign_in(browser, "claude") == "/moi"
    assert (await browser.get("/moi")).json()["patients"] == ["dominique"]
    async with people.act(SEED) as ctx:
        await ctx.records.write({**related, "period": {"end": "2020-01-01"}})
    assert (await browser.get("/moi")).json()["patients"] == []


async def test_signing_out_ends_the_session_at_the_provider_too(browser: httpx.AsyncClient, people: Access, realm: Realm) -> None:
    await sign_in(browser, "dominique")
    csrf = {"csrf": re.findall(r'name="csrf" value="(\w+)"', (await browser.get("/situation")).text)[-1]}
    out = (await browser.post("/deconnexion", data=csrf)).headers["location"]
    assert out.startswith(f"{realm.issuer}/session/end?")
    assert "state" in parse_qs(urlsplit(out).query)
    assert (await browser.get(out)).headers["location"].partition("?")[0].endswith("/connexion")


async def test_the_emulator_says_what_it_emulates(realm: Realm) -> None:
    async with httpx.AsyncClient() as visitor:
        page = (await visitor.get(realm.issuer.removesuffix(FRANCE_CONNECT.realm) + "/")).text
    assert "ceci n’est pas FranceConnect" in page
