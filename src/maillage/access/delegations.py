"""What people let software do for them: a delegation, its tokens, the refresh tokens that follow each other.

A delegation ends when the person or an administrator takes it back, with the account of the person, when they sign out everywhere, at its last
day, and (unless it was given for when they are away) with the session in which it was given. Its tokens count no longer than it does.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from maillage.access import tokens
from maillage.access.actors import Actor
from maillage.access.context import Context
from maillage.access.tokens import Token, hashed
from maillage.db import load_queries
from maillage.errors import NotFound, Unauthenticated

QUERIES = load_queries("maillage.access")
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Delegation:
    """One that counts. `actor` is who acts by it; without `session` it outlives the one it was given in."""

    id: UUID
    client: str
    actor: Actor
    session: UUID | None
    since: datetime
    used: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Refreshing:
    """A refresh token that somebody showed: of which delegation and software, and whether it was used before."""

    delegation: UUID
    client: str
    used: datetime | None


async def delegate(ctx: Context, actor: Actor, *, session: UUID | None, lifetime: timedelta) -> UUID:
    """A person said yes: the software `actor.client` may act for them as this actor. No token yet."""
    ctx.refuse_to_write()
    id = uuid4()
    await ctx.run(
        QUERIES.add_delegation, id=id, client=actor.client, actor=tokens.encoded(actor), session=session, now=ctx.now, ends=ctx.now + lifetime
    )  # fmt: skip
    return id


async def delegation_of(ctx: Context, id: UUID) -> Delegation:
    """One that counts; Unauthenticated for others."""
    row = await ctx.run(QUERIES.delegation, id=id, now=ctx.now)
    if row is None:
        raise Unauthenticated("what the person allowed was taken back, or has ended")
    return _delegation(row)


async def delegations_of(ctx: Context) -> Sequence[Delegation]:
    """What whoever acts lets software do, the last said first."""
    return [_delegation(row) for row in await ctx.run(QUERIES.delegations_of, actor=ctx.actor.id, now=ctx.now)]


async def take_back(ctx: Context, id: UUID) -> str:
    """One of whoever acts ends now, with its tokens; answers the software. NotFound where it is none of theirs."""
    ctx.refuse_to_write()
    client = await ctx.run(QUERIES.revoke_delegation, id=id, actor=ctx.actor.id, client=None, now=ctx.now)
    if client is None:
        raise NotFound("no such delegation")
    return str(client)


async def end(ctx: Context, id: UUID) -> None:
    """It ends now, whoever's it is: its code or its refresh token was shown twice, or its software gave it back."""
    ctx.refuse_to_write()
    await ctx.run(QUERIES.revoke_delegation, id=id, actor=None, client=None, now=ctx.now)


async def end_of_client(ctx: Context, client: str) -> None:
    """Every token and delegation of this software ends now."""
    ctx.refuse_to_write()
    await ctx.run(QUERIES.revoke_tokens_of_client, client=client, now=ctx.now)


async def token_for(ctx: Context, actor: Actor, *, client: str, lifetime: timedelta, delegation: UUID | None = None) -> str:
    """A new bearer token that this software holds."""
    ctx.refuse_to_write()
    token = secrets.token_urlsafe(32)
    await ctx.run(
        QUERIES.add_token, hash=hashed(token), actor=tokens.encoded(actor), now=ctx.now, expires=ctx.now + lifetime, client=client, delegation=delegation
    )  # fmt: skip
    return token


async def refresh_for(ctx: Context, delegation: UUID) -> str:
    """A new refresh token, shown this once."""
    ctx.refuse_to_write()
    secret = secrets.token_urlsafe(32)
    await ctx.run(QUERIES.add_refresh, hash=hashed(secret), delegation=delegation, now=ctx.now)
    await ctx.run(QUERIES.note_delegation, id=delegation, now=ctx.now)
    return secret


async def refreshing(ctx: Context, secret: str) -> Refreshing | None:
    """What a refresh token is of, None for one that nobody knows. Others who show it meanwhile wait."""
    row = await ctx.run(QUERIES.refresh_row, hash=hashed(secret))
    return Refreshing(row["delegation"], row["client"], row["used"]) if row else None


async def person_of_refresh(ctx: Context, secret: str, *, client: str) -> Actor | None:
    """Who lent what a refresh token of this software is of; None for any other text. Nobody waits."""
    row = await ctx.run(QUERIES.refresh_person, hash=hashed(secret), client=client)
    return msgspec.convert(row, Actor) if row else None


async def client_of_refresh(ctx: Context, secret: str) -> str | None:
    """The software that a refresh token is of; None for any other text."""
    row = await ctx.run(QUERIES.refresh_client, hash=hashed(secret))
    return str(row) if row else None


async def use_up(ctx: Context, secret: str) -> None:
    """The refresh token counts no more."""
    await ctx.run(QUERIES.use_refresh, hash=hashed(secret), now=ctx.now)


async def token_behind(ctx: Context, token: str) -> Token | None:
    """What is behind a token that counts, None for any other text."""
    row: dict[str, Any] | None = await ctx.run(QUERIES.token_row, hash=hashed(token), now=ctx.now)
    return tokens.token(row) if row else None


async def revoke(ctx: Context, token: str) -> None:
    """One bearer token counts no more."""
    await ctx.run(QUERIES.revoke_token, hash=hashed(token), now=ctx.now)


async def forget_stale(ctx: Context) -> None:
    """Tokens and delegations that ended a month ago."""
    await ctx.run(QUERIES.forget_tokens, before=ctx.now - KEPT)


def _delegation(row: dict[str, Any]) -> Delegation:
    return Delegation(**{**row, "actor": msgspec.convert(row["actor"], Actor)})
