"""Signing in and out, in a browser's steps, over sockets: our web application and the emulator of Pro Santé Connect."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.access.sessions import SessionPolicy
from maillage.clock import FixedClock, SystemClock
from maillage.config import Config
from maillage.connectors.listening import free_port, served
from maillage.connectors.psc.emulator import Client, Persona, Realm, create_emulator
from maillage.connectors.psc.emulator.app import REALM_PATH
from maillage.connectors.psc.emulator.realm import Asked, realm_of
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http import Request, page
from maillage.http.app import create_app
from maillage.http.csrf import masked
from maillage.http.live import tell
from maillage.http.sign_in import REFUSALS, local_path
from maillage.services.accounts.pages import situation
from tests.support.people import care_team

HOST = "127.0.0.1"
GP = Persona(
    id="gp", name="Dr Camille EXEMPLE", title="Médecin généraliste", card=True,
    claims={
        "sub": "f:1:899700218896", "SubjectNameID": "899700218896", "given_name": "Camille", "family_name": "EXEMPLE",
        "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"], "Secteur_Activite": "SA07^1.2.250.1.71.4.2.4",
        "SubjectRefPro": {"exercices": [{"codeProfession": "10", "codeCiviliteDexercice": "DR", "codeSavoirFaire": "SM54"}]},
    },
)  # fmt: skip
BUSY = Persona(
    id="busy", name="Dr Camille EXEMPLE", title="Au cabinet et à l’hôpital", card=True,
    claims={
        **GP.claims,
        "SubjectRefPro": {"exercices": [{
            "codeProfession": "10", "codeCiviliteDexercice": "DR", "codeSavoirFaire": "SM54",
            "activities": [
                {"codeSecteurDactivite": "SA07", "raisonSocialeSite": "CABINET"},
                {"codeSecteurDactivite": "SA01", "numeroFinessSite": "510000001", "raisonSocialeSite": "CH"},
                {"codeSecteurDactivite": "SA01", "numeroFinessSite": "999999999", "raisonSocialeSite": "Elsewhere"},
            ],
        }]},
    },
)  # fmt: skip
EXPIRED = Persona(id="expired", name="Carte expirée", title="", card=True, claims=GP.claims, error="login_required")
SKEWED = Persona(id="skewed", name="Horloge fausse", title="", card=True, claims=GP.claims, skew=3600)
AWAY = Persona(id="away", name="En panne", title="", card=True, claims=GP.claims, error="temporarily_unavailable")
STRANGER = Persona(
    id="stranger", name="Dr Inconnu", title="Médecin", card=True, claims={"sub": "f:1:899700000000", "SubjectNameID": "899700000000"}
)  # fmt: skip
PATIENT = Persona(
    id="patient", name="Dominique PAT-TROIS", title="Patiente", card=False,
    claims={"sub": "f:2:patient", "name": "Dominique PAT-TROIS", "maillage_role": "patient", "maillage_reference": "Patient/7"},
)  # fmt: skip
IMPOSTOR = Persona(
    id="impostor", name="X", title="Se dit médecin", card=False,
    claims={"sub": "f:2:x", "maillage_role": "gp", "maillage_reference": "Practitioner/1"},
)  # fmt: skip

STEWARD = Persona(
    id="steward", name="Yann GABARIT", title="Identitovigilance", card=False, amr=["fido"],
    claims={"sub": "f:2:steward", "name": "Yann GABARIT", "maillage_role": "steward"},
)  # fmt: skip
UNPROVEN = Persona(
    id="unproven", name="Yann GABARIT", title="Sans clé", card=False, amr=["pwd", "otp"],
    claims={"sub": "f:2:unproven", "name": "Yann GABARIT", "maillage_role": "steward"},
)  # fmt: skip


async def who(request: Request, ctx: Context) -> Response:
    actor = ctx.actor
    return JSONResponse(
        {"id": actor.id, "name": actor.name, "roles": sorted(actor.roles), "organizations": list(actor.organizations)}
    )  # fmt: skip


async def seen(request: Request, ctx: Context) -> Response:
    return JSONResponse({"patients": sorted(one["id"] for one in await ctx.records.find("Patient", {}))})


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
async def realm(clock: FixedClock) -> AsyncIterator[Realm]:
    port = free_port(HOST)
    clients = [Client(id="maillage", secret="s1", card=True), Client(id="maillage-sans-carte", secret="s2", card=False)]
    realm = realm_of(
        f"http://{HOST}:{port}{REALM_PATH}",
        clients,
        [GP, BUSY, EXPIRED, SKEWED, AWAY, STRANGER, PATIENT, IMPOSTOR, STEWARD, UNPROVEN],
        clock,
    )
    async with served(create_emulator(realm), host=HOST, port=port):
        yield realm


@pytest.fixture
def platform(database: Database, clock: FixedClock, realm: Realm, tmp_path: Path) -> Platform:
    config = Config(
        base_url=f"http://{HOST}:{free_port(HOST)}", psc_issuer=realm.issuer, psc_client_secret="s1", cardless_client_secret="s2",
        psc_discovery=f"{realm.issuer}/.well-known/wallet-openid-configuration",
    )  # fmt: skip
    files = LocalFiles(tmp_path)
    access = Access(database, store=Store(), files=files, clock=clock, sessions=SessionPolicy())
    return Platform(config, clock, database, files, access)


@pytest.fixture
async def app(platform: Platform) -> AsyncIterator[Starlette]:
    application = create_app(
        platform,
        [
            page("/moi", who, permission=Permission.SIGNED_IN),
            page("/grave", who, permission=Permission.SIGNED_IN, fresh=True),
            page("/vus", seen, permission=Permission.FHIR_READ),
            *situation.routes,
        ],
    )
    async with served(application, host=HOST, port=urlsplit(platform.config.base_url).port or 0):
        yield application


@pytest.fixture
async def browser(platform: Platform, app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(platform) as one:
        yield one


def browsing(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=platform.config.base_url, headers={"accept": "text/html"})


@pytest.fixture
async def directory(platform: Platform) -> str:
    """The GP, in their practice; answers the practice's reference."""
    async with platform.access.act(job_actor("seed")) as ctx:
        practice = await ctx.records.write({"resourceType": "Organization", "name": "Cabinet", "active": True})
        gp = await ctx.records.write(
            {
                "resourceType": "Practitioner",
                "active": True,
                "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "99700218896"}],
                "name": [{"family": "EXEMPLE", "given": ["Camille"]}],
            }
        )
        await ctx.records.write(
            {
                "resourceType": "PractitionerRole",
                "active": True,
                "practitioner": {"reference": f"Practitioner/{gp['id']}"},
                "organization": {"reference": f"Organization/{practice['id']}"},
            }
        )
    return f"Organization/{practice['id']}"


