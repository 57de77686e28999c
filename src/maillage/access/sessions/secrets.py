"""A session's cookie: "handle.secret". The handle finds the row and binds forms to the session; the secret changes with each proof and now and then.

The next secret is offered on a page, and counts from when the browser shows it: an answer that is lost costs nothing. The one before is good for requests
on their way; shown later, two browsers hold the session, one of them a thief: it ends for both.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec

from maillage.access.actors import Actor
from maillage.access.sessions.situations import Situation
from maillage.db import Connection, load_queries
from maillage.errors import Unauthenticated

QUERIES = load_queries("maillage.access.sessions")

TOUCH_AFTER = timedelta(seconds=60)
ON_THEIR_WAY = timedelta(seconds=60)
OFFERED_AGAIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Session:
    """A person signed in. `seen`: their last sign of life; `proved`: when they last proved who they are. `hint`: who they proved it to, and the
    id_token to hand back there at sign-out. `stands` says what the cookie's secret is: see `session_of`. `situations`: the places to choose from.
    """

    id: UUID
    actor: Actor
    hint: str | None
    opened: datetime
    seen: datetime
    ends: datetime
    renewed: datetime
    proved: datetime
    stands: str = field(repr=False)
    situations: tuple[Situation, ...] = ()

    @property
    def provider(self) -> str:
        """To whom they proved who they are: the first word of the hint."""
        return (self.hint or "").partition(" ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """How long a session lasts (without a sign of life, and at most), a secret, and a proof for what is grave; how many one person has, at most."""

    idle: timedelta = timedelta(minutes=30)
    lifetime: timedelta = timedelta(hours=10)
    secret: timedelta = timedelta(minutes=30)
    proof: timedelta = timedelta(minutes=15)
    most: int = 10

    def due(self, session: Session, now: datetime) -> bool:
        """Whether a sign of life is worth writing down."""
        return now - session.seen >= min(TOUCH_AFTER, self.idle / 2)

    def renewal_due(self, session: Session, now: datetime) -> bool:
        """Whether the secret is old."""
        return session.stands == "current" and now - session.renewed >= self.secret


async def open_session(conn: Connection, actor: Actor, *, now: datetime, policy: SessionPolicy, hint: str | None = None) -> str:
    """A new session for this person; the returned text goes into their cookie and nowhere else."""
    cookie, row = new_session(actor, now=now, policy=policy, hint=hint)
    await QUERIES.open_session(conn, **row)
    return cookie


def new_session(
    actor: Actor,
    *,
    now: datetime,
    policy: SessionPolicy,
    hint: str | None,
    agent: str = "",
    address: str = "",
    situations: Sequence[Situation] = (),
) -> tuple[str, dict[str, Any]]:
    """The cookie of a new session, and its row."""
    handle, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    ends = now + policy.lifetime
    return f"{handle}.{secret}", {
        "hash": _hash(handle),
        "id": uuid4(),
        "secret": _hash(secret),
        "actor": msgspec.json.encode(actor).decode(),
        "hint": hint,
        "now": now,
        "idle_until": min(now + policy.idle, ends),
        "ends": ends,
        "agent": agent,
        "address": address,
        "situations": msgspec.json.encode(tuple(situations)).decode(),
    }


async def session_of(conn: Connection, cookie: str, *, now: datetime) -> Session:
    """The session behind a cookie; Unauthenticated once it ended, whatever ended it.

    `stands`: "current"; "offered" for the next secret, shown for the first time; "former" for the one before, on its way; "stolen" for that one later.
    """
    handle, secret = halves(cookie)
    row = await QUERIES.find_session(conn, hash=_hash(handle), now=now)
    stands = _standing(row, secret, now) if row is not None else None
    if row is None or stands is None:
        raise Unauthenticated("the session has ended")
    return Session(
        row["id"], msgspec.convert(row["actor"], Actor), row["hint"], row["opened"], row["seen"], row["ends"], row["renewed"], row["proved"],
        stands,
        msgspec.convert(row["situations"], tuple[Situation, ...]),
    )  # fmt: skip


async def still_open(conn: Connection, cookie: str, actor: Actor, *, now: datetime) -> bool:
    """Whether a session that was there before has not ended, and its person still acts as then; its secret may have changed since."""
    row = await QUERIES.find_session(conn, hash=_hash(handle_of(cookie)), now=now)
    return row is not None and msgspec.convert(row["actor"], Actor) == actor


async def keep_alive(conn: Connection, cookie: str, session: Session, *, now: datetime, policy: SessionPolicy) -> None:
    """Someone is still there: the session ages anew, until its last hour at most."""
    idle_until = min(now + policy.idle, session.ends)
    await QUERIES.touch_session(conn, hash=_hash(handle_of(cookie)), now=now, idle_until=idle_until)


async def renew(conn: Connection, cookie: str, session: Session, *, now: datetime) -> str | None:
    """What follows from how a cookie `stands`: the next secret is offered (answered as a whole cookie), or taken, or the session ends. Idempotent."""
    handle, secret = halves(cookie)
    if session.stands == "offered":
        await QUERIES.take_secret(conn, hash=_hash(handle), offered=_hash(secret), now=now)
    elif session.stands == "stolen":
        await QUERIES.close_session(conn, hash=_hash(handle), now=now)
    elif session.stands == "current":
        following = secrets.token_urlsafe(32)
        if await QUERIES.offer_secret(conn, hash=_hash(handle), offered=_hash(following), now=now, again=now - OFFERED_AGAIN):
            return f"{handle}.{following}"
    return None


async def prove_anew(conn: Connection, cookie: str, *, now: datetime) -> str:
    """The person proved who they are once more; their cookie from now on."""
    handle, following = handle_of(cookie), secrets.token_urlsafe(32)
    await QUERIES.prove_session(conn, hash=_hash(handle), secret=_hash(following), now=now)
    return f"{handle}.{following}"


async def change_actor(conn: Connection, cookie: str, actor: Actor, *, now: datetime) -> str:
    """The session is of this actor from now on (the same person elsewhere); their cookie from now on."""
    handle, following = handle_of(cookie), secrets.token_urlsafe(32)
    await QUERIES.change_actor(
        conn, hash=_hash(handle), secret=_hash(following), actor=msgspec.json.encode(actor).decode(), now=now
    )  # fmt: skip
    return f"{handle}.{following}"


async def close_session(conn: Connection, cookie: str, *, now: datetime) -> None:
    """Sign-out: the cookie is worth nothing from now on."""
    await QUERIES.close_session(conn, hash=_hash(handle_of(cookie)), now=now)


def handle_of(cookie: str) -> str:
    """The half that stays as long as the session does."""
    return halves(cookie)[0]


def halves(cookie: str) -> tuple[str, str]:
    """Handle and secret; sessions from before secrets changed have no second half."""
    handle, _, secret = cookie.partition(".")
    return handle, secret


def _standing(row: dict[str, Any], secret: str, now: datetime) -> str | None:
    shown = _hash(secret)
    if not secret if row["secret"] is None else _same(row["secret"], shown):
        return "current"
    if row["offered"] is not None and _same(row["offered"], shown):
        return "offered"
    if row["former"] is not None and _same(row["former"], shown):
        return "former" if now - row["renewed"] <= ON_THEIR_WAY else "stolen"
    return None


def _same(kept: bytes, shown: bytes) -> bool:
    return hmac.compare_digest(bytes(kept), shown)


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()
