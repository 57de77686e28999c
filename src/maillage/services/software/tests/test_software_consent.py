"""An application acts for a person (SMART App Launch 2.2): asked, allowed, exchanged, gone on with, taken back; and what attackers try."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.permissions import Permission
from maillage.clock import FixedClock
from maillage.http import page
from maillage.services.accounts import pages as accounts
from maillage.services.software import operations, pages
from maillage.services.software.rules.requests import AWAY, TOKEN_LIFE
from maillage.services.software.service import registry
from tests.support.browser import HERE
from tests.support.people import SEED, care_team, officer_of, patient, professional
from tests.support.software import (
    BASE,
    FHIR,
    OPERATOR,
    RETURN,
    SETTINGS,
    App,
    application_of_people,
    asking,
    basic,
    browsing,
    hidden,
    registered,
    token_in,
)

GP = professional("gp", Role.GP)
SELF = patient("p")
LASTING = "launch/patient offline_access patient/Observation.rs"


@pytest.fixture
async def people(access: Access) -> None:
    async with access.act(SEED) as ctx:
        for id, family in (("p", "ESSAI"), ("other", "AUTRE")):
            await ctx.records.write(
                {"resourceType": "Patient", "id": id, "name": [{"family": family, "given": ["Ana"]}], "birthDate": "1950-02-03"}
            )
        await ctx.records.write({"resourceType": "Practitioner", "id": "gp", "active": True, "name": [{"family": "GP"}]})
        await ctx.records.write(care_team("p", "Practitioner/gp"))


@pytest.fixture
def app(application: Any) -> Starlette:
    return application(operations, pages, accounts, FHIR, settings=SETTINGS)  # type: ignore[no-any-return]


def said(answer: httpx.Response) -> dict[str, str]:
    """What an application is told at its own address."""
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, RETURN), answer.text[-800:]
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def bearer(told: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {told['access_token']}"}


async def test_a_patient_lets_an_application_read_their_record(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    wanting = App(made.id, scope="openid fhirUser launch/patient patient/Observation.rs patient/Task.cruds")
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        shown = (await browser.get(f"/oauth/authorize?{wanting.query(nonce='n-1')}")).text
        assert "Carnet de tension demande un accès" in shown
        assert "Lire les observations (mesures et résultats) de ce dossier" in shown
        assert "Savoir qui vous êtes" in shown
        told = await wanting.allowed(browser, nonce="n-1")
        assert (told["state"], told["iss"]) == (wanting.state, HERE)
        answer = await program.post("/oauth/token", data=wanting.exchange(told["code"]))
        assert answer.headers["cache-control"] == "no-store"
        tokens = answer.json()
        assert tokens["scope"].split() == ["fhirUser", "launch/patient", "openid", "patient/Observation.rs", "patient/Task.rs"]
        assert (tokens["patient"], tokens["need_patient_banner"], tokens["expires_in"]) == ("p", True, TOKEN_LIFE.total_seconds())
        assert "refresh_token" not in tokens
        read = await program.get("/fhir/Observation", headers=bearer(tokens))
        assert read.status_code == 200
        assert (await program.get("/fhir/Patient/other", headers=bearer(tokens))).status_code == 403
        keys = KeySet.import_key_set((await program.get("/oauth/jwks")).json())
        token = jwt.decode(tokens["id_token"], keys, algorithms=["ES384"])
        assert token.header["alg"] == "ES384"
        claims = token.claims
        assert (claims["iss"], claims["aud"], claims["nonce"], claims["fhirUser"]) == (HERE, made.id, "n-1", f"{BASE}/Patient/p")
        assert claims["exp"] > access.clock.now().timestamp() >= claims["iat"] >= claims["auth_time"] > 0
        assert "d" not in (await program.get("/oauth/jwks")).json()["keys"][0]


async def test_the_person_says_no(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    async with await browsing(app, access, SELF) as browser:
        told = await App(made.id).allowed(browser, say="non")
        assert (told["error"], "code" in told) == ("access_denied", False)
        assert "Aucune application" in (await browser.get("/mes-applications")).text


async def test_a_professional_picks_somebody_of_their_circle_and_nobody_else(
    people: None, access: Access, app: Starlette
) -> None:
    made = await registered(access, application_of_people())
    wanting = App(made.id)
    async with await browsing(app, access, GP) as browser, asking(app) as program:
        shown = (await browser.get(f"/oauth/authorize?{wanting.query()}")).text
        assert "Pour quelle personne" in shown
        assert ("ESSAI" in shown, "AUTRE" in shown) == (True, False)
        found = (await browser.get(f"/oauth/authorize?{wanting.query(cherche='autre')}")).text
        assert "Personne de ce nom" in found
        unseen = (await browser.get(f"/oauth/authorize?{wanting.query(patient='other')}")).text
        assert "Pour quelle personne" in unseen
        asked = (await browser.get(f"/oauth/authorize?{wanting.query(patient='p')}")).text
        forged = hidden(asked, "demande").replace("patient=p", "patient=other")
        sent = {"csrf": token_in(asked), "demande": forged, "reponse": "oui"}
        assert said(await browser.post("/oauth/authorize", data=sent))["error"] == "invalid_request"
        tokens = await wanting.tokens(browser, program, patient="p")
        assert tokens["patient"] == "p"


async def test_an_application_is_opened_from_a_record(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    other = await registered(access, application_of_people(client_name="Autre"))
    wanting = App(made.id, scope="launch patient/Observation.rs")
    async with await browsing(app, access, GP) as browser, await browsing(app, access, professional("x", Role.GP)) as stranger:
        shown = await browser.get("/patients/p/applications")
        assert "https://app.example" in shown.headers["content-security-policy"]
        opened = await browser.post("/patients/p/applications", data={"csrf": token_in(shown.text), "logiciel": made.id})
        address = urlsplit(opened.headers["location"])
        given = dict(parse_qsl(address.query))
        assert (address.netloc, address.path, given["iss"]) == ("app.example", "/lancer", BASE)
        launch = given["launch"]
        assert said(await stranger.get(f"/oauth/authorize?{wanting.query(launch=launch)}"))["error"] == "invalid_request"
        assert said(await browser.get(f"/oauth/authorize?{App(other.id).query(launch=launch)}"))["error"] == "invalid_request"
        async with asking(app) as program:
            tokens = await wanting.tokens(browser, program, launch=launch, patient="other")
        assert tokens["patient"] == "p", "the launch says whose record, not the application"
        assert said(await browser.get(f"/oauth/authorize?{wanting.query(launch=launch)}"))["error"] == "invalid_request", "once"
        unseen = await browser.post("/patients/other/applications", data={"csrf": token_in(shown.text), "logiciel": made.id})
        assert unseen.status_code == 404


async def test_nothing_is_sent_to_an_address_that_was_not_registered(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    waiting = await registered(access, application_of_people(), approved=False)
    wanting = App(made.id)
    wrong = [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": RETURN + "/"},
        {"redirect_uri": RETURN + "?x=1"},
        {"redirect_uri": RETURN.upper()},
        {"redirect_uri": None},
        {"redirect_uri": f"{RETURN}@evil.example"},
        {"client_id": "nobody"},
        {"client_id": waiting.id},
        {"client_id": None},
    ]
    async with await browsing(app, access, SELF) as browser:
        for told in wrong:
            answer = await browser.get(f"/oauth/authorize?{wanting.query(**told)}")
            assert (answer.status_code, "location" in answer.headers) == (400, False), told
            assert "Nous n’avons rien transmis" in answer.text
        twice = await browser.get(f"/oauth/authorize?{wanting.query()}&redirect_uri=https://evil.example/")
        assert (twice.status_code, "location" in twice.headers) == (400, False)
        shown = (await browser.get(f"/oauth/authorize?{wanting.query()}")).text
        forged = hidden(shown, "demande").replace("app.example", "evil.example")
        answer = await browser.post("/oauth/authorize", data={"csrf": token_in(shown), "demande": forged, "reponse": "oui"})
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        unasked = await browser.post("/oauth/authorize", data={"demande": hidden(shown, "demande"), "reponse": "oui"})
        assert unasked.status_code == 403, "a yes that no page of ours asked for"


async def test_a_request_that_breaks_a_rule_is_told_to_the_application(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    wanting = App(made.id)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"aud": "https://evil.example/fhir"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "system/*.cruds"}, "invalid_scope"),
        ({"scope": "patient/Task.cd user/Task.rs"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"launch": "guessed", "scope": "launch patient/Observation.rs"}, "invalid_request"),
        ({"prompt": "none"}, "interaction_required"),
        ({"request": "eyJ"}, "request_not_supported"),
    ]
    async with await browsing(app, access, SELF) as browser:
        for told, error in wrong:
            answer = said(await browser.get(f"/oauth/authorize?{wanting.query(**told)}"))
            assert answer["error"] == error, told
            assert answer.get("state") == (None if "state" in told else wanting.state)


async def test_a_code_is_exchanged_once_by_who_asked_with_what_it_asked_with(
    people: None, access: Access, clock: FixedClock, app: Starlette
) -> None:
    made = await registered(access, application_of_people(redirect_uris=[RETURN, "https://app.example/autre"]))
    other = await registered(access, application_of_people())
    wanting = App(made.id)
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        wrong: list[dict[str, Any]] = [
            {"code_verifier": "w" * 64},
            {"code_verifier": None},
            {"redirect_uri": "https://app.example/autre"},
            {"redirect_uri": None},
        ]
        for told in wrong:
            code = (await wanting.allowed(browser))["code"]
            answer = await program.post("/oauth/token", data=wanting.exchange(code, **told))
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), told
            assert (await program.post("/oauth/token", data=wanting.exchange(code))).status_code == 400, "a wrong try uses it up"
        code = (await wanting.allowed(browser))["code"]
        assert (await program.post("/oauth/token", data=wanting.exchange(code, client_id=other.id))).json()[
            "error"
        ] == "invalid_grant"
        tokens = (await program.post("/oauth/token", data=wanting.exchange(code))).json()
        assert (await program.get("/fhir/Observation", headers=bearer(tokens))).status_code == 200, (
            "another's try changes nothing"
        )
        clock.advance(timedelta(seconds=6))
        assert (await program.post("/oauth/token", data=wanting.exchange(code))).json()["error"] == "invalid_grant"
        async with asking(app) as fresh:
            await ends(fresh, tokens, clock)
        late = (await wanting.allowed(browser))["code"]
        clock.advance(timedelta(seconds=61))
        assert (await program.post("/oauth/token", data=wanting.exchange(late))).json()["error"] == "invalid_grant"


async def ends(program: httpx.AsyncClient, tokens: dict[str, Any], clock: FixedClock) -> None:
    """The token counts no more, once it is not remembered: 5 s of the machine's time, which this does not wait for."""
    program._transport.app.state.visitors._holders.clear()  # type: ignore[attr-defined]
    assert (await program.get("/fhir/Observation", headers=bearer(tokens))).status_code == 401


