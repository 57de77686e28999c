"""Our side of sign-in at a provider: the authorisation-code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636), and the request that the
provider pushes to a telephone (Client-Initiated Backchannel Authentication 1.0, CIBA, in its poll mode).

Pro Santé Connect publishes its discovery under `.well-known/wallet-openid-configuration`, with an authorisation endpoint on
another host than its issuer: endpoints are read from there, and the issuer it names must be the one that was configured.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc.jwk import KeySet

from maillage.clock import Clock
from maillage.connectors.psc.tokens import Expected, SignInRefused, UnknownKey, proven_claims, signed_claims
from maillage.connectors.transport import is_private
from maillage.errors import Unavailable

PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider as the operator configured it. `acr` is asked for and must come back; None leaves it free.

    `sign_out_state`: the provider's sign-out wants a state, as FranceConnect's does.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str
    scope: str = "openid"
    acr: str | None = None
    discovery: str = ""
    sign_out_state: bool = False

    @property
    def discovery_url(self) -> str:
        """Where the provider says its endpoints."""
        return self.discovery or f"{self.issuer}/.well-known/openid-configuration"


PSC_SCOPE = "openid scope_all"
CIBA = "urn:openid:params:grant-type:ciba"
USUAL_INTERVAL = 5  # seconds between polls where the provider does not say (CIBA Core 1.0 §7.3)
PSC_ACR = "eidas1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in on its way: what must be kept on our side until the answer comes back."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Self:
        """Fresh secrets of 256 bits."""
        return cls(state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A proven sign-in: the userinfo claims, the ID token that asks for the sign-out later, and what that token says of the proof."""

    claims: dict[str, Any]
    id_token: str
    proof: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A sign-in that waits on somebody's telephone: `request` asks after it, no sooner than every `interval` seconds, for `life` seconds."""

    request: str
    interval: int
    life: int


class TooSoon(Exception):
    """The provider was asked after a push sooner than it wants (`slow_down`): five seconds more between two polls from now on."""


