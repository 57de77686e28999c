"""A software that signs who it is (SMART App Launch 2.2 §4.2, RFC 7523). The library of signatures is read when the first is shown."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from maillage.connectors.outgoing import Unreachable
from maillage.services.software.rules.refusals import UnknownClient
from maillage.services.software.rules.registration import weak
from maillage.services.software.service.keys import Key, Keys
from maillage.services.software.service.registry import Software

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = {"RS384": "RSA", "ES384": "EC"}
LONGEST = 8_000
MOST_AHEAD = 300  # seconds that an assertion lasts at most
LAST_SECOND = 2**53
SKEW = 10  # seconds that clocks may differ


@dataclass(frozen=True, slots=True)
class Proven:
    """A signature that holds: until when (seconds since 1970), and the name under which it counts once."""

    jti: str
    expires: float


def claimed(assertion: str) -> str:
    """The client that an assertion says it is of, before anything is proved."""
    return str(_part(assertion, 1).get("iss", ""))


async def proven(assertion: str, software: Software, keys: Keys, *, audiences: frozenset[str], now: float) -> Proven:
    """What holds of an assertion of this software, but for whether it was shown before. Raises UnknownClient, which names no value."""
    header = _part(assertion, 0)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise UnknownClient("The assertion is signed with RS384 or ES384.")
    if not isinstance(kid, str) or "crit" in header:
        raise UnknownClient("The assertion names its key by kid, and has no crit.")
    if header.get("jku", software.jwks_uri) != software.jwks_uri:
        raise UnknownClient("The assertion's jku is not the registered address.")
    try:
        candidates = await keys.of(software, kid)
    except Unreachable as fault:
        raise UnknownClient(f"The keys could not be read: {fault.message}.") from fault
    fitting = [one for one in candidates if one.get("kty") == ALGORITHMS[algorithm] and not weak(one)]
    claims = next((found for one in fitting if (found := _verified(assertion, one, algorithm)) is not None), None)
    if claims is None:
        raise UnknownClient("The assertion is not signed by a key of this client.")
    return _held(claims, software.id, audiences, now)


def _verified(assertion: str, key: Key, algorithm: str) -> Mapping[str, Any] | None:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    try:
        imported = (RSAKey if algorithm == "RS384" else ECKey).import_key({**key})
        return dict(jwt.decode(assertion, imported, algorithms=[algorithm]).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _held(claims: Mapping[str, Any], client: str, audiences: frozenset[str], now: float) -> Proven:
    audience = claims.get("aud")
    named = set(audience) if isinstance(audience, list) and all(isinstance(one, str) for one in audience) else {audience}
    expires, jti = _number(claims.get("exp")), claims.get("jti")
    checks = {
        "iss": claims.get("iss") == client,
        "sub": claims.get("sub") == client,
        "aud": bool(named & audiences),
        "exp": now < expires <= now + MOST_AHEAD + SKEW,
        "nbf": _number(claims.get("nbf", 0)) <= now + SKEW,
        "iat": _number(claims.get("iat", 0)) <= now + SKEW,
        "jti": isinstance(jti, str) and 0 < len(jti) <= 500,
    }
    if failed := [name for name, holds in checks.items() if not holds]:
        raise UnknownClient(f"The assertion is refused: {', '.join(failed)}.")
    return Proven(str(jti), expires)


def _number(value: object) -> float:
    """Seconds since 1970; what is no such number, or no second of any calendar, is beyond them."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LAST_SECOND
    return float(value) if number and isinstance(value, int | float) else float("inf")


def _part(assertion: str, place: int) -> Mapping[str, Any]:
    """One of the first two parts of a JWS, unproved."""
    parts = assertion.split(".") if len(assertion) <= LONGEST else []
    try:
        text = base64.b64decode(parts[place] + "=" * (-len(parts[place]) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(text)
    except (IndexError, ValueError, msgspec.DecodeError):
        found = None
    if len(parts) != 3 or not isinstance(found, dict):
        raise UnknownClient("The assertion is no signed JWT.")
    return found
