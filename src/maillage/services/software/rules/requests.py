"""What an application asks for at the authorization endpoint: RFC 6749 §4.1.1, RFC 7636, SMART App Launch 2.2 §2.0.6. Pure."""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from maillage.services.software.rules.refusals import Refused, Untrusted

CODE_LIFE = timedelta(seconds=60)
LAUNCH_LIFE = timedelta(minutes=5)
TOKEN_LIFE = timedelta(minutes=30)
BACKEND_LIFE = timedelta(minutes=5)
ID_TOKEN_LIFE = timedelta(minutes=10)
SESSION_BOUND = timedelta(hours=24)
"""A delegation that is of a session has the end of that; no session is longer than this."""
AWAY = timedelta(days=90)
"""How long an application acts for somebody who is away, before they are asked again."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that names a software and an address of its own."""

    client: str
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    challenge: str
    launch: str
    nonce: str
    patient: str
    """The person that was picked on our page, by id; empty before."""


def addressed(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The parameters, each once. Untrusted where one comes twice: whoever reads the first and whoever reads the last must agree."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found or len(value) > LONGEST:
            raise Untrusted(
                "invalid_request", f"{name[:40]} comes twice or is too long", french="Un paramètre est répété ou trop long."
            )
        found[name] = value
    return found


def asked(found: dict[str, str], *, bases: Collection[str]) -> Asked:
    """What is asked, of a software and a redirect_uri that were checked. Refused with the code that the application is told."""
    if found.get("response_type") != "code":
        raise Refused("unsupported_response_type", "response_type is code")
    if not found.get("state"):
        raise Refused("invalid_request", "state is needed")
    if found.get("aud", "").rstrip("/") not in bases:
        raise Refused("invalid_request", "aud is not the FHIR address of this platform")
    if found.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(found.get("code_challenge", "")):
        raise Refused("invalid_request", "PKCE with S256 is needed (RFC 7636)")
    if found.get("prompt") == "none":
        raise Refused("interaction_required", "people are asked each time")
    if found.get("request") or found.get("request_uri"):
        raise Refused("request_not_supported", "parameters go in the query")
    return Asked(
        client=found["client_id"], redirect_uri=found["redirect_uri"], state=found["state"], scopes=tuple(found.get("scope", "").split()),
        challenge=found["code_challenge"], launch=found.get("launch", ""), nonce=found.get("nonce", ""), patient=found.get("patient", ""),
    )  # fmt: skip


def proves(verifier: str, challenge: str) -> bool:
    """Whether this is the verifier of a challenge (RFC 7636 §4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    said = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(said, challenge)


def with_parameters(uri: str, parameters: dict[str, str]) -> str:
    """An address with these added to what its query holds."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(parameters)]))))


def form_target(uri: str) -> str:
    """What a content security policy calls the place of an address: its origin, or the scheme of an application."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
