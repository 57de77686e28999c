"""The authorisation-code flow against the emulator, over sockets: what is let in and what is refused."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.responses import JSONResponse

from maillage.clock import FixedClock, SystemClock
from maillage.connectors.listening import free_port, served
from maillage.connectors.psc import Attempt, Provider, RelyingParty, SignInRefused
from maillage.connectors.psc.emulator import Client, Persona, Realm, create_emulator
from maillage.connectors.psc.emulator.app import REALM_PATH
from maillage.connectors.psc.emulator.realm import realm_of
from maillage.connectors.psc.tokens import Expected, UnknownKey, proven_claims, signed_claims
from maillage.errors import Unavailable

BACK = "http://127.0.0.1:8000/connexion/retour"
GP = Persona(
    id="gp", name="Dr Camille EXEMPLE", title="Médecin généraliste", card=True,
    claims={"sub": "f:1:899700218896", "SubjectNameID": "899700218896"},
)  # fmt: skip
PATIENT = Persona(id="patient", name="Dominique PAT-TROIS", title="Patiente", card=False, claims={"sub": "f:2:patient"})


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
async def realm(clock: FixedClock) -> AsyncIterator[Realm]:
    port = free_port("127.0.0.1")
    clients = [Client(id="maillage", secret="s1", card=True), Client(id="maillage-sans-carte", secret="s2", card=False)]
    realm = realm_of(f"http://127.0.0.1:{port}{REALM_PATH}", clients, [GP, PATIENT], clock)
    async with served(create_emulator(realm), host="127.0.0.1", port=port):
        yield realm


@pytest.fixture
async def party(realm: Realm, clock: FixedClock) -> AsyncIterator[RelyingParty]:
    provider = Provider(
        name="psc", issuer=realm.issuer, client_id="maillage", client_secret="s1", scope="openid scope_all", acr="eidas1"
    )
    async with RelyingParty(provider, clock) as party:
        yield party


async def answer_of(party: RelyingParty, attempt: Attempt, persona: str = "gp") -> dict[str, str]:
    """What the browser brings back from the provider."""
    url = await party.authorize_url(attempt, redirect_uri=BACK, login_hint=persona)
    async with httpx.AsyncClient() as browser:
        response = await browser.get(url)
    assert response.status_code == 302
    assert response.headers["location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


async def test_a_professional_signs_in(party: RelyingParty) -> None:
    attempt = Attempt.new()
    answer = await answer_of(party, attempt)
    assert answer["state"] == attempt.state
    signed = await party.complete(attempt, code=answer["code"], redirect_uri=BACK)
    assert signed.claims == GP.claims


async def test_the_choice_is_offered_without_a_hint_and_says_it_is_an_emulator(party: RelyingParty) -> None:
    url = await party.authorize_url(Attempt.new(), redirect_uri=BACK)
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
        assert "ceci n’est pas Pro Santé Connect" in page.text
        assert "Dr Camille EXEMPLE" in page.text
        assert "PAT-TROIS" not in page.text, "those without a card sign in by the other client"
        choice = page.text.split('href="?')[1].split('"')[0].replace("&amp;", "&")
        chosen = await browser.get(f"{url.partition('?')[0]}?{choice}")
    assert "code=" in chosen.headers["location"]


async def test_a_code_counts_once(party: RelyingParty) -> None:
    attempt = Attempt.new()
    code = (await answer_of(party, attempt))["code"]
    await party.complete(attempt, code=code, redirect_uri=BACK)
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await party.complete(attempt, code=code, redirect_uri=BACK)


async def test_a_code_expires(party: RelyingParty, clock: FixedClock) -> None:
    attempt = Attempt.new()
    code = (await answer_of(party, attempt))["code"]
    clock.advance(timedelta(seconds=61))
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await party.complete(attempt, code=code, redirect_uri=BACK)


async def test_a_stolen_code_is_worth_nothing_without_its_verifier(party: RelyingParty) -> None:
    code = (await answer_of(party, Attempt.new()))["code"]
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await party.complete(Attempt.new(), code=code, redirect_uri=BACK)


async def test_a_nonce_that_is_not_ours_is_refused(party: RelyingParty) -> None:
    attempt = Attempt.new()
    code = (await answer_of(party, attempt))["code"]
    with pytest.raises(SignInRefused, match="nonce"):
        await party.complete(replace(attempt, nonce="another"), code=code, redirect_uri=BACK)


async def test_a_wrong_client_secret_is_refused(party: RelyingParty, clock: FixedClock) -> None:
    attempt = Attempt.new()
    code = (await answer_of(party, attempt))["code"]
    async with RelyingParty(replace(party.provider, client_secret="guess"), clock) as other:
        with pytest.raises(SignInRefused, match="invalid_client"):
            await other.complete(attempt, code=code, redirect_uri=BACK)


async def test_keys_changed_since_are_fetched_anew(party: RelyingParty, realm: Realm) -> None:
    first = Attempt.new()
    await party.complete(first, code=(await answer_of(party, first))["code"], redirect_uri=BACK)
    realm.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    second = Attempt.new()
    signed = await party.complete(second, code=(await answer_of(party, second))["code"], redirect_uri=BACK)
    assert signed.claims["sub"] == GP.claims["sub"]


async def test_signing_out_ends_the_providers_tokens(party: RelyingParty, realm: Realm) -> None:
    attempt = Attempt.new()
    signed = await party.complete(attempt, code=(await answer_of(party, attempt))["code"], redirect_uri=BACK)
    token = next(iter(realm._tokens))
    assert realm.introspect(token)["active"]
    url = await party.sign_out_url(signed.id_token, return_to="http://127.0.0.1:8000/connexion")
    async with httpx.AsyncClient() as browser:
        response = await browser.get(str(url))
    assert response.headers["location"] == "http://127.0.0.1:8000/connexion"
    assert not realm.introspect(token)["active"]


def test_a_sign_out_leads_back_to_a_registered_site_only() -> None:
    client = Client(id="m", secret="s", card=True, redirect_uris=frozenset({BACK}))
    assert client.may_leave_to("http://127.0.0.1:8000/connexion")
    assert not client.may_leave_to("http://127.0.0.1:8001/connexion")
    assert not client.may_return_to("http://127.0.0.1:8000/connexion"), "a code goes to the registered address alone"


async def test_a_person_may_refuse(party: RelyingParty) -> None:
    url = await party.authorize_url(Attempt.new(), redirect_uri=BACK)
    async with httpx.AsyncClient() as browser:
        response = await browser.get(f"{url}&persona=refus")
    assert "error=access_denied" in response.headers["location"]


async def test_the_emulator_refuses_a_request_without_the_level_or_to_a_foreign_address(party: RelyingParty) -> None:
    url = await party.authorize_url(Attempt.new(), redirect_uri="https://elsewhere.example/")
    weak = (await party.authorize_url(Attempt.new(), redirect_uri=BACK)).replace("acr_values=eidas1", "acr_values=none")
    async with httpx.AsyncClient() as browser:
        for refused in (await browser.get(url), await browser.get(weak)):
            assert refused.status_code == 400
            assert "location" not in refused.headers
            assert "Émulateur" in refused.text


async def test_a_provider_that_is_away_is_unavailable(clock: FixedClock) -> None:
    provider = Provider(name="psc", issuer=f"http://127.0.0.1:{free_port('127.0.0.1')}", client_id="m", client_secret="s")
    async with RelyingParty(provider, clock) as party:
        with pytest.raises(Unavailable):
            await party.authorize_url(Attempt.new(), redirect_uri=BACK)


async def test_a_discovery_that_names_another_issuer_is_refused(realm: Realm, clock: FixedClock) -> None:
    discovery = f"{realm.issuer}/.well-known/wallet-openid-configuration"
    provider = Provider(name="psc", issuer="https://auth.example", discovery=discovery, client_id="m", client_secret="s")
    async with RelyingParty(provider, clock) as party:
        with pytest.raises(SignInRefused, match="issuer"):
            await party.authorize_url(Attempt.new(), redirect_uri=BACK)


@pytest.mark.parametrize("named", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"])
async def test_a_discovery_that_leads_out_of_tls_is_refused(clock: FixedClock, named: str) -> None:
    port = free_port("127.0.0.1")
    issuer = f"http://127.0.0.1:{port}"
    needed = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    found = {"issuer": issuer, **dict.fromkeys(needed, f"{issuer}/x")}

    async def discovery(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse(found)(scope, receive, send)

    async with served(discovery, host="127.0.0.1", port=port):
        provider = Provider(name="psc", issuer=issuer, client_id="m", client_secret="s")
        async with RelyingParty(provider, clock) as party:
            assert await party.authorize_url(Attempt.new(), redirect_uri=BACK)
        found[named] = "http://elsewhere.example/x"
        async with RelyingParty(provider, clock) as party:
            with pytest.raises(SignInRefused, match=f"without TLS: {named}"):
                await party.authorize_url(Attempt.new(), redirect_uri=BACK)


KEY = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
NOW = 1_800_000_000.0
GOOD = {"iss": "https://i", "aud": "maillage", "sub": "1", "exp": NOW + 60, "iat": NOW, "nonce": "n", "acr": "eidas1"}
UNSIGNED = b'{"alg":"none"}'
EXPECTED = Expected(issuer="https://i", client_id="maillage", nonce="n", acr="eidas1", now=NOW)


def token_of(claims: dict[str, object], key: RSAKey = KEY, **header: object) -> str:
    return jwt.encode({"alg": "RS256", "kid": KEY.kid, **header}, claims, key)


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def keys() -> KeySet:
    return KeySet.import_key_set({"keys": [KEY.as_dict(private=False)]})


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "https://other"), ("aud", "another-client"), ("aud", ["maillage", "another-client"]), ("azp", "another-client"),
        ("exp", NOW - 61), ("exp", None), ("iat", NOW + 61), ("iat", NOW - 700), ("nonce", "m"), ("acr", "eidas0"), ("sub", ""),
    ],
)  # fmt: skip
def test_a_token_with_a_wrong_claim_is_refused_by_its_name(claim: str, value: object) -> None:
    with pytest.raises(SignInRefused, match="aud" if claim == "azp" else claim):
        proven_claims(token_of(GOOD | {claim: value}), keys(), EXPECTED)


@pytest.mark.parametrize(
    ("header", "claim"),
    [
        ({"typ": "at+jwt"}, {}),
        ({"typ": "logout+jwt"}, {}),
        ({"typ": "dpop+jwt"}, {}),
        ({}, {"typ": "Bearer"}),
        ({}, {"typ": "Logout"}),
    ],
)
def test_a_token_of_another_kind_is_no_proof(header: dict[str, object], claim: dict[str, object]) -> None:
    """All of them signed by the provider, for us."""
    assert proven_claims(token_of(GOOD | {"typ": "ID"}, typ="JWT"), keys(), EXPECTED)["sub"] == "1"
    with pytest.raises(SignInRefused, match="typ"):
        proven_claims(token_of(GOOD | claim, **header), keys(), EXPECTED)
    about = {"iss": "https://i", "aud": "maillage", "sub": "1"}
    assert signed_claims(token_of(dict(about)), keys(), issuer="https://i", client_id="maillage")["sub"] == "1"
    with pytest.raises(SignInRefused, match="typ"):
        signed_claims(token_of(about | claim, **header), keys(), issuer="https://i", client_id="maillage")


@pytest.mark.parametrize("extra", [{}, {"exp": NOW - 59}, {"iat": NOW + 59}, {"aud": ["maillage"], "azp": "maillage"}])
def test_a_clock_a_minute_off_is_tolerated(extra: dict[str, object]) -> None:
    assert proven_claims(token_of(GOOD | extra), keys(), EXPECTED)["sub"] == "1"


def test_a_tampered_signature_is_refused() -> None:
    head, _, signature = token_of(GOOD).split(".")
    other = token_of(GOOD | {"sub": "2"}).split(".")[1]
    with pytest.raises(SignInRefused, match="signature"):
        proven_claims(f"{head}.{other}.{signature}", keys(), EXPECTED)


def test_a_token_signed_by_someone_else_is_refused() -> None:
    with pytest.raises(SignInRefused):
        proven_claims(token_of(GOOD, RSAKey.generate_key(2048)), keys(), EXPECTED)


def test_an_unsigned_token_is_refused() -> None:
    body = token_of(GOOD).split(".")[1]
    with pytest.raises(SignInRefused):
        proven_claims(f"{encoded(UNSIGNED)}.{body}.", keys(), EXPECTED)


def test_a_symmetric_signature_made_with_the_public_key_is_refused() -> None:
    head = encoded(json.dumps({"alg": "HS256", "kid": KEY.kid}).encode())
    signed = f"{head}.{token_of(GOOD).split('.')[1]}"
    signature = hmac.new(KEY.as_pem(private=False), signed.encode(), "sha256").digest()
    with pytest.raises(SignInRefused):
        proven_claims(f"{signed}.{encoded(signature)}", keys(), EXPECTED)


def test_an_unknown_key_is_told_apart() -> None:
    other = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
    with pytest.raises(UnknownKey):
        proven_claims(jwt.encode({"alg": "RS256", "kid": other.kid}, GOOD, other), keys(), EXPECTED)