async def come_back_address(browser: httpx.AsyncClient, path: str) -> str:
    """Start a sign-in and pass the provider; the address that it sends the browser back to."""
    away = await browser.get(path)
    assert away.status_code == 303
    back = await browser.get(away.headers["location"])
    return back.headers["location"]


async def sign_in(browser: httpx.AsyncClient, path: str) -> httpx.Response:
    return await browser.get(await come_back_address(browser, path))


async def test_a_professional_signs_in_with_a_card_and_lands_where_they_wanted(
    browser: httpx.AsyncClient, directory: str
) -> None:
    first = await browser.get("/moi?vue=1")
    assert first.headers["location"] == "/connexion?suite=%2Fmoi%3Fvue%3D1"
    landed = await sign_in(browser, "/connexion/psc?persona=gp&suite=%2Fmoi%3Fvue%3D1")
    assert (landed.status_code, landed.headers["location"]) == (303, "/moi?vue=1")
    me = (await browser.get("/moi")).json()
    assert (me["name"], me["roles"], me["organizations"]) == ("Dr Camille EXEMPLE", ["gp"], [directory])
    assert me["id"].startswith("Practitioner/")


async def test_a_patient_signs_in_without_a_card(browser: httpx.AsyncClient) -> None:
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    me = (await browser.get("/moi")).json()
    assert (me["id"], me["roles"]) == ("Patient/7", ["patient"])


async def test_a_guarded_role_needs_a_proof_that_cannot_be_phished(browser: httpx.AsyncClient) -> None:
    refused = await sign_in(browser, "/connexion/sans-carte?persona=unproven")
    assert refused.headers["location"] == "/connexion?refus=cle"
    assert (await browser.get("/moi")).headers["location"].startswith("/connexion")
    await sign_in(browser, "/connexion/sans-carte?persona=steward")
    assert (await browser.get("/moi")).json()["roles"] == ["steward"]


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser: httpx.AsyncClient) -> None:
    landed = await sign_in(browser, "/connexion/sans-carte?persona=patient")
    cookies = landed.headers.get_list("set-cookie")
    (session,) = [cookie for cookie in cookies if cookie.startswith("maillage=")]
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "Path=/" in session


