"""Checks of an ID token, in the order of OpenID Connect Core 1.0 §3.1.3.7. Pure: keys and time are handed in."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from maillage.errors import Unauthenticated

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
CLOCK_SKEW = 60
OLDEST_ISSUE = 600


class SignInRefused(Unauthenticated):
    """The identity provider's answer does not prove who signs in. The message says which check failed, never a value.

    `reason` is a word of ours for what the person can do about it, empty where that is to start again.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class UnknownKey(SignInRefused):
    """The token is signed with a key that the key set in hand does not hold: fetch it anew, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an ID token must say. `acr` None accepts any level; `now` is seconds since 1970, UTC.

    `nonce` is None where no browser was sent away with one: the token was then asked for by ourselves (CIBA Core 1.0 §10.1).
    """

    issuer: str
    client_id: str
    nonce: str | None
    acr: str | None
    now: float


TYPES = frozenset({None, "jwt", "application/jwt"})
"""What the header's `typ` of an ID token or of a signed userinfo says, where it says anything (RFC 7519 §5.1): access tokens (`at+jwt`), sign-out tokens
(`logout+jwt`) and proofs of a software say another one (RFC 8725 §3.11)."""
ID_TYPES = frozenset({None, "ID"})
"""Keycloak, which Pro Santé Connect runs on, says it in a claim too: « Bearer », « Refresh » and « Logout » are the others."""


def proven_claims(token: str, keys: KeySet, expected: Expected) -> dict[str, Any]:
    """The claims of an ID token whose signature and content hold; raises SignInRefused otherwise."""
    try:
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    except InvalidKeyIdError as error:
        raise UnknownKey("The ID token is signed with an unknown key.") from error
    except (JoseError, ValueError) as error:
        raise SignInRefused(f"The ID token's signature does not hold ({type(error).__name__}).") from error
    if _typ(decoded.header) not in TYPES or decoded.claims.get("typ") not in ID_TYPES:
        raise SignInRefused("The ID token is refused: typ.")
    refuse_misfit(decoded.claims, expected)
    return dict(decoded.claims)


def signed_claims(token: str, keys: KeySet, *, issuer: str, client_id: str) -> dict[str, Any]:
    """The claims of a signed userinfo answer; SignInRefused when its signature, issuer or audience does not hold."""
    try:
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError) as error:
        raise SignInRefused(f"The userinfo's signature does not hold ({type(error).__name__}).") from error
    claims = decoded.claims
    if _typ(decoded.header) not in TYPES or claims.get("typ") is not None:
        raise SignInRefused("The userinfo is refused: typ.")
    if claims.get("iss") != issuer or not _meant_for({"aud": claims.get("aud")}, client_id):
        raise SignInRefused("The userinfo is refused: iss or aud.")
    return dict(claims)


def refuse_misfit(claims: Mapping[str, Any], expected: Expected) -> None:
    """Raise SignInRefused, naming the claim, when one is not as expected."""
    checks = {
        "iss": claims.get("iss") == expected.issuer,
        "aud": _meant_for(claims, expected.client_id),
        "exp": _number(claims, "exp") > expected.now - CLOCK_SKEW,
        "iat": expected.now - OLDEST_ISSUE < _number(claims, "iat") <= expected.now + CLOCK_SKEW,
        "nonce": expected.nonce is None or hmac.compare_digest(str(claims.get("nonce", "")).encode(), expected.nonce.encode()),
        "acr": expected.acr is None or claims.get("acr") == expected.acr,
        "sub": bool(claims.get("sub")),
    }
    failed = [name for name, holds in checks.items() if not holds]
    if failed:
        reason = "horloge" if set(failed) <= {"exp", "iat"} else ""
        raise SignInRefused(f"The ID token is refused: {', '.join(failed)}.", reason=reason)


def _meant_for(claims: Mapping[str, Any], client_id: str) -> bool:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    alone = len(audiences) == 1 and "azp" not in claims
    return client_id in audiences and (alone or claims.get("azp") == client_id)


def _typ(header: Mapping[str, Any]) -> str | None:
    kind = header.get("typ")
    return None if kind is None else str(kind).lower()


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
