"""Bearer tokens of machines and sessions of people: opaque secrets, of which only the SHA-256 is kept."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from maillage.access.actors import Actor
from maillage.db import Connection, load_queries
from maillage.errors import Unauthenticated

QUERIES = load_queries("maillage.access")

TOUCH_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Session:
    """A person signed in, and when they last gave a sign of life. `hint` is the id_token to hand back to the identity provider at sign-out."""

    actor: Actor
    hint: str | None
    opened: datetime
    seen: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """How long a session lasts: without a sign of life, and at most."""

    idle: timedelta = timedelta(minutes=30)
    lifetime: timedelta = timedelta(hours=10)

    def due(self, session: Session, now: datetime) -> bool:
        """Whether a sign of life is worth writing down."""
        return now - session.seen >= min(TOUCH_AFTER, self.idle / 2)


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


async def revoke_all(conn: Connection, actor_id: str, *, now: datetime) -> None:
    """Every token and session of this actor stops counting at once."""
    await QUERIES.revoke_tokens_of(conn, actor=actor_id, now=now)
    await QUERIES.close_sessions_of(conn, actor=actor_id, now=now)


async def open_session(conn: Connection, actor: Actor, *, now: datetime, policy: SessionPolicy, hint: str | None = None) -> str:
    """A new session for this person; the returned secret goes into their cookie and nowhere else."""
    secret = secrets.token_urlsafe(32)
    ends = now + policy.lifetime
    idle_until = min(now + policy.idle, ends)
    await QUERIES.open_session(
        conn, hash=_hash(secret), actor=_encode(actor), hint=hint, now=now, idle_until=idle_until, ends=ends
    )
    return secret


async def session_of(conn: Connection, secret: str, *, now: datetime) -> Session:
    """The session behind a cookie; Unauthenticated once it ended, whatever ended it."""
    row = await QUERIES.find_session(conn, hash=_hash(secret), now=now)
    if row is None:
        raise Unauthenticated("the session has ended")
    return Session(_decode(row["actor"]), row["hint"], row["opened"], row["seen"], row["ends"])


async def keep_alive(conn: Connection, secret: str, session: Session, *, now: datetime, policy: SessionPolicy) -> None:
    """Someone is still there: the session ages anew, until its last hour at most."""
    await QUERIES.touch_session(conn, hash=_hash(secret), now=now, idle_until=min(now + policy.idle, session.ends))


async def close_session(conn: Connection, secret: str, *, now: datetime) -> None:
    """Sign-out: the cookie is worth nothing from now on."""
    await QUERIES.close_session(conn, hash=_hash(secret), now=now)


async def forget_sessions(conn: Connection, *, before: datetime) -> int:
    """Remove sessions whose last hour passed before this instant, and return how many."""
    count: int = await QUERIES.forget_sessions(conn, before=before)
    return count


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _encode(actor: Actor) -> str:
    return msgspec.json.encode(actor).decode()


def _decode(stored: object) -> Actor:
    return msgspec.convert(stored, Actor)