@pytest.mark.parametrize(
    "path", ["/connexion/sans-carte?persona=impostor", "/connexion/psc?persona=stranger", "/connexion/psc?persona=patient"]
)
async def test_who_is_not_known_or_claims_too_much_stays_out(browser: httpx.AsyncClient, directory: str, path: str) -> None:
    landed = await sign_in(browser, path)
    assert landed.status_code in {303, 403}
    assert (await browser.get("/moi")).headers["location"].startswith("/connexion")


async def test_a_refusal_at_the_provider_comes_back_to_sign_in(browser: httpx.AsyncClient) -> None:
    away = await browser.get("/connexion/psc")
    back = await browser.get(f"{away.headers['location']}&persona=refus")
    landed = await browser.get(back.headers["location"])
    assert landed.headers["location"] == "/connexion?refus=consentement"


@pytest.mark.parametrize(
    ("persona", "reason"), [("expired", "carte"), ("skewed", "horloge"), ("away", "indisponible"), ("stranger", "annuaire")]
)
async def test_each_failure_is_said_in_its_own_words(
    browser: httpx.AsyncClient, directory: str, persona: str, reason: str
) -> None:
    landed = await sign_in(browser, f"/connexion/psc?persona={persona}")
    assert landed.headers["location"] == f"/connexion?refus={reason}"
    assert REFUSALS[reason] != REFUSALS[""]
    assert (await browser.get("/moi")).headers["location"].startswith("/connexion")


async def test_a_clock_that_is_a_little_wrong_is_borne(browser: httpx.AsyncClient, directory: str, realm: Realm) -> None:
    realm.personas = {**realm.personas, "gp": msgspec.structs.replace(GP, skew=50)}
    landed = await sign_in(browser, "/connexion/psc?persona=gp")
    assert landed.headers["location"] == "/"


async def test_one_who_works_in_two_places_is_in_one_of_them(
    platform: Platform, browser: httpx.AsyncClient, directory: str
) -> None:
    hospital = await works_at_the_hospital(platform, directory)
    landed = await sign_in(browser, "/connexion/psc?persona=busy&suite=/moi")
    assert landed.headers["location"] == "/situation?suite=%2Fmoi"
    me = (await browser.get("/moi")).json()
    assert (me["roles"], me["organizations"]) == (["gp"], [directory])
    shown = (await browser.get("/situation?suite=/moi")).text
    assert "Elsewhere" not in shown
    csrf = {"csrf": re.findall(r'name="csrf" value="(\w+)"', shown)[-1], "suite": "/moi"}
    (ward,) = re.findall(r'value="(PractitionerRole/[^"]+)"><label[^>]*>CH de', shown)
    for unknown in ("", "PractitionerRole/1", "Organization/1"):
        assert (await browser.post("/situation", data={**csrf, "lieu": unknown})).status_code == 422
    old = browser.cookies["maillage"]
    assert (await browser.post("/situation", data={**csrf, "lieu": ward})).headers["location"] == "/moi"
    me = (await browser.get("/moi")).json()
    assert (me["roles"], me["organizations"]) == (["hospital"], [hospital])
    assert browser.cookies["maillage"] != old


async def test_a_place_sees_its_people_and_not_those_of_the_other(
    platform: Platform, browser: httpx.AsyncClient, directory: str
) -> None:
    hospital = await works_at_the_hospital(platform, directory)
    async with platform.access.act(job_actor("seed")) as ctx:
        for id, member in (
            ("town", directory),
            ("ward", hospital),
            ("own", await practitioner_of(ctx)),
            ("role", await role_at(ctx, hospital)),
        ):
            await ctx.records.write({"resourceType": "Patient", "id": id}, care_team(id, member))

    async def seen() -> list[str]:
        return (await browser.get("/vus")).json()["patients"]

    await sign_in(browser, "/connexion/psc?persona=busy")
    assert await seen() == ["own", "town"]
    shown = (await browser.get("/situation")).text
    (ward,) = re.findall(r'value="(PractitionerRole/[^"]+)"><label[^>]*>CH de', shown)
    csrf = {"csrf": re.findall(r'name="csrf" value="(\w+)"', shown)[-1], "lieu": ward}
    await browser.post("/situation", data=csrf)
    assert await seen() == ["own", "role", "ward"]
    async with platform.access.act(job_actor("seed")) as ctx:
        role = await ctx.records.read("PractitionerRole", ward.partition("/")[2])
        await ctx.records.write({**role, "active": False})
    assert await seen() == [], "who left a place is out at once"
    assert (await browser.post("/situation", data=csrf)).status_code == 403


