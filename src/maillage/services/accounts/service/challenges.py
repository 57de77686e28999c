"""What an authenticator is asked to sign (WebAuthn level 3), and what it answers: checked by py_webauthn (`authenticator`).

The library is read when the first passkey is asked for: a tenth of a web process is its, and most never meet one.

A challenge is bound to the browser by a cookie, lasts five minutes and is taken once. Keys are resident and user verification is asked for:
a passkey is by itself something one has and something one knows or is, and nobody has to say who they are before they are known.
"""

import base64
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from maillage.access.context import Context
from maillage.db import load_queries
from maillage.errors import Unauthenticated
from maillage.services.accounts.service.accounts import Account
from maillage.services.accounts.service.sealing import hashed

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.registration.verify_registration_response import VerifiedRegistration

QUERIES = load_queries("maillage.services.accounts")
LIFE = timedelta(minutes=5)
NAME = "Maillage"
LONGEST_ANSWER = 20_000


class NotProven(Unauthenticated):
    """What was shown does not prove who it is. The message is for the log: whoever tries is told nothing of why."""


@dataclass(frozen=True, slots=True)
class Site:
    """The relying party: its id is the host that people type, its origin what browsers sign."""

    id: str
    origin: str

    @classmethod
    def of(cls, base_url: str) -> "Site":
        parts = urlsplit(base_url)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")

    @property
    def has_passkeys(self) -> bool:
        """Browsers make passkeys for names only, over https or on this very machine."""
        try:
            ipaddress.ip_address(self.id)
        except ValueError:
            return self.origin.startswith("https:") or self.id == "localhost" or self.id.endswith(".localhost")
        return False


async def ask_for_new(ctx: Context, site: Site, account: Account, *, browser: str) -> str:
    """The options of a new passkey, as JSON for `navigator.credentials.create`. One that the account has is not made twice."""
    challenge = await _challenge(ctx, f"new {account.id}", browser)
    known = await ctx.run(QUERIES.passkeys, account=account.id)
    from maillage.services.accounts.service import authenticator

    return authenticator.for_new(site, account, challenge, known=[bytes(one["id"]) for one in known])


async def ask_for_proof(ctx: Context, site: Site, *, browser: str) -> str:
    """The options of a proof, as JSON for `navigator.credentials.get`: the same for everyone, known or not."""
    challenge = await _challenge(ctx, "proof", browser)
    from maillage.services.accounts.service import authenticator

    return authenticator.for_proof(site, challenge)


async def made(ctx: Context, site: Site, account: Account, answer: str, *, browser: str) -> "VerifiedRegistration":
    """The new passkey that an authenticator made. Raises NotProven."""
    challenge = await _taken(ctx, f"new {account.id}", browser)
    from maillage.services.accounts.service import authenticator

    return authenticator.checked_new(site, credential_of(answer), challenge)


async def proven(ctx: Context, site: Site, answer: str, *, browser: str) -> tuple[dict[str, Any], "VerifiedAuthentication"]:
    """The passkey's row (`passkey` of queries.sql) and what its signature says. Raises NotProven."""
    challenge = await _taken(ctx, "proof", browser)
    credential = credential_of(answer)
    row = await ctx.run(QUERIES.passkey, id=credential_id(credential))
    if row is None:
        raise NotProven("the passkey is unknown")
    from maillage.services.accounts.service import authenticator

    shown, handle = authenticator.checked_proof(
        site, credential, challenge, public_key=bytes(row["public_key"]), counter=row["counter"]
    )
    if handle != bytes(row["handle"]):
        raise NotProven("the passkey answers for another account")
    return row, shown


def credential_of(answer: str) -> dict[str, Any]:
    """The JSON that a browser sent. Raises NotProven where it is none."""
    if len(answer) > LONGEST_ANSWER:
        raise NotProven("the answer is too long")
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as fault:
        raise NotProven("the answer is not a JSON object") from fault


def credential_id(credential: dict[str, Any]) -> bytes:
    """The id of the credential that answers."""
    try:
        return bytes_of(str(credential.get("rawId", "")))
    except ValueError as fault:
        raise NotProven("the answer names no credential") from fault


def bytes_of(text: str) -> bytes:
    """Base64url without padding, as browsers write it (RFC 7515 §2). Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def _challenge(ctx: Context, purpose: str, browser: str) -> bytes:
    challenge = secrets.token_bytes(32)
    await ctx.run(QUERIES.set_challenge, browser=hashed(browser), challenge=challenge, purpose=purpose, expires=ctx.now + LIFE)
    return challenge


async def _taken(ctx: Context, purpose: str, browser: str) -> bytes:
    challenge = await ctx.run(QUERIES.take_challenge, browser=hashed(browser), purpose=purpose, now=ctx.now)
    if challenge is None:
        raise NotProven("this challenge was not asked in this browser, was used, or is too old")
    return bytes(challenge)
