"""A push service on a real socket (RFC 8030), which holds senders to their key (RFC 8292), and reads what it is given as the browser would (RFC 8291)."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maillage.clock import Clock
from maillage.connectors.listening import free_port, served
from maillage.connectors.push.encryption import derived, from_text, point, to_text

MOST_CLAIMED = 24 * 3600
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a browser was given: its words, and the headers of the push."""

    words: bytes
    headers: Mapping[str, str]


@dataclass
class Browser:
    """One subscription, with the keys that only the browser has."""

    key: EllipticCurvePrivateKey
    auth: bytes
    sender: str
    delivered: list[Delivered] = field(default_factory=list)


class PushService:
    """Subscribes browsers and takes pushes for them. `answers` is the status that it answers from now on; None: as it should."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._browsers: dict[str, Browser] = {}
        self.answers: int | None = None
        self.address = ""

    def subscribe(self, sender: str) -> dict[str, object]:
        """A new browser that takes pushes of this key: what its script would send (`PushSubscription.toJSON`)."""
        name = secrets.token_urlsafe(16)
        browser = self._browsers[name] = Browser(generate_private_key(SECP256R1()), secrets.token_bytes(16), sender)
        keys = {"p256dh": to_text(point(browser.key.public_key())), "auth": to_text(browser.auth)}
        return {"endpoint": f"{self.address}/push/{name}", "expirationTime": None, "keys": keys}

    def unsubscribe(self, endpoint: str) -> None:
        """The person took the permission back."""
        del self._browsers[endpoint.rpartition("/")[2]]

    def delivered(self, endpoint: str) -> list[Delivered]:
        """What a browser was given, oldest first."""
        return self._browsers[endpoint.rpartition("/")[2]].delivered

    async def take(self, request: Request) -> Response:
        """POST /push/{name}."""
        if self.answers is not None:
            return Response(status_code=self.answers)
        browser = self._browsers.get(str(request.path_params["name"]))
        if browser is None:
            return Response(status_code=410)
        if not self._is_known(request, browser):
            return Response(status_code=403)
        if request.headers.get("content-encoding") != "aes128gcm" or not request.headers.get("ttl", "").isdecimal():
            return Response(status_code=400)
        try:
            words = _read(await request.body(), browser)
        except (InvalidTag, ValueError):
            return Response(status_code=400)
        browser.delivered.append(Delivered(words, dict(request.headers)))
        return Response(status_code=201)

    def _is_known(self, request: Request, browser: Browser) -> bool:
        """Whether the sender signs with the key that the browser subscribed to, for this service, and not for longer than a day."""
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        parts = dict(one.strip().split("=", 1) for one in said.split(",") if "=" in one)
        if scheme.lower() != "vapid" or parts.get("k") != browser.sender:
            return False
        public = from_text(parts["k"])
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": to_text(public[1:33]), "y": to_text(public[33:])})
        try:
            claims = jwt.decode(parts.get("t", ""), key, algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            return False
        left = int(claims.get("exp", 0)) - self._clock.now().timestamp()
        return (
            claims.get("aud") == self.address
            and 0 < left <= MOST_CLAIMED
            and str(claims.get("sub", "")).startswith(("https:", "mailto:"))
        )


def _read(body: bytes, browser: Browser) -> bytes:
    """The words of a body of one record."""
    salt, sender = body[:16], body[21 : 21 + body[20]]
    shared = browser.key.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), sender))
    key, nonce = derived(shared, auth=browser.auth, salt=salt, browser=point(browser.key.public_key()), sender=sender)
    return AESGCM(key).decrypt(nonce, body[21 + body[20] :], None).rstrip(b"\0").removesuffix(b"\x02")


@asynccontextmanager
async def emulated_push(clock: Clock) -> AsyncIterator[PushService]:
    """A push service that answers while the block lasts."""
    service = PushService(clock)
    app = Starlette(routes=[Route("/push/{name}", service.take, methods=["POST"])])
    async with served(app, host=HOST, port=free_port(HOST)) as address:
        service.address = address
        yield service