async def works_at_the_hospital(platform: Platform, practice: str) -> str:
    identifier = [{"system": "https://finess.esante.gouv.fr", "value": "510000001"}]
    async with platform.access.act(job_actor("seed")) as ctx:
        ward = await ctx.records.write({"resourceType": "Organization", "name": "CH de Démoville", "identifier": identifier})
        reference = f"Organization/{ward['id']}"
        gp = {"reference": await practitioner_of(ctx)}
        role = {"resourceType": "PractitionerRole", "active": True, "practitioner": gp, "organization": {"reference": reference}}
        await ctx.records.write(role)
    return reference


async def role_at(ctx: Context, organization: str) -> str:
    (found,) = await ctx.records.find("PractitionerRole", {"organization": organization})
    return f"PractitionerRole/{found['id']}"


async def practitioner_of(ctx: Context) -> str:
    (found,) = await ctx.records.find("Practitioner", {"identifier": "https://rpps.esante.gouv.fr|99700218896"})
    return f"Practitioner/{found['id']}"


async def test_an_answer_counts_once(browser: httpx.AsyncClient) -> None:
    address = await come_back_address(browser, "/connexion/sans-carte?persona=patient")
    await browser.get(address)
    browser.cookies.delete("maillage")
    again = await browser.get(address)
    assert again.status_code == 400
    assert "maillage=" not in again.headers.get("set-cookie", "")


async def test_an_answer_to_another_browser_opens_nothing(platform: Platform, browser: httpx.AsyncClient) -> None:
    address = await come_back_address(browser, "/connexion/sans-carte?persona=patient")
    async with browsing(platform) as victim:
        stolen = await victim.get(address)
        assert stolen.status_code == 400
        await victim.get("/connexion/sans-carte?persona=patient")  # a sign-in of their own does not make it theirs
        assert (await victim.get(address)).status_code == 400


async def test_a_made_up_state_is_refused(browser: httpx.AsyncClient) -> None:
    address = await come_back_address(browser, "/connexion/sans-carte?persona=patient")
    assert (await browser.get(re.sub(r"state=[^&]+", "state=guess", address))).status_code == 400
    assert (await browser.get("/connexion/retour?code=x")).status_code == 400


async def test_a_made_up_code_is_refused(browser: httpx.AsyncClient) -> None:
    address = await come_back_address(browser, "/connexion/sans-carte?persona=patient")
    assert (await browser.get(re.sub(r"code=[^&]+", "code=guess", address))).headers["location"] == "/connexion?refus=1"


async def test_an_attempt_expires(browser: httpx.AsyncClient, clock: FixedClock) -> None:
    address = await come_back_address(browser, "/connexion/sans-carte?persona=patient")
    clock.advance(timedelta(minutes=11))
    assert (await browser.get(address)).status_code == 400


