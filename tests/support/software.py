"""Software for tests: registered, with keys, asking for tokens over HTTP at an application in the test's own process."""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.sessions import Device
from maillage.http.fhir import fhir_routes
from maillage.services.software.rules.registration import described
from maillage.services.software.service import registry
from maillage.services.software.service.granting import fault_of
from maillage.services.software.service.registry import REGISTERING, Registered
from tests.support.browser import HERE
from tests.support.people import officer_of

FHIR = SimpleNamespace(routes=fhir_routes())
BASE = f"{HERE}/fhir"
TOKEN = f"{HERE}/oauth/token"
RETURN = "https://app.example/retour"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OPERATOR = officer_of(Role.OPERATOR)
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-384", {"kid": "ec"})
OURS = ECKey.generate_key("P-384")
SETTINGS = {"openid_key": OURS.as_pem(private=True).decode()}


def jwks(*keys: Any) -> dict[str, Any]:
    """The public part of these keys."""
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid} for key in keys or (RSA, EC)]}


def metadata(**more: Any) -> dict[str, Any]:
    """What a software says of itself: one that acts by itself, unless said otherwise."""
    said = {
        "client_name": "Logiciel d’essai", "contacts": ["dev@editeur.example"], "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"], "scope": "system/Patient.rs system/Observation.cruds", "jwks": jwks(),
    }  # fmt: skip
    return {name: value for name, value in (said | more).items() if value is not None}


def application_of_people(**more: Any) -> dict[str, Any]:
    """The metadata of an application that acts for people: public, unless said otherwise."""
    return metadata(**{
        "client_name": "Carnet de tension", "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [RETURN], "initiate_login_uri": "https://app.example/lancer", "jwks": None,
        "scope": "openid fhirUser launch launch/patient offline_access online_access patient/*.rs patient/Observation.cruds user/Patient.rs",
    } | more)  # fmt: skip


async def registered(access: Access, said: Mapping[str, Any], *, by: str | None = None, approved: bool = True) -> Registered:
    """A software in the register."""
    async with access.act(REGISTERING) as ctx:
        made = await registry.register(ctx, described(said, fault_of), by=by, origin=None)
    if approved:
        async with access.act(OPERATOR) as ctx:
            await registry.decide(ctx, made.id, "approved")
    return made


def assertion(
    client: str, access: Access, *, key: Any = RSA, alg: str = "RS384", header: Mapping[str, Any] = {}, **claims: Any
) -> str:
    """A signed assertion of this client, right unless `claims` or `header` say otherwise."""
    now = int(access.clock.now().timestamp())
    said = {"iss": client, "sub": client, "aud": TOKEN, "exp": now + 300, "iat": now, "jti": secrets.token_hex(16)} | claims
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid, "typ": "JWT", **header}, kept, key, algorithms=[alg])


def signed(text: str, **more: str) -> dict[str, str]:
    """The form of client_credentials with this assertion."""
    return {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": ASSERTION,
        "client_assertion": text,
        **more,
    }


def basic(made: Registered) -> dict[str, str]:
    """The header of a software that has a secret."""
    return {"authorization": "Basic " + base64.b64encode(f"{made.id}:{made.secret}".encode()).decode()}


def asking(app: Starlette, *, headers: Any = ()) -> httpx.AsyncClient:
    """A program, or with its headers a browser."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=list(headers))


async def browsing(app: Starlette, access: Access, actor: Actor) -> httpx.AsyncClient:
    """The browser of somebody who signed in."""
    cookie = await access.enter(actor, Device(agent="Firefox", address="", secret="d" * 43), hint="psc")
    return asking(app, headers=[("accept", "text/html"), ("cookie", f"maillage={cookie}")])


@dataclass
class App:
    """An application that asks somebody, as the other end of the standalone launch."""

    client: str
    scope: str = "launch/patient patient/Observation.rs"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def query(self, **more: Any) -> str:
        """The query of the authorization request; None leaves a parameter out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        said = {
            "response_type": "code", "client_id": self.client, "redirect_uri": RETURN, "scope": self.scope, "state": self.state, "aud": BASE,
            "code_challenge": challenge, "code_challenge_method": "S256",
        } | more  # fmt: skip
        return urlencode({name: value for name, value in said.items() if value is not None})

    async def allowed(self, browser: httpx.AsyncClient, *, say: str = "oui", **more: Any) -> dict[str, str]:
        """What the application is told at its address, once the person said yes (or not)."""
        shown = await browser.get(f"/oauth/authorize?{self.query(**more)}")
        assert shown.status_code == 200, (shown.status_code, shown.headers.get("location"), shown.text[-2000:])
        sent = {"csrf": token_in(shown.text), "demande": hidden(shown.text, "demande"), "reponse": say}
        answer = await browser.post("/oauth/authorize", data=sent)
        assert answer.status_code == 303, answer.text[-1500:]
        assert answer.headers["location"].startswith(RETURN)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def exchange(self, code: str, **more: Any) -> dict[str, str]:
        """The form that exchanges a code."""
        said = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": RETURN, "code_verifier": self.verifier, "client_id": self.client,
        } | more  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    async def tokens(self, browser: httpx.AsyncClient, program: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
        """What the token endpoint answers after a yes."""
        told = await self.allowed(browser, **more)
        answer = await program.post("/oauth/token", data=self.exchange(told["code"]))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def token_in(text: str) -> str:
    """The last form's token against forgery."""
    return re.findall(r'name="csrf" value="(\w+)"', text)[-1]


def hidden(text: str, name: str) -> str:
    """The value of a hidden field."""
    import html

    return html.unescape(re.findall(rf'name="{name}" value="([^"]*)"', text)[-1])


MINUTE = timedelta(minutes=1)
