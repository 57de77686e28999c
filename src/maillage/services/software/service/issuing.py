"""The token endpoint: a code, a refresh token or a signed assertion becomes a bearer token; and what is said of one, or taken back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from maillage.access import delegations
from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.delegations import Delegation
from maillage.access.standing import still_stands
from maillage.access.tokens import hashed
from maillage.errors import Unauthenticated
from maillage.services.software.rules import requests
from maillage.services.software.rules.refusals import Refused
from maillage.services.software.service import granting
from maillage.services.software.service.registry import QUERIES, REGISTERING, Software
from maillage.services.software.service.signing import Signer

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where tokens are handed out: the way in, our issuer and FHIR addresses, and the key that signs who somebody is, where there is one."""

    access: Access
    issuer: str
    base: str
    signer: Signer | None
    origin: str | None


async def by_itself(door: Door, software: Software, asked: str) -> Answer:
    """client_credentials (SMART Backend Services): five minutes, within what was registered, no refresh token."""
    if not software.by_itself:
        raise Refused("unauthorized_client", "This client is not registered for client_credentials.")
    given = granting.given(asked.split(), software.scopes, levels=granting.ALONE)
    if not given:
        raise Refused("invalid_scope", "None of these scopes was registered.", field="scope")
    async with door.access.act(software.actor(), door="oauth", origin=door.origin) as ctx:
        token = await delegations.token_for(ctx, software.actor(given), client=software.id, lifetime=requests.BACKEND_LIFE)
        ctx.trace(Action.EXECUTE, "sign-in", None)
    return _bearer(token, requests.BACKEND_LIFE, given)


async def by_code(door: Door, software: Software, form: Mapping[str, str]) -> Answer:
    """authorization_code: once, within a minute, by the software that asked, to the address it asked with, with its verifier.

    A code that is shown again ends all that came of it: somebody else has it (RFC 6749 §4.1.2).
    """
    async with door.access.act(software.actor(), door="oauth", origin=door.origin) as ctx:
        row = await ctx.run(QUERIES.code, hash=hashed(form.get("code", "")))
        if row is None or row["client"] != software.id:
            raise _stale()
        await ctx.run(QUERIES.use_code, hash=hashed(form.get("code", "")), now=ctx.now)
        fits = row["redirect_uri"] == form.get("redirect_uri") and requests.proves(
            form.get("code_verifier", ""), row["challenge"]
        )
        if row["used"] is not None or not fits or row["expires"] <= ctx.now:
            await delegations.end(ctx, row["delegation"])
            ctx.trace(Action.EXECUTE, "sign-in", None, refused=True)
            answer = None
        else:
            answer = await _first(ctx, door, software, row)
    if answer is None:
        raise _stale()
    return answer


async def _first(ctx: Context, door: Door, software: Software, row: Mapping[str, Any]) -> Answer | None:
    try:
        found = await delegations.delegation_of(ctx, row["delegation"])
    except Unauthenticated:
        return None
    answer = await _tokens(ctx, found)
    if "openid" in found.actor.scopes and door.signer is not None:
        answer["id_token"] = door.signer.sign(_claims(ctx, door, software, found.actor, row))
    return answer


async def by_refresh(door: Door, software: Software, form: Mapping[str, str]) -> Answer:
    """refresh_token: each once; one that is shown again ends the delegation, as somebody else has it (RFC 9700 §4.14).

    What the person may do is asked anew: who left, or whose function ended, lends nothing any more.
    """
    secret = form.get("refresh_token", "")
    async with door.access.act(software.actor(), read_only=True, door="oauth", origin=door.origin) as ctx:
        person = await delegations.person_of_refresh(ctx, secret, client=software.id)
        stands = person is not None and await still_stands(ctx, person)
    async with door.access.act(software.actor(), door="oauth", origin=door.origin) as ctx:
        shown = await delegations.refreshing(ctx, secret)
        if shown is None or shown.client != software.id:
            raise _stale()
        await delegations.use_up(ctx, secret)
        found = await _alive(ctx, shown.delegation) if stands and shown.used is None else None
        if found is None:
            await delegations.end(ctx, shown.delegation)
            ctx.trace(Action.EXECUTE, "sign-in", None, refused=True)
            answer = None
        else:
            answer = await _tokens(ctx, found, narrower=form.get("scope"))
    if answer is None:
        raise _stale()
    return answer