@pytest.mark.parametrize("claim", ["signature", "nonce", "aud", "exp", "acr", "iss"])
async def test_a_tampered_id_token_opens_nothing(
    browser: httpx.AsyncClient, realm: Realm, directory: str, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    honest = Realm.id_token

    def tampered(self: Realm, asked: Asked, persona: Persona) -> str:
        if claim == "signature":
            return honest(self, asked, persona)[:-8] + "AAAAAAAA"
        if claim == "nonce":
            return honest(self, replace(asked, nonce="another"), persona)
        if claim == "aud":
            return honest(self, replace(asked, client=replace(asked.client, id="another")), persona)
        if claim == "acr":
            return honest(self, replace(asked, acr="eidas0"), persona)
        if claim == "iss":
            return honest(replace_realm(self, issuer="http://elsewhere.example"), asked, persona)
        return honest(replace_realm(self, clock=FixedClock(self.clock.now() - timedelta(minutes=5))), asked, persona)

    monkeypatch.setattr(Realm, "id_token", tampered)
    landed = await sign_in(browser, "/connexion/psc?persona=gp")
    assert landed.headers["location"] == ("/connexion?refus=horloge" if claim == "exp" else "/connexion?refus=1")
    assert (await browser.get("/moi")).headers["location"].startswith("/connexion")


def replace_realm(realm: Realm, **said: object) -> Realm:
    return replace(realm, **said)  # type: ignore[arg-type]


async def test_a_session_set_before_the_sign_in_is_not_the_one_after(platform: Platform, browser: httpx.AsyncClient) -> None:
    planted = await platform.access.sign_in(Actor(id="x", kind=ActorKind.CARER, name="X", roles=frozenset({Role.CARER})))
    browser.cookies.set("maillage", planted, domain=HOST)
    landed = await sign_in(browser, "/connexion/sans-carte?persona=patient")
    assert planted not in landed.headers["set-cookie"]
    async with browsing(platform) as attacker:
        attacker.cookies.set("maillage", planted)
        assert (await attacker.get("/moi")).headers["location"].startswith("/connexion"), "the planted one has ended"


async def test_signing_out_ends_our_session_and_the_providers(
    platform: Platform, realm: Realm, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    secret = next(value for name, value in browser.cookies.items() if name == "maillage")
    form = await browser.get("/connexion")
    assert form.headers["location"] == "/", "who is signed in has nothing to do there"
    refused = await browser.post("/deconnexion")
    assert refused.status_code == 403, "signing someone out needs their form"
    out = await browser.post("/deconnexion", data={"csrf": masked(secret)})
    assert out.headers["location"].startswith(realm.issuer)
    assert parse_qs(urlsplit(out.headers["location"]).query)["post_logout_redirect_uri"] == [
        f"{platform.config.base_url}/connexion"
    ]
    home = await browser.get(out.headers["location"])
    assert home.headers["location"] == f"{platform.config.base_url}/connexion"
    async with browsing(platform) as other:
        other.cookies.set("maillage", secret)
        assert (await other.get("/moi")).status_code == 303, "the cookie is worth nothing any more"


async def test_a_provider_that_is_away_is_said(platform: Platform, browser: httpx.AsyncClient, realm: Realm) -> None:
    away = replace(platform, config=replace(platform.config, psc_issuer=f"http://{HOST}:{free_port(HOST)}", psc_discovery=""))
    transport = httpx.ASGITransport(create_app(away, []))
    async with httpx.AsyncClient(transport=transport, base_url="http://door.example", headers={"accept": "text/html"}) as one:
        answer = await one.get("/connexion/psc")
    assert answer.status_code == 503
    assert "Momentanément indisponible" in answer.text


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/a\nb",
        "/connexion/psc",
        "",
    ],
)
def test_a_sign_in_never_leads_elsewhere(asked: str) -> None:
    assert local_path(asked) == "/"


def test_a_sign_in_leads_to_a_page_of_ours() -> None:
    assert local_path("/patients?nom=é&page=2") == "/patients?nom=é&page=2"


