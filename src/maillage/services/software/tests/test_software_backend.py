"""Software that acts by itself (SMART Backend Services): a signed assertion opens the FHIR door, and nothing else does."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.clock import FixedClock
from maillage.connectors.listening import free_port, served
from maillage.services.software import operations
from maillage.services.software.service import registry
from tests.support.people import SEED
from tests.support.software import (
    EC,
    FHIR,
    OPERATOR,
    RSA,
    application_of_people,
    asking,
    assertion,
    basic,
    jwks,
    metadata,
    registered,
    signed,
)


@pytest.fixture
def app(application: Any) -> Starlette:
    return application(operations, FHIR)  # type: ignore[no-any-return]


@pytest.fixture
async def program(app: Starlette) -> httpx.AsyncClient:
    return asking(app)


@pytest.mark.parametrize("key, alg", [(RSA, "RS384"), (EC, "ES384")], ids=["RS384", "ES384"])
async def test_a_signed_assertion_opens_the_fhir_door(access: Access, program: httpx.AsyncClient, key: Any, alg: str) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "p", "name": [{"family": "ESSAI"}]})
    made = await registered(access, metadata())
    answer = await program.post(
        "/oauth/token", data=signed(assertion(made.id, access, key=key, alg=alg), scope="system/Patient.read system/Task.rs")
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 300, "system/Patient.rs")
    assert "refresh_token" not in told
    assert answer.headers["cache-control"] == "no-store"
    headers = {"authorization": f"Bearer {told['access_token']}"}
    found = await program.get("/fhir/Patient?family=essai", headers=headers)
    assert (found.status_code, found.json()["total"] if "total" in found.json() else len(found.json()["entry"])) == (200, 1)
    assert (await program.post("/fhir/Patient", headers=headers, json={"resourceType": "Patient"})).status_code == 403
    assert (await program.get("/fhir/Observation", headers=headers)).status_code == 403, "a type that was not granted"


async def test_a_token_lasts_five_minutes(access: Access, clock: FixedClock, program: httpx.AsyncClient) -> None:
    made = await registered(access, metadata())
    told = (await program.post("/oauth/token", data=signed(assertion(made.id, access)))).json()
    clock.advance(timedelta(seconds=301))
    assert (await program.get("/fhir/Patient", headers={"authorization": f"Bearer {told['access_token']}"})).status_code == 401


OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
UNKNOWN = RSAKey.generate_key(2048, {"kid": "unknown"})
NOW = 1795435200  # people.NOON


WRONG: list[dict[str, Any]] = [
    {"aud": "https://elsewhere.example/token"},
    {"aud": None},
    {"exp": NOW - 1},
    {"exp": NOW + 400},
    {"exp": None},
    {"exp": "tomorrow"},
    {"exp": 10**400},
    {"exp": float("nan")},
    {"exp": float("inf")},
    {"nbf": 10**400},
    {"iat": float("nan")},
    {"iat": NOW + 60},
    {"nbf": NOW + 60},
    {"jti": None},
    {"jti": 7},
    {"sub": "another"},
    {"key": OTHER},
    {"key": UNKNOWN},
    {"alg": "RS256"},
    {"alg": "PS384"},
    {"header": {"jku": "https://evil.example/jwks"}},
    {"header": {"kid": "ec"}},
]


async def test_an_assertion_that_does_not_hold_is_refused(access: Access, program: httpx.AsyncClient) -> None:
    made = await registered(access, metadata())
    for told in WRONG:
        answer = await program.post("/oauth/token", data=signed(assertion(made.id, access, **told)))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), told
        assert "access_token" not in answer.json()


async def test_a_signature_is_asymmetric_and_there(access: Access, program: httpx.AsyncClient) -> None:
    """`none`, and a signature by HMAC whose key is our knowledge of the public one (JWT confusion)."""
    made = await registered(access, metadata())
    right = assertion(made.id, access).split(".")

    def part(said: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()

    none = [
        f"{part({'alg': alg, 'kid': 'rsa'})}.{right[1]}.{signature}"
        for alg in ("none", "None", "")
        for signature in ("", right[2])
    ]
    claims = json.loads(base64.urlsafe_b64decode(right[1] + "=="))
    confused = [
        jwt.encode({"alg": alg, "kid": "rsa"}, claims, OctKey.import_key(secret), algorithms=[alg])
        for alg in ("HS256", "HS384")
        for secret in (
            json.dumps(jwks(RSA)["keys"][0]),
            RSA.as_pem(private=False).decode().replace("BEGIN", "B").replace("-", "x"),
        )
    ]
    bare = [f"{right[0]}.{right[1]}.", f"{right[0]}.{right[1]}", "", "x.y.z", "é.é.é", "." * 9000]
    for text in [*none, *confused, *bare]:
        answer = await program.post("/oauth/token", data=signed(text))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), text[:60]


async def test_an_assertion_counts_once_in_whatever_process(access: Access, program: httpx.AsyncClient, application: Any) -> None:
    made = await registered(access, metadata())
    once = assertion(made.id, access)
    assert (await program.post("/oauth/token", data=signed(once))).status_code == 200
    assert (await program.post("/oauth/token", data=signed(once))).status_code == 401
    async with asking(application(operations)) as other:
        assert (await other.post("/oauth/token", data=signed(once))).status_code == 401
    same = assertion(made.id, access, jti="given-twice")
    assert (await program.post("/oauth/token", data=signed(same, scope="system/Task.rs"))).json()["error"] == "invalid_scope"
    assert (await program.post("/oauth/token", data=signed(same))).status_code == 401, "it was shown, whatever came of it"


async def test_no_scope_beyond_what_was_registered(access: Access, program: httpx.AsyncClient) -> None:
    made = await registered(access, metadata())
    for scope in ("", "system/Task.rs", "patient/Patient.rs", "user/*.rs", "openid", "launch", "system/Patient", "a b"):
        answer = await program.post("/oauth/token", data=signed(assertion(made.id, access), scope=scope))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope


async def test_a_wider_scope_is_cut_to_what_was_registered(access: Access, program: httpx.AsyncClient) -> None:
    made = await registered(access, metadata(scope="system/Patient.rs system/Observation.rs?category=laboratory"))
    asked = "system/*.cruds system/Observation.rs?code=8867-4"
    told = (await program.post("/oauth/token", data=signed(assertion(made.id, access), scope=asked))).json()
    assert told["scope"].split() == ["system/Observation.rs?category=laboratory", "system/Patient.rs"]


async def test_each_software_proves_itself_in_its_own_way(access: Access, program: httpx.AsyncClient) -> None:
    by_key = await registered(access, metadata())
    by_secret = await registered(access, application_of_people(token_endpoint_auth_method="client_secret_basic"))
    public = await registered(access, application_of_people())
    refresh = {"grant_type": "refresh_token", "refresh_token": "x"}
    wrong = [
        ({**refresh, "client_id": by_secret.id}, {}),
        ({**refresh, "client_id": by_secret.id, "client_secret": by_secret.secret or ""}, {}),
        (refresh, {"authorization": "Basic " + base64.b64encode(f"{by_secret.id}:wrong".encode()).decode()}),
        (refresh, {"authorization": "Basic !!!"}),
        (refresh, {"authorization": "Bearer x"}),
        (refresh, {"authorization": "Basic " + base64.b64encode(f"{public.id}:".encode()).decode()}),
        ({**signed(assertion(by_key.id, access)), "client_id": public.id}, {}),
        ({"grant_type": "client_credentials", "client_id": by_key.id, "scope": "system/Patient.rs"}, {}),
        ({**refresh, "client_id": "nobody"}, {}),
        ({**refresh, "client_id": "\0"}, {}),
        (refresh, {}),
    ]
    for form, headers in wrong:
        answer = await program.post("/oauth/token", data=form, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), form
        assert answer.headers["www-authenticate"].startswith("Basic")
    both = await program.post("/oauth/token", data=signed(assertion(by_key.id, access)), headers=basic(by_secret))
    assert both.json()["error"] == "invalid_request"
    right = await program.post("/oauth/token", data=refresh, headers=basic(by_secret))
    assert right.json()["error"] == "invalid_grant", "who it is was proved"


async def test_what_is_no_request_is_told_so_in_the_form_of_oauth(access: Access, program: httpx.AsyncClient) -> None:
    public = await registered(access, application_of_people())
    for form, error in [
        ({"client_id": public.id}, "invalid_request"),
        ({"client_id": public.id, "grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": public.id, "grant_type": "client_credentials"}, "unauthorized_client"),
        ({"client_id": public.id, "grant_type": "authorization_code"}, "invalid_grant"),
    ]:
        answer = await program.post("/oauth/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (400, error)
    twice = await program.post(
        "/oauth/token", content="grant_type=x&grant_type=y", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert twice.json()["error"] == "invalid_request"
    assert (await program.post("/oauth/token", json={})).json()["error"] == "invalid_request"
    assert (await program.get("/oauth/token")).status_code == 405


async def test_what_is_not_approved_or_was_suspended_has_no_token(access: Access, program: httpx.AsyncClient) -> None:
    waiting = await registered(access, metadata(), approved=False)
    assert (await program.post("/oauth/token", data=signed(assertion(waiting.id, access)))).status_code == 401
    made = await registered(access, metadata())
    told = (await program.post("/oauth/token", data=signed(assertion(made.id, access)))).json()
    headers = {"authorization": f"Bearer {told['access_token']}"}
    async with access.act(OPERATOR) as ctx:
        await registry.decide(ctx, made.id, "suspended", remark="clé perdue")
    assert (await program.get("/fhir/Patient", headers=headers)).status_code == 401
    assert (await program.post("/oauth/token", data=signed(assertion(made.id, access)))).status_code == 401


async def test_keys_are_fetched_from_an_address_that_may_be_asked(access: Access, application: Any) -> None:
    asked: list[str] = []
    published = {"/jwks": json.dumps(jwks(EC)), "/big": "x" * 70_000, "/none": "{}", "/html": "<html>"}

    async def keys(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        if scope["path"] == "/elsewhere":
            await send({"type": "http.response.start", "status": 302, "headers": [(b"location", b"/jwks")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": published.get(scope["path"], "").encode()})

    port = free_port("127.0.0.1")
    inside, outside = application(operations, settings={"software_networks": "127.0.0.0/8"}), application(operations)
    async with served(keys, host="127.0.0.1", port=port) as address, asking(inside) as program, asking(outside) as stranger:
        made = await registered(access, metadata(jwks=None, jwks_uri=f"{address}/jwks"))
        asked.clear()
        form = signed(assertion(made.id, access, key=EC, alg="ES384"))
        refused = await stranger.post("/oauth/token", data=form)
        assert (refused.status_code, asked) == (401, []), "an address inside is not asked"
        assert "network" in refused.json()["error_description"]
        assert (await program.post("/oauth/token", data=form)).status_code == 200
        assert asked == ["/jwks"]
        again = signed(assertion(made.id, access, key=EC, alg="ES384"))
        assert ((await program.post("/oauth/token", data=again)).status_code, asked) == (200, ["/jwks"]), "it is kept"
        unknown = signed(assertion(made.id, access, key=UNKNOWN))
        assert ((await program.post("/oauth/token", data=unknown)).status_code, asked) == (401, ["/jwks"]), (
            "nor asked for each unknown kid"
        )
        for path in ("/big", "/none", "/html", "/elsewhere"):
            other = await registered(access, metadata(jwks=None, jwks_uri=f"{address}{path}"))
            assert (
                await program.post("/oauth/token", data=signed(assertion(other.id, access, key=EC, alg="ES384")))
            ).status_code == 401
        assert asked.count("/jwks") == 1, "redirects are not followed"