class RelyingParty:
    """One provider's client. Its discovery and keys are fetched at the first use and kept.

    Raises Unavailable when the provider does not answer, SignInRefused when what it answers does not hold.
    """

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False)
        self._endpoints: dict[str, str] | None = None
        self._keys: KeySet | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._http.aclose()

    async def authorize_url(self, attempt: Attempt, *, redirect_uri: str, login_hint: str = "", anew: bool = False) -> str:
        """Where to send the browser. `anew`: the provider is to ask the person, even one it knows (OpenID Connect Core §3.1.2.1)."""
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.provider.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        if self.provider.acr:
            asked["acr_values"] = self.provider.acr
        if anew:
            asked |= {"prompt": "login", "max_age": "0"}
        if login_hint:
            asked["login_hint"] = login_hint
        return f"{(await self._discovered())['authorization_endpoint']}?{urlencode(asked)}"

    async def push(self, *, person: str, binding: str) -> Push:
        """Ask the provider to ask a person on their telephone. `person` is its hint of who, `binding` what both screens show."""
        endpoint = (await self._discovered()).get("backchannel_authentication_endpoint")
        if not endpoint:
            raise SignInRefused(f"{self.provider.name} asks nobody on their telephone.", reason="telephone")
        form = {**self._credentials(), "scope": self.provider.scope, "login_hint": person, "binding_message": binding}
        if self.provider.acr:
            form["acr_values"] = self.provider.acr
        answer = await self._json("POST", endpoint, data=form)
        request, life, interval = answer.get("auth_req_id"), answer.get("expires_in"), answer.get("interval", USUAL_INTERVAL)
        if not isinstance(request, str) or not isinstance(life, int) or not isinstance(interval, int):
            raise SignInRefused("The provider's answer to a push lacks auth_req_id or expires_in.")
        return Push(request=request, interval=max(interval, 1), life=life)

    async def pushed(self, request: str) -> SignedIn | None:
        """Who said yes on their telephone; None while they have not answered. TooSoon, SignInRefused (reason by the error) otherwise."""
        form = {**self._credentials(), "grant_type": CIBA, "auth_req_id": request}
        response = await self._asked("POST", (await self._discovered())["token_endpoint"], data=form)
        error = _error_of(response)
        if error == "authorization_pending":
            return None
        if error == "slow_down":
            raise TooSoon
        if error in _PUSH_ENDED:
            raise SignInRefused(f"The provider ends the push ({error}).", reason=_PUSH_ENDED[error])
        return await self._signed_in(_tokens(_object(response)), nonce=None)

    async def complete(self, attempt: Attempt, *, code: str, redirect_uri: str) -> SignedIn:
        """Exchange the code, check the ID token, and read the claims of whoever signed in."""
        return await self._signed_in(await self._exchange(attempt, code, redirect_uri), nonce=attempt.nonce)

    async def _signed_in(self, tokens: Mapping[str, str], *, nonce: str | None) -> SignedIn:
        id_token = tokens["id_token"]
        proven = await self._proven(id_token, nonce)
        claims = await self._userinfo(tokens["access_token"])
        if claims.get("sub") != proven["sub"]:
            raise SignInRefused("The userinfo answer is about someone else than the ID token.")
        return SignedIn(claims=claims, id_token=id_token, proof=proven)

    async def sign_out_url(self, id_token: str, *, return_to: str) -> str | None:
        """Where to send the browser to end the provider's own session (RP-initiated logout), None when it has no such door."""
        endpoint = (await self._discovered()).get("end_session_endpoint")
        if not endpoint:
            return None
        asked = {"id_token_hint": id_token, "post_logout_redirect_uri": return_to, "client_id": self.provider.client_id}
        if self.provider.sign_out_state:
            asked["state"] = secrets.token_urlsafe(16)
        return f"{endpoint}?{urlencode(asked)}"

    async def _exchange(self, attempt: Attempt, code: str, redirect_uri: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
            **self._credentials(),
        }
        return _tokens(await self._json("POST", (await self._discovered())["token_endpoint"], data=form))

    def _credentials(self) -> dict[str, str]:
        return {"client_id": self.provider.client_id, "client_secret": self.provider.client_secret}

    async def _userinfo(self, access_token: str) -> dict[str, Any]:
        """Plain JSON, or signed (OpenID Connect Core §5.3.2), as FranceConnect answers: then for us, by the provider's key."""
        headers = {"Authorization": f"Bearer {access_token}"}
        response = await self._asked("GET", (await self._discovered())["userinfo_endpoint"], headers=headers)
        if not response.headers.get("content-type", "").startswith("application/jwt"):
            return _object(response)
        return signed_claims(response.text, await self._key_set(), issuer=self.provider.issuer, client_id=self.provider.client_id)

    async def _proven(self, id_token: str, nonce: str | None) -> dict[str, Any]:
        provider = self.provider
        now = self._clock.now().timestamp()
        expected = Expected(issuer=provider.issuer, client_id=provider.client_id, nonce=nonce, acr=provider.acr, now=now)
        try:
            return proven_claims(id_token, await self._key_set(), expected)
        except UnknownKey:
            self._keys = None  # the provider may have changed its keys since they were fetched
            return proven_claims(id_token, await self._key_set(), expected)

    async def _discovered(self) -> dict[str, str]:
        if self._endpoints is None:
            found = await self._json("GET", self.provider.discovery_url)
            if found.get("issuer") != self.provider.issuer:
                raise SignInRefused(f"The discovery of {self.provider.name} names another issuer than the one configured.")
            needed = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
            if any(not isinstance(found.get(name), str) for name in needed):
                raise SignInRefused(f"The discovery of {self.provider.name} lacks an endpoint.")
            if plain := sorted(name for name in _SPOKEN_TO & found.keys() if not is_private(str(found[name]))):
                raise SignInRefused(f"The discovery of {self.provider.name} names addresses without TLS: {', '.join(plain)}.")
            self._endpoints = {name: value for name, value in found.items() if isinstance(value, str)}
        return self._endpoints

    async def _key_set(self) -> KeySet:
        if self._keys is None:
            answer = await self._json("GET", (await self._discovered())["jwks_uri"])
            signing = [key for key in answer.get("keys", []) if key.get("use", "sig") == "sig"]
            self._keys = KeySet.import_key_set({"keys": signing})
        return self._keys

    async def _json(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        return _object(await self._asked(method, url, **options))

    async def _asked(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, url, **options)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.provider.name} does not answer ({type(error).__name__}).") from error
        if response.status_code >= 500:
            raise Unavailable(f"{self.provider.name} answers {response.status_code}.")
        return response


_SPOKEN_TO = {
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint", "backchannel_authentication_endpoint",
}  # fmt: skip


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError as error:
        raise SignInRefused("The provider's answer is not JSON.") from error
    if response.status_code != 200 or not isinstance(answer, Mapping):
        reason = answer.get("error") if isinstance(answer, Mapping) else None
        raise SignInRefused(f"The provider refuses ({response.status_code} {reason}).")
    return dict(answer)


_PUSH_ENDED = {"access_denied": "consentement", "expired_token": "telephone", "transaction_failed": "telephone"}
"""Our word for the errors that end a push (CIBA Core 1.0 §11)."""


def _error_of(response: httpx.Response) -> str | None:
    if response.status_code == 200:
        return None
    try:
        answer = response.json()
    except ValueError:
        return None
    return str(answer.get("error")) if isinstance(answer, Mapping) else None


def _tokens(answer: Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(answer.get("id_token"), str) or not isinstance(answer.get("access_token"), str):
        raise SignInRefused("The provider's answer has no ID token.")
    return {"id_token": answer["id_token"], "access_token": answer["access_token"]}


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def origin(url: str) -> str:
    """The scheme, host and port of an address, as a browser compares them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
