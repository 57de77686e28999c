"""What the emulator remembers: its clients and personas, the codes and tokens it gave, its signing key. All in memory."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from maillage.clock import Clock

CODE_LIFE = timedelta(seconds=60)
TOKEN_LIFE = timedelta(minutes=2)
PUSH_LIFE = timedelta(minutes=2)
PUSH_INTERVAL = 5  # seconds
CIBA = "urn:openid:params:grant-type:ciba"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Persona(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone to sign in as. `card` says which client offers them; `claims` is their userinfo, word for word.

    `amr` is by what they prove who they are (RFC 8176), as their ID tokens say. `error` is what the realm answers instead of a code, as for a card
    that has expired; `skew` by how many seconds the realm's clock is wrong when it signs for them.
    """

    id: str
    name: str
    title: str
    card: bool
    claims: dict[str, Any]
    amr: list[str] = []
    error: str = ""
    skew: int = 0


def personas_from(text: bytes) -> list[Persona]:
    """The personas of a JSON array. Raises msgspec.ValidationError, naming the place, when it is not one."""
    return msgspec.json.decode(text, type=list[Persona])


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered relying party. Without a list of redirect addresses, any address of this machine will do."""

    id: str
    secret: str
    card: bool
    redirect_uris: frozenset[str] = frozenset()
    signed_userinfo: bool = False

    def may_return_to(self, address: str) -> bool:
        """Whether the browser may be sent there with a code."""
        return address in self.redirect_uris if self.redirect_uris else urlsplit(address).hostname in LOOPBACK

    def may_leave_to(self, address: str) -> bool:
        """Whether the browser may be sent there after a sign-out: an address of a registered site, whatever its path."""
        sites = {urlsplit(known)[:2] for known in self.redirect_uris}
        return urlsplit(address)[:2] in sites if sites else self.may_return_to(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An authorisation request that was accepted."""

    client: Client
    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    acr: str | None


@dataclass(slots=True)
class _Code:
    asked: Asked
    persona: Persona
    expires: float
    token: str | None = None


@dataclass(slots=True)
class _Token:
    client: Client
    persona: Persona
    expires: float


@dataclass(slots=True)
class Pushed:
    """A question on somebody's telephone (CIBA): `answer` is None until they say yes or no."""

    asked: Asked
    persona: Persona
    binding: str
    expires: float
    polled: float = 0.0
    answer: bool | None = None


