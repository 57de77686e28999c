"""Bearer tokens of machines, and of software that acts for people: opaque secrets, of which only the SHA-256 is kept."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from maillage.access.actors import Actor
from maillage.db import Connection, load_queries
from maillage.errors import Unauthenticated

QUERIES = load_queries("maillage.access")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token that counts. `delegation`: of a person who let a software act for them."""

    actor: Actor
    issued: datetime
    expires: datetime
    client: str | None
    delegation: UUID | None


async def issue(conn: Connection, actor: Actor, *, now: datetime, lifetime: timedelta) -> str:
    """A new bearer token for this actor. It is shown this once: the database holds its hash."""
    secret = secrets.token_urlsafe(32)
    await QUERIES.add_token(
        conn, hash=hashed(secret), actor=encoded(actor), now=now, expires=now + lifetime, client=None, delegation=None
    )
    return secret


async def token_of(conn: Connection, secret: str, *, now: datetime) -> Token:
    """What is behind this token; Unauthenticated when it is unknown, expired or revoked (the same answer for all three)."""
    row = await QUERIES.token_row(conn, hash=hashed(secret), now=now)
    if row is None:
        raise Unauthenticated("the bearer token is unknown, expired or revoked")
    return token(row)


def token(row: Mapping[str, Any]) -> Token:
    """A row of what is behind a token."""
    return Token(msgspec.convert(row["actor"], Actor), row["issued"], row["expires"], row["client"], row["delegation"])


async def actor_of(conn: Connection, token: str, *, now: datetime) -> Actor:
    """Who holds this token; Unauthenticated as for `token_of`."""
    return (await token_of(conn, token, now=now)).actor


async def revoke(conn: Connection, token: str, *, now: datetime) -> None:
    """The token stops counting at once."""
    await QUERIES.revoke_token(conn, hash=hashed(token), now=now)


def hashed(secret: str) -> bytes:
    """What is kept of a secret."""
    return sha256(secret.encode()).digest()


def encoded(actor: Actor) -> str:
    """An actor as it is kept."""
    return msgspec.json.encode(actor).decode()
