"""The client of push services (RFC 8030), which knows us by our key (VAPID, RFC 8292). They are those that the operator names, and no other address."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from maillage.clock import Clock
from maillage.config import Config, secret_text
from maillage.connectors.outgoing import Networks, Outgoing, Unreachable
from maillage.connectors.push.encryption import encrypted, from_text, is_point, to_text
from maillage.errors import Invalid, MaillageError, SetupError, Unavailable

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

KEPT = timedelta(days=1)
"""How long a push service keeps what it cannot deliver: what is older is read on the pages."""
CLAIMED = timedelta(hours=12)
TOPIC = "maillage"
"""Of several that wait for a device, the last alone is delivered (RFC 8030 §5.4)."""
LONGEST_ADDRESS = 2_000
GONE, REFUSED, LATER = (404, 410), (400, 401, 403, 413), 429


class Unsubscribed(MaillageError):
    """A push service knows a subscription no more, or not as ours: it is to be forgotten."""

    status = 410
    code = "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a browser gives: the address of its push service, its public key (65 bytes), its secret (16 bytes)."""

    endpoint: str
    browser: bytes
    auth: bytes


class PushKey:
    """Our key: a private key in PEM, EC on P-256. Read when it is first used; SetupError for one that does not serve."""

    def __init__(self, pem: str) -> None:
        self._pem = pem

    @cached_property
    def _key(self) -> "ECKey":
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey

        try:
            key = ECKey.import_key(self._pem)
        except (JoseError, ValueError, TypeError) as fault:
            raise SetupError("MAILLAGE_PUSH_KEY: a private key in PEM is expected, EC on P-256") from fault
        if not key.is_private or key.curve_name != "P-256":
            raise SetupError("MAILLAGE_PUSH_KEY: a private key in PEM is expected, EC on P-256")
        return key

    @property
    def public(self) -> str:
        """What browsers subscribe with (`applicationServerKey`)."""
        said = self._key.as_dict(private=False)
        return to_text(b"\x04" + from_text(str(said["x"])) + from_text(str(said["y"])))

    def authorization(self, *, audience: str, subject: str, expires: int) -> str:
        """The header by which a push service knows us (RFC 8292 §3)."""
        from joserfc import jwt

        claims = {"aud": audience, "exp": expires, "sub": subject}
        token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, self._key, algorithms=["ES256"])
        return f"vapid t={token}, k={self.public}"


class Pusher:
    """Sends to the push services of `services` ("fcm.example", "*.push.example"); `subject` says who we are (https: or mailto:).

    `networks` are our own that may be asked all the same: of tests.
    """

    def __init__(self, *, key: PushKey, services: str, subject: str, clock: Clock, networks: Networks = ()) -> None:
        self.key = key
        self._services = [one.strip().lower() for one in services.split(",") if one.strip()]
        self._subject, self._clock = subject, clock
        self._networks, self._outgoing = networks, Outgoing(allowed=networks)

    def check(self, subscription: Subscription) -> None:
        """Invalid for what no browser gives, or the address of a service that the operator did not name."""
        if len(subscription.auth) != 16 or not is_point(subscription.browser):
            raise Invalid("A subscription has a public key on P-256 and a secret of 16 bytes.")
        if len(subscription.endpoint) > LONGEST_ADDRESS or not self._is_known(subscription.endpoint):
            raise Invalid("This push service is none of those that are allowed (MAILLAGE_PUSH_SERVICES).")

    def _is_known(self, endpoint: str) -> bool:
        try:
            parts = urlsplit(endpoint)
            host = parts.netloc.lower()
        except ValueError:
            return False
        if parts.scheme != "https" and not self._networks:
            return False
        return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in self._services)

    async def send(self, subscription: Subscription, message: bytes, *, urgent: bool = False) -> None:
        """Hands a message to the push service. Unsubscribed when the device wants none any more, Unavailable when it may go well later, Invalid when it never will."""
        self.check(subscription)
        parts = urlsplit(subscription.endpoint)
        expires = int((self._clock.now() + CLAIMED).timestamp())
        headers = {
            "authorization": self.key.authorization(audience=f"{parts.scheme}://{parts.netloc}", subject=self._subject, expires=expires),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(int(KEPT.total_seconds())),
            "urgency": "high" if urgent else "normal",
            "topic": TOPIC,
        }  # fmt: skip
        body = encrypted(message, browser=subscription.browser, auth=subscription.auth)
        try:
            status = await self._outgoing.post(subscription.endpoint, body, headers=headers)
        except Unreachable as error:
            raise Unavailable(f"The push service is not reached ({error.message}).") from error
        if status in GONE:
            raise Unsubscribed(f"The push service answers {status}.")
        if status in REFUSED:
            raise Invalid(f"The push service refuses the message ({status}).")
        if not 200 <= status < 300:
            raise Unavailable(f"The push service asks to come back later ({status}).")


def pusher_of(config: Config, clock: Clock) -> Pusher | None:
    """That of this installation; None where the operator set no key: then pages offer no push."""
    if not config.push_key and not config.push_key_file:
        return None
    subject = config.base_url if config.base_url.startswith("https:") else f"mailto:{config.mail_from}"
    key = _key(config.push_key, config.push_key_file)
    return Pusher(key=key, services=config.push_services, subject=subject, clock=clock)


@cache
def _key(text: str, path: str) -> PushKey:
    return PushKey(secret_text("MAILLAGE_PUSH_KEY", text, path))