async def test_a_refresh_token_counts_once_and_one_shown_again_ends_all(
    people: None, access: Access, clock: FixedClock, app: Starlette
) -> None:
    made = await registered(access, application_of_people())
    other = await registered(access, application_of_people())
    wanting = App(made.id, scope=LASTING)
    async with await browsing(app, access, SELF) as browser, asking(app) as program:

        async def refreshed(token: str, **more: str) -> httpx.Response:
            return await program.post(
                "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": token, "client_id": made.id, **more}
            )

        first = await wanting.tokens(browser, program)
        assert (await refreshed(first["refresh_token"], client_id=other.id)).json()["error"] == "invalid_grant"
        wider = await refreshed(first["refresh_token"], scope="patient/*.cruds user/Patient.rs")
        assert wider.status_code == 200
        assert wider.json()["scope"] == "patient/Observation.rs", "a refresh gives no more than was given"
        second = wider.json()
        unnamed = await program.post(
            "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
        )
        assert unnamed.status_code == 200, "a public client need not say its name (RFC 6749 §6)"
        second = unnamed.json()
        third = (await refreshed(second["refresh_token"])).json()
        assert (third["scope"].split(), third["patient"]) == (["launch/patient", "offline_access", "patient/Observation.rs"], "p")
        assert (await program.get("/fhir/Observation", headers=bearer(third))).status_code == 200
        assert (await refreshed(first["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await refreshed(third["refresh_token"])).json()["error"] == "invalid_grant", "all that came of it has ended"
        await ends(program, third, clock)
        assert (await refreshed("guessed")).json()["error"] == "invalid_grant"


async def test_what_was_allowed_ends_one_day_however_often_it_is_refreshed(
    people: None, access: Access, clock: FixedClock, app: Starlette
) -> None:
    made = await registered(access, application_of_people())
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        tokens = await App(made.id, scope=LASTING).tokens(browser, program)
        begun, lived = clock.now(), 0
        while clock.now() < begun + AWAY + timedelta(days=1):
            clock.advance(timedelta(days=10))
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": made.id}
            answer = await program.post("/oauth/token", data=form)
            if answer.status_code != 200:
                break
            tokens, lived = answer.json(), lived + 1
        assert (lived, answer.json().get("error")) == (AWAY.days // 10 - 1, "invalid_grant")


async def test_what_is_no_access_token_opens_nothing(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    wanting = App(made.id, scope="openid offline_access launch/patient patient/Observation.rs")
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        told = await wanting.allowed(browser)
        for other in (told["code"], None, "id_token", "refresh_token", "access_token"):
            if other is None:
                tokens = (await program.post("/oauth/token", data=wanting.exchange(told["code"]))).json()
                continue
            shown = tokens[other] if other.endswith("_token") else other
            answer = await program.get("/fhir/Observation", headers={"authorization": f"Bearer {shown}"})
            assert answer.status_code == (200 if other == "access_token" else 401), other
        refreshed = {"grant_type": "refresh_token", "refresh_token": tokens["access_token"], "client_id": made.id}
        assert (await program.post("/oauth/token", data=refreshed)).json()["error"] == "invalid_grant"


async def test_a_code_shown_by_many_at_once_counts_once(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    wanting = App(made.id)
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        code = (await wanting.allowed(browser))["code"]
        answers = await asyncio.gather(*(program.post("/oauth/token", data=wanting.exchange(code)) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


async def test_what_was_allowed_is_shown_and_taken_back(people: None, access: Access, clock: FixedClock, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    async with (
        await browsing(app, access, SELF) as browser,
        await browsing(app, access, patient("other")) as somebody,
        asking(app) as program,
    ):
        tokens = await App(made.id, scope=LASTING).tokens(browser, program)
        shown = (await browser.get("/mes-applications")).text
        assert ("Carnet de tension" in shown, "même quand vous n’êtes pas connecté" in shown) == (True, True)
        csrf, own = (
            token_in((await somebody.get("/mes-applications")).text + '<input name="csrf" value="00">'),
            hidden(shown, "autorisation"),
        )
        assert (await somebody.post("/mes-applications/retirer", data={"csrf": csrf, "autorisation": own})).status_code in (
            403,
            404,
        )
        assert (await program.get("/fhir/Observation", headers=bearer(tokens))).status_code == 200
        gone = await browser.post("/mes-applications/retirer", data={"csrf": token_in(shown), "autorisation": own})
        assert gone.headers["location"] == "/mes-applications?fait=retire"
        await ends(program, tokens, clock)
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": made.id}
        assert (await program.post("/oauth/token", data=form)).json()["error"] == "invalid_grant"


async def test_what_was_allowed_ends_with_the_session_or_with_all_of_them(
    people: None, access: Access, clock: FixedClock, app: Starlette
) -> None:
    made = await registered(access, application_of_people())
    async with asking(app) as program:
        async with await browsing(app, access, SELF) as browser:
            bound = await App(made.id, scope="launch/patient online_access patient/Observation.rs").tokens(browser, program)
            lasting = await App(made.id, scope=LASTING).tokens(browser, program)
            await browser.post("/deconnexion", data={"csrf": token_in((await browser.get("/mes-applications")).text)})
            await ends(program, bound, clock)
            assert (await program.get("/fhir/Observation", headers=bearer(lasting))).status_code == 200
            form = {"grant_type": "refresh_token", "refresh_token": bound["refresh_token"], "client_id": made.id}
            assert (await program.post("/oauth/token", data=form)).json()["error"] == "invalid_grant"
        async with await browsing(app, access, SELF) as browser:
            await browser.post(
                "/mes-appareils/fermer-tout", data={"csrf": token_in((await browser.get("/mes-applications")).text)}
            )
        await ends(program, lasting, clock)


async def test_an_application_that_never_came_for_what_was_allowed_is_not_shown(
    people: None, access: Access, app: Starlette
) -> None:
    made = await registered(access, application_of_people())
    wanting = App(made.id, scope=LASTING)
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        told = await wanting.allowed(browser)
        assert "Aucune application" in (await browser.get("/mes-applications")).text
        assert (await program.post("/oauth/token", data=wanting.exchange(told["code"]))).status_code == 200
        assert "Carnet de tension" in (await browser.get("/mes-applications")).text


async def test_going_on_is_no_look_at_the_record(people: None, access: Access, app: Starlette) -> None:
    async def lines() -> list[str]:
        async with access.act(SELF, read_only=True) as ctx:
            rows = await ctx.records.trail("p", kinds=list(ActorKind), count=50)
        return [row["kind"] for row in rows if row["type"] != "AuditEvent"]  # reading the trail is in it

    made = await registered(access, application_of_people())
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        tokens = await App(made.id, scope=LASTING).tokens(browser, program)
        before = await lines()
        assert "job" in before, "what wrote the record is there"
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": made.id}
        tokens = (await program.post("/oauth/token", data=form)).json()
        assert await lines() == before
        assert (await program.get("/fhir/Observation", headers=bearer(tokens))).status_code == 200
        assert len(await lines()) == len(before) + 1


@pytest.mark.parametrize("ended", ["inactive", "place", "deleted"])
async def test_who_left_lends_nothing_any_more(people: None, access: Access, app: Starlette, ended: str) -> None:
    made = await registered(access, application_of_people(scope="offline_access user/Patient.rs"))
    place = {"resourceType": "PractitionerRole", "id": "r", "active": True, "practitioner": {"reference": "Practitioner/gp"}}
    async with access.act(SEED) as ctx:
        await ctx.records.write(place)
    async with await browsing(app, access, replace(GP, situation="PractitionerRole/r")) as browser, asking(app) as program:
        tokens = await App(made.id, scope="offline_access user/Patient.rs").tokens(browser, program)
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": made.id}
        tokens = (await program.post("/oauth/token", data=form)).json()
        async with access.act(SEED) as ctx:
            if ended == "inactive":
                await ctx.records.write({"resourceType": "Practitioner", "id": "gp", "active": False, "name": [{"family": "GP"}]})
            elif ended == "place":
                await ctx.records.write(place | {"active": False})
            else:
                await ctx.records.delete("PractitionerRole", "r")
        answer = await program.post("/oauth/token", data=form | {"refresh_token": tokens["refresh_token"]})
        assert answer.json()["error"] == "invalid_grant"


async def test_an_application_opens_no_page(people: None, access: Access, application: Any) -> None:
    async def shown(request: Any, ctx: Any) -> Any:
        raise AssertionError("a page was opened")

    extra = type("Extra", (), {"routes": [page("/moi", shown, permission=Permission.SIGNED_IN)]})
    app = application(operations, pages, accounts, FHIR, extra)
    made = await registered(access, application_of_people())
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        tokens = await App(made.id).tokens(browser, program)
        for path in ("/moi", "/mes-applications", "/mes-appareils", f"/oauth/authorize?{App(made.id).query()}"):
            assert (await program.get(path, headers=bearer(tokens))).status_code == 403, path
        for path in ("/mes-appareils/fermer-tout", "/oauth/authorize", "/mes-applications/retirer"):
            assert (await program.post(path, headers=bearer(tokens))).status_code == 403, path


async def test_guarded_functions_are_not_lent(people: None, access: Access, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    for role in (Role.OPERATOR, Role.STEWARD, Role.OFFICER, Role.EDITOR):
        async with await browsing(app, access, officer_of(role)) as browser:
            assert (await browser.get(f"/oauth/authorize?{App(made.id).query()}")).status_code == 403
    both: Actor = replace(GP, roles=frozenset({Role.GP, Role.STEWARD}))
    async with await browsing(app, access, both) as browser, asking(app) as program:
        tokens = await App(made.id).tokens(browser, program, patient="p")
    assert (await access.bearer(tokens["access_token"])).roles == {Role.GP}


async def test_a_software_asks_about_its_own_tokens_and_gives_them_back(
    people: None, access: Access, clock: FixedClock, app: Starlette
) -> None:
    secret = application_of_people(token_endpoint_auth_method="client_secret_basic")
    made, other, public = (
        await registered(access, secret),
        await registered(access, secret),
        await registered(access, application_of_people()),
    )
    wanting = App(made.id, scope=LASTING)
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        told = await wanting.allowed(browser)
        assert (await program.post("/oauth/token", data=wanting.exchange(told["code"]))).status_code == 401
        tokens = (await program.post("/oauth/token", data=wanting.exchange(told["code"]), headers=basic(made))).json()
        unproved = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await program.post("/oauth/token", data=unproved)).json()["error"] == "invalid_client", (
            "its token alone is no proof"
        )
        token = {"token": tokens["access_token"]}
        answer = (await program.post("/oauth/introspect", data=token, headers=basic(made))).json()
        assert (answer["active"], answer["client_id"], answer["patient"], answer["scope"]) == (
            True,
            made.id,
            "p",
            tokens["scope"],
        )
        assert answer["exp"] - answer["iat"] == tokens["expires_in"]
        assert (await program.post("/oauth/introspect", data=token, headers=basic(other))).json() == {"active": False}
        assert (await program.post("/oauth/introspect", data=token)).json()["error"] == "invalid_client"
        nobody = await program.post("/oauth/introspect", data=token | {"client_id": public.id})
        assert nobody.json()["error"] == "unauthorized_client"
        guessed = await program.post("/oauth/introspect", data={"token": "guessed"}, headers=basic(made))
        assert guessed.json() == {"active": False}
        assert (
            await program.post("/oauth/revoke", data={"token": tokens["refresh_token"]}, headers=basic(other))
        ).status_code == 200
        assert (await program.post("/oauth/introspect", data=token, headers=basic(made))).json()["active"] is True
        assert (
            await program.post("/oauth/revoke", data={"token": tokens["refresh_token"]}, headers=basic(made))
        ).status_code == 200
        assert (await program.post("/oauth/introspect", data=token, headers=basic(made))).json() == {"active": False}
        await ends(program, tokens, clock)


async def test_a_suspended_application_holds_nothing(people: None, access: Access, clock: FixedClock, app: Starlette) -> None:
    made = await registered(access, application_of_people())
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        tokens = await App(made.id, scope=LASTING).tokens(browser, program)
        async with access.act(OPERATOR) as ctx:
            await registry.decide(ctx, made.id, "suspended", remark="fuite")
        await ends(program, tokens, clock)
        async with access.act(OPERATOR) as ctx:
            await registry.decide(ctx, made.id, "approved")
        await ends(program, tokens, clock)


async def test_an_editor_sees_what_their_application_called_for_people_and_nobody_in_it(
    people: None, access: Access, app: Starlette
) -> None:
    editor = replace(officer_of(Role.EDITOR), id="account:editor")
    made = await registered(access, application_of_people(), by=editor.id)
    async with await browsing(app, access, SELF) as browser, asking(app) as program:
        tokens = await App(made.id, scope="launch/patient patient/*.rs").tokens(browser, program)
        assert (await program.get("/fhir/Patient/p", headers=bearer(tokens))).status_code == 200
        assert (await program.get("/fhir/Patient/other", headers=bearer(tokens))).status_code == 404
    async with await browsing(app, access, editor) as browser:
        shown = (await browser.get(f"/developpeurs/{made.id}")).text
        assert (shown.count("Lecture Patient"), "Refusé" in shown, "Jeton demandé" in shown) == (2, True, True)
        assert ("Patient/p" in shown, "patient:p" in shown) == (False, False)