async def test_what_is_grave_asks_for_a_new_proof_of_the_same_person(
    browser: httpx.AsyncClient, directory: str, clock: FixedClock, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(browser, "/connexion/psc?persona=gp")
    assert (await browser.get("/grave")).status_code == 200
    clock.advance(timedelta(minutes=16))
    assert (await browser.get("/moi")).status_code == 200
    assert (await browser.get("/grave?x=1")).headers["location"] == "/preuve?suite=%2Fgrave%3Fx%3D1"
    old = browser.cookies["maillage"]

    away = await browser.get("/connexion/sans-carte?preuve=1&persona=patient&suite=/grave")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    somebody_else = await sign_in(browser, "/connexion/sans-carte?preuve=1&persona=patient&suite=/grave")
    assert somebody_else.headers["location"] == "/connexion?refus=preuve"

    honest = Realm.id_token
    remembered = FixedClock(clock.now() - timedelta(minutes=5))
    with monkeypatch.context() as patched:
        patched.setattr(
            Realm, "id_token", lambda self, asked, persona: honest(replace_realm(self, clock=remembered), asked, persona)
        )
        patched.setattr("maillage.connectors.psc.tokens.CLOCK_SKEW", 600)
        assert (await sign_in(browser, "/connexion/psc?preuve=1&persona=gp")).headers["location"] == "/connexion?refus=preuve"
    assert (await browser.get("/grave")).headers["location"].startswith("/preuve")

    proven = await sign_in(browser, "/connexion/psc?preuve=1&persona=gp&suite=/grave")
    assert proven.headers["location"] == "/grave"
    assert (await browser.get("/grave")).status_code == 200
    assert browser.cookies["maillage"] != old
    async with browsing_with(browser, old) as thief:
        assert (await thief.get("/moi")).status_code == 303, "the secret before the proof is worth nothing"


def browsing_with(like: httpx.AsyncClient, cookie: str) -> httpx.AsyncClient:
    other = httpx.AsyncClient(base_url=like.base_url, headers={"accept": "text/html"})
    other.cookies.set("maillage", cookie)
    return other


async def test_a_proof_that_nobody_asked_for_in_this_session_proves_nothing(
    browser: httpx.AsyncClient, clock: FixedClock
) -> None:
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    address = await come_back_address(browser, "/connexion/sans-carte?preuve=1&persona=patient")
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    assert (await browser.get(address)).headers.get("location") in (None, "/connexion?refus=preuve")


async def test_a_page_hands_out_the_next_secret_and_forms_still_count(browser: httpx.AsyncClient, clock: FixedClock) -> None:
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    old = browser.cookies["maillage"]
    form = masked(old)
    clock.advance(timedelta(minutes=29))
    assert "set-cookie" not in (await browser.get("/moi")).headers
    clock.advance(timedelta(minutes=2))
    assert "HttpOnly" in (await browser.get("/moi")).headers["set-cookie"]
    assert browser.cookies["maillage"] != old
    assert (await browser.get("/moi")).status_code == 200
    assert (await browser.post("/deconnexion", data={"csrf": form})).status_code == 303


# --- what open pages are told


async def test_an_open_page_is_told_that_something_changed_and_nothing_else(
    platform: Platform, app: Starlette, browser: httpx.AsyncClient
) -> None:  # fmt: skip
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    await asyncio.wait_for(app.state.live.listening.wait(), 5)
    async with browser.stream("GET", "/flux") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await next_line(lines) == "retry: 3000"
        async with platform.access.act(job_actor("test")) as ctx:
            await tell(ctx, ["Patient/8"], topic="autre")
            await tell(ctx, ["Patient/7"], topic="documents")
        assert [await next_line(lines), await next_line(lines)] == ["event: change", "data: documents"]


async def test_a_stream_ends_with_its_session(
    platform: Platform, app: Starlette, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("maillage.http.live.HEARTBEAT_SECONDS", 0.05)
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    async with browser.stream("GET", "/flux") as stream:
        lines = stream.aiter_lines()
        await next_line(lines)
        platform.clock.advance(timedelta(minutes=31))
        async with asyncio.timeout(5):
            rest = [line async for line in lines if line and not line.startswith(":")]
    assert rest == ["event: fin", "data: session"]


async def test_a_stream_that_is_never_silent_ends_with_its_session_too(
    platform: Platform, app: Starlette, browser: httpx.AsyncClient
) -> None:  # fmt: skip
    await sign_in(browser, "/connexion/sans-carte?persona=patient")
    await asyncio.wait_for(app.state.live.listening.wait(), 5)
    async with browser.stream("GET", "/flux") as stream:
        lines = stream.aiter_lines()
        await next_line(lines)
        app.state.live.deliver("documents Patient/7")
        assert [await next_line(lines), await next_line(lines)] == ["event: change", "data: documents"]
        platform.clock.advance(timedelta(minutes=31))
        app.state.live.deliver("documents Patient/7")
        assert [await next_line(lines), await next_line(lines)] == ["event: fin", "data: session"]


async def test_a_stream_ends_with_its_token(
    platform: Platform, app: Starlette, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("maillage.http.live.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("maillage.http.visitors.TOKEN_SECONDS", 0.0)
    token = await platform.access.issue_token(
        Actor(id="m", kind=ActorKind.PATIENT, name="M", roles=frozenset({Role.PATIENT}), reference="Patient/7"),
        lifetime=timedelta(hours=1),
    )
    async with browser.stream("GET", "/flux", headers={"authorization": f"Bearer {token}"}) as stream:
        lines = stream.aiter_lines()
        assert await next_line(lines) == "retry: 3000"
        assert await next_line(lines) == ": "
        await platform.access.revoke_token(token)
        async with asyncio.timeout(5):
            rest = [line async for line in lines if line and not line.startswith(":")]
    assert rest == ["event: fin", "data: session"]


async def test_nobody_listens_without_signing_in(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/flux")).status_code == 303


async def next_line(lines: AsyncIterator[str]) -> str:
    async with asyncio.timeout(5):
        while not (line := await anext(lines)):
            pass
        return line