async def client_of_refresh(door: Door, secret: str) -> str:
    """The software that a refresh token is of, by id; empty for any other text. It still has to prove itself where it can."""
    async with door.access.act(REGISTERING, read_only=True, door="oauth", origin=door.origin) as ctx:
        return await delegations.client_of_refresh(ctx, secret) or ""


async def _alive(ctx: Context, id: UUID) -> Delegation | None:
    try:
        return await delegations.delegation_of(ctx, id)
    except Unauthenticated:
        return None


async def _tokens(ctx: Context, found: Delegation, *, narrower: str | None = None) -> Answer:
    """A bearer token of a delegation, and its next refresh token where it lasts."""
    actor = found.actor
    if narrower is not None:
        kept = granting.given(narrower.split(), actor.scopes, levels=granting.PEOPLE)
        if not kept:
            raise Refused("invalid_scope", "A refresh gives no scope that was not given.", field="scope")
        actor = replace(actor, scopes=frozenset(kept))
    lifetime = min(requests.TOKEN_LIFE, found.ends - ctx.now)
    token = await delegations.token_for(ctx, actor, client=found.client, lifetime=lifetime, delegation=found.id)
    answer = _bearer(token, lifetime, sorted(actor.scopes))
    if granting.LASTING & found.actor.scopes:
        answer["refresh_token"] = await delegations.refresh_for(ctx, found.id)
    if actor.patient is not None:
        answer |= {"patient": actor.patient.removeprefix("Patient/"), "need_patient_banner": True}
    ctx.trace(Action.EXECUTE, "sign-in", None)
    return answer


def _stale() -> Refused:
    return Refused("invalid_grant", "The code or token is unknown, expired, used, or of another client.")


def _bearer(token: str, lifetime: timedelta, given: Any) -> Answer:
    return {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime.total_seconds()), "scope": " ".join(given)}


def _claims(ctx: Context, door: Door, software: Software, actor: Actor, row: Mapping[str, Any]) -> Mapping[str, Any]:
    now = int(ctx.now.timestamp())
    claims = {
        "iss": door.issuer, "sub": subject(actor), "aud": software.id, "iat": now, "exp": now + int(requests.ID_TOKEN_LIFE.total_seconds()),
        "auth_time": int(row["proved"].timestamp()),
    }  # fmt: skip
    if row["nonce"]:
        claims["nonce"] = row["nonce"]
    if "fhirUser" in actor.scopes and actor.reference:
        claims["fhirUser"] = f"{door.base}/{actor.reference}"
    return claims


def subject(actor: Actor) -> str:
    """Who somebody is, for applications: the same for all of them, and always."""
    return hashed(f"subject {actor.reference or actor.id}").hex()[:40]


async def introspected(door: Door, software: Software, token: str) -> Answer:
    """What a software is told of a token of its own; of any other, that it is not active (RFC 7662 §2.2)."""
    async with door.access.act(software.actor(), read_only=True, door="oauth", origin=door.origin) as ctx:
        found = await delegations.token_behind(ctx, token)
    if found is None or found.client != software.id:
        return {"active": False}
    actor = found.actor
    answer = {
        "active": True, "scope": " ".join(sorted(actor.scopes)), "client_id": software.id, "token_type": "Bearer", "iss": door.issuer,
        "exp": int(found.expires.timestamp()), "iat": int(found.issued.timestamp()), "sub": subject(actor) if found.delegation else software.id,
    }  # fmt: skip
    if actor.patient is not None:
        answer["patient"] = actor.patient.removeprefix("Patient/")
    if found.delegation and actor.reference and "fhirUser" in actor.scopes:
        answer["fhirUser"] = f"{door.base}/{actor.reference}"
    return answer


async def given_back(door: Door, software: Software, token: str) -> None:
    """A token of this software counts no more; with a refresh token ends the delegation (RFC 7009 §2.1). Any other text is no fault."""
    async with door.access.act(software.actor(), door="oauth", origin=door.origin) as ctx:
        shown = await delegations.refreshing(ctx, token)
        found = await delegations.token_behind(ctx, token)
        if shown is not None and shown.client == software.id:
            await delegations.end(ctx, shown.delegation)
            ctx.trace(Action.EXECUTE, "sign-out", None)
        elif found is not None and found.client == software.id:
            await delegations.revoke(ctx, token)
            ctx.trace(Action.EXECUTE, "sign-out", None)