class Refused(Exception):
    """An OAuth 2.0 error (RFC 6749 §4.1.2.1, §5.2): `error` is its code."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass
class Realm:
    """One issuer, with its clients and personas."""

    issuer: str
    clients: Mapping[str, Client]
    personas: Mapping[str, Persona]
    clock: Clock
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True))
    _codes: dict[str, _Code] = field(default_factory=dict)
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _pushed: dict[str, Pushed] = field(default_factory=dict)

    def offered(self, client: Client) -> list[Persona]:
        """The personas that this client signs in."""
        return [persona for persona in self.personas.values() if persona.card == client.card]

    def ask(self, query: Mapping[str, str]) -> Asked:
        """Check an authorisation request; raises Refused."""
        client = self.clients.get(query.get("client_id", ""))
        if client is None:
            raise Refused("unauthorized_client", "client_id is not registered")
        if not client.may_return_to(query.get("redirect_uri", "")):
            raise Refused("invalid_request", "redirect_uri is not registered")
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            raise Refused("invalid_request", "response_type=code and scope=openid are needed")
        missing = [name for name in ("state", "nonce", "code_challenge") if not query.get(name)]
        if missing or query.get("code_challenge_method") != "S256":
            raise Refused("invalid_request", f"missing: {', '.join(missing) or 'code_challenge_method=S256'}")
        acr = query.get("acr_values")
        if client.card and acr != "eidas1":
            raise Refused("invalid_request", "acr_values=eidas1 is needed")
        return Asked(
            client=client,
            redirect_uri=query["redirect_uri"],
            state=query["state"],
            nonce=query["nonce"],
            challenge=query["code_challenge"],
            acr=acr,
        )

    def grant(self, asked: Asked, persona_id: str) -> str:
        """A code for this persona; raises Refused for one whom the client does not sign in."""
        persona = self.personas.get(persona_id)
        if persona is None or persona.card != asked.client.card:
            raise Refused("access_denied", "nobody by that name signs in here")
        if persona.error:
            raise Refused(persona.error, "this person cannot sign in")
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(asked, persona, self._now() + CODE_LIFE.total_seconds())
        return code

    def push(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """Ask a person on their telephone (CIBA Core 1.0 §7). Raises Refused."""
        if "openid" not in form.get("scope", "").split() or (client.card and form.get("acr_values") != "eidas1"):
            raise Refused("invalid_request", "scope=openid and acr_values=eidas1 are needed")
        hint, binding = form.get("login_hint", ""), form.get("binding_message", "")
        found = [one for one in self.offered(client) if hint and hint == one.claims.get("SubjectNameID")]
        if not found:
            raise Refused("unknown_user_id", "nobody has this national identifier")
        if not (binding.isdigit() and len(binding) == 2):
            raise Refused("invalid_binding_message", "two digits are needed")
        asked = Asked(client=client, redirect_uri="", state="", nonce="", challenge="", acr=form.get("acr_values"))
        request = secrets.token_urlsafe(32)
        self._pushed[request] = Pushed(asked, found[0], binding, self._now() + PUSH_LIFE.total_seconds())
        return {"auth_req_id": request, "expires_in": int(PUSH_LIFE.total_seconds()), "interval": PUSH_INTERVAL}

    def waiting(self) -> dict[str, Pushed]:
        """The questions that nobody has answered, by their request."""
        return {name: one for name, one in self._pushed.items() if one.answer is None and one.expires >= self._now()}

    def answer(self, request: str, *, yes: bool) -> None:
        """Somebody answers on their telephone; a question that has gone is left alone."""
        if request in self.waiting():
            self._pushed[request].answer = yes

    def exchange(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """Tokens for a code or for a question answered by yes, once; a code shown again ends the tokens it gave. Raises Refused."""
        if form.get("grant_type") == CIBA:
            return self._exchange_push(client, form.get("auth_req_id", ""))
        code = self._codes.get(form.get("code", ""))
        if form.get("grant_type") != "authorization_code" or code is None or code.asked.client is not client:
            raise Refused("invalid_grant", "the code is unknown")
        if code.token is not None:
            self._tokens.pop(code.token, None)
            raise Refused("invalid_grant", "the code was already used")
        if code.expires < self._now() or form.get("redirect_uri") != code.asked.redirect_uri:
            raise Refused("invalid_grant", "the code has expired, or belongs to another address")
        if not hmac.compare_digest(_challenge(form.get("code_verifier", "")), code.asked.challenge):
            raise Refused("invalid_grant", "code_verifier does not match")
        code.token, answer = self._issue(code.asked, code.persona)
        return answer

    def _exchange_push(self, client: Client, request: str) -> dict[str, Any]:
        """CIBA Core 1.0 §10 and §11, in poll mode."""
        pushed = self._pushed.get(request)
        if pushed is None or pushed.asked.client is not client:
            raise Refused("invalid_grant", "auth_req_id is unknown")
        too_soon, pushed.polled = self._now() < pushed.polled + PUSH_INTERVAL, self._now()
        if pushed.expires < self._now():
            raise Refused("expired_token", "nobody answered in time")
        if pushed.answer is None:
            raise Refused("slow_down" if too_soon else "authorization_pending", "nobody has answered yet")
        del self._pushed[request]
        if not pushed.answer or pushed.persona.error:
            raise Refused("access_denied", "the person refused")
        return self._issue(pushed.asked, pushed.persona)[1]

    def _issue(self, asked: Asked, persona: Persona) -> tuple[str, dict[str, Any]]:
        token = secrets.token_urlsafe(32)
        self._tokens[token] = _Token(asked.client, persona, self._now() + TOKEN_LIFE.total_seconds())
        return token, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "id_token": self.id_token(asked, persona),
            "scope": "openid",
        }

    def id_token(self, asked: Asked, persona: Persona) -> str:
        """The signed ID token of a sign-in."""
        now = int(self._now()) + persona.skew
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": persona.claims["sub"],
            "aud": asked.client.id,
            "azp": asked.client.id,
            "iat": now,
            "auth_time": now,
            "exp": now + int(TOKEN_LIFE.total_seconds()),
            "typ": "ID",
            "preferred_username": persona.claims.get("preferred_username", persona.id),
        }
        if asked.nonce:
            claims["nonce"] = asked.nonce
        if asked.acr:
            claims["acr"] = asked.acr
        if persona.amr:
            claims["amr"] = persona.amr
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def userinfo(self, token: str) -> dict[str, Any] | None:
        """The claims behind an access token that still counts, else None."""
        found = self._tokens.get(token)
        return found.persona.claims if found and found.expires >= self._now() else None

    def signed(self, token: str, claims: dict[str, Any]) -> str | None:
        """The userinfo answer as a signed token (OpenID Connect Core §5.3.2), None for a client that asked for plain JSON."""
        found = self._tokens.get(token)
        if found is None or not found.client.signed_userinfo:
            return None
        said = {**claims, "iss": self.issuer, "aud": found.client.id}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, said, self.key)

    def introspect(self, token: str) -> dict[str, Any]:
        """RFC 7662."""
        found = self._tokens.get(token)
        if found is None or found.expires < self._now():
            return {"active": False}
        return {
            "active": True,
            "client_id": found.client.id,
            "sub": found.persona.claims["sub"],
            "exp": int(found.expires),
            "iss": self.issuer,
            "token_type": "Bearer",
        }

    def sign_out(self, id_token_hint: str) -> Client | None:
        """End the tokens of the person this ID token is about; answers its client, None for a token that is not ours."""
        try:
            claims = jwt.decode(id_token_hint, self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        about = [token for token, found in self._tokens.items() if found.persona.claims["sub"] == claims["sub"]]
        for token in about:
            del self._tokens[token]
        return self.clients.get(claims["aud"])

    def client_of(self, client_id: str, secret: str) -> Client | None:
        """The client that proves itself by its secret."""
        client = self.clients.get(client_id)
        return client if client and hmac.compare_digest(client.secret.encode(), secret.encode()) else None

    def _now(self) -> float:
        return self.clock.now().timestamp()


def realm_of(issuer: str, clients: Iterable[Client], personas: Iterable[Persona], clock: Clock) -> Realm:
    """A realm from lists."""
    return Realm(issuer, {client.id: client for client in clients}, {persona.id: persona for persona in personas}, clock)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
