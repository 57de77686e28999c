"""Which software asks at the token endpoint and beside it, proved in the way that it is registered with and in no other."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from maillage.access.access import Access
from maillage.access.audit import Action
from maillage.access.tokens import hashed
from maillage.services.software.rules.refusals import Refused, UnknownClient
from maillage.services.software.service import assertions
from maillage.services.software.service.keys import Keys
from maillage.services.software.service.registry import QUERIES, REGISTERING, Software, approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows: its client_id, and one of a secret and an assertion, or none."""

    client: str
    secret: str | None = None
    assertion: str | None = None


def shown(form: Mapping[str, str], authorization: str | None) -> Shown:
    """What a form and a header show. Refused for two proofs at once (RFC 6749 §2.3), and for a secret in the form."""
    assertion = form.get("client_assertion")
    if authorization is not None:
        if assertion is not None or "client_secret" in form:
            raise Refused("invalid_request", "one way of client authentication at a time")
        return _basic(authorization, form)
    if "client_secret" in form:
        raise UnknownClient("Send the secret by HTTP Basic, never in the form.")
    if assertion is None:
        return Shown(client=form.get("client_id", ""))
    if form.get("client_assertion_type") != assertions.TYPE:
        raise Refused("invalid_request", f"client_assertion_type is {assertions.TYPE}")
    client = assertions.claimed(assertion)
    if form.get("client_id", client) != client:
        raise UnknownClient("The assertion is of another client.")
    return Shown(client=client, assertion=assertion)


def _basic(authorization: str, form: Mapping[str, str]) -> Shown:
    scheme, _, given = authorization.partition(" ")
    try:
        client, colon, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        scheme = colon = ""
    if scheme.lower() != "basic" or not colon:
        raise UnknownClient
    client = unquote_plus(client)
    if form.get("client_id", client) != client:
        raise UnknownClient
    return Shown(client=client, secret=unquote_plus(secret))


async def authenticated(
    access: Access, keys: Keys, said: Shown, *, audiences: frozenset[str], origin: str | None
) -> Software:  # fmt: skip
    """The software that is proved to ask, or a public one that says its name. Raises UnknownClient; the attempt is in the trail of a known one."""
    async with access.act(REGISTERING, read_only=True, door="oauth", origin=origin) as ctx:
        found = await approved(ctx, said.client)
    if found is None:
        raise UnknownClient
    try:
        await _prove(access, keys, said, found, audiences)
    except UnknownClient:
        async with access.act(found.actor(), door="oauth", origin=origin) as ctx:
            ctx.trace(Action.EXECUTE, "sign-in", None, refused=True)
        raise
    return found


async def _prove(access: Access, keys: Keys, said: Shown, found: Software, audiences: frozenset[str]) -> None:
    if found.method == "none":
        holds = said.secret is None and said.assertion is None
    elif found.method == "client_secret_basic":
        holds = said.secret is not None and found.secret is not None and hmac.compare_digest(hashed(said.secret), found.secret)
    else:
        holds = said.assertion is not None
    if not holds:
        raise UnknownClient
    if said.assertion is not None:
        now = access.clock.now()
        proof = await assertions.proven(said.assertion, found, keys, audiences=audiences, now=now.timestamp())
        await _once(access, found.id, proof)


async def _once(access: Access, client: str, proof: assertions.Proven) -> None:
    """It counts now and never again, in whatever process; kept until it has expired."""
    ends = datetime.fromtimestamp(proof.expires, UTC)
    async with access.act(REGISTERING, door="oauth") as ctx:
        fresh = await ctx.run(QUERIES.note_assertion, client=client, jti=hashed(proof.jti), expires=ends)
    if not fresh:
        raise UnknownClient("The assertion was shown before.")
