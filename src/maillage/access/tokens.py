"""Bearer tokens of machines: opaque secrets, of which only the SHA-256 is kept."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from maillage.access.actors import Actor
from maillage.db import Connection, load_queries
from maillage.errors import Unauthenticated

QUERIES = load_queries("maillage.access")


async def issue(conn: Connection, actor: Actor, *, now: datetime, lifetime: timedelta) -> str:
    """A new bearer token for this actor. It is shown this once: the database holds its hash."""
    token = secrets.token_urlsafe(32)
    await QUERIES.add_token(conn, hash=_hash(token), actor=_encode(actor), now=now, expires=now + lifetime)
    return token


async def actor_of(conn: Connection, token: str, *, now: datetime) -> Actor:
    """Who holds this token; Unauthenticated when it is unknown, expired or revoked (the same answer for all three)."""
    stored = await QUERIES.token_actor(conn, hash=_hash(token), now=now)
    if stored is None:
        raise Unauthenticated("the bearer token is unknown, expired or revoked")
    return _decode(stored)


async def revoke(conn: Connection, token: str, *, now: datetime) -> None:
    """The token stops counting at once."""
    await QUERIES.revoke_token(conn, hash=_hash(token), now=now)


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _encode(actor: Actor) -> str:
    return msgspec.json.encode(actor).decode()


def _decode(stored: object) -> Actor:
    return msgspec.convert(stored, Actor)
