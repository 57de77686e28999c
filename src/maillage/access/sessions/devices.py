"""What a person sees of their sessions: on which device, from where, since when; and the browsers that they signed in with before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.sessions.secrets import SessionPolicy, new_session
from maillage.access.sessions.situations import Situation
from maillage.db import load_queries
from maillage.errors import NotFound
from maillage.events import Event

QUERIES = load_queries("maillage.access.sessions")
TOKENS = load_queries("maillage.access")
LONGEST_AGENT = 400
KEPT = timedelta(days=30)
REMEMBERED = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What signs in: the browser's own words, the address it comes from, and the secret of a cookie that outlives sessions."""

    agent: str
    address: str
    secret: str


@dataclass(frozen=True, slots=True)
class Open:
    """A session that lasts."""

    id: UUID
    opened: datetime
    seen: datetime
    agent: str
    address: str
    provider: str


class NewDevice(Event, frozen=True, kw_only=True):
    """Somebody (`actor`, id of the actor; `reference`, the resource that they are, if any) signed in with a browser for the first time.

    `session` is the id of the row of `access_session`.
    """

    actor: str
    reference: str | None
    session: str


async def sign_in_on(
    ctx: Context, device: Device, *, policy: SessionPolicy, hint: str, situations: Sequence[Situation] = ()
) -> str:
    """A new session of whoever acts, in their trail; a browser that is new to somebody who has another is announced. Answers the cookie."""
    ctx.refuse_to_write()
    actor = ctx.actor
    known = await ctx.run(QUERIES.knows_device, actor=actor.id, hash=_hash(device.secret))
    await ctx.run(QUERIES.note_device, actor=actor.id, hash=_hash(device.secret), now=ctx.now)
    agent = device.agent[:LONGEST_AGENT]
    cookie, row = new_session(
        actor, now=ctx.now, policy=policy, hint=hint, agent=agent, address=device.address, situations=situations
    )
    await ctx.run(QUERIES.open_session, **row)
    await ctx.run(QUERIES.close_beyond, actor=actor.id, most=policy.most, now=ctx.now)
    ctx.trace(Action.EXECUTE, "sign-in", str(row["id"]))
    if known["any"] and not known["this"]:
        ctx.announce(NewDevice(actor=actor.id, reference=actor.reference, session=str(row["id"])))
    return cookie


async def open_sessions(ctx: Context) -> Sequence[Open]:
    """Those of whoever acts, the last used first."""
    rows = await ctx.run(QUERIES.sessions_of, actor=ctx.actor.id, now=ctx.now)
    return [Open(**row) for row in rows]


async def device_of(ctx: Context, session: UUID) -> Open | None:
    """One session, for a job; None once it was forgotten."""
    row = await ctx.run(QUERIES.session_by_id, id=session)
    return Open(**row) if row else None


async def close_one(ctx: Context, session: UUID) -> None:
    """One session of whoever acts ends now; NotFound where it is none of theirs."""
    if not await ctx.run(QUERIES.close_session_by_id, id=session, actor=ctx.actor.id, now=ctx.now):
        raise NotFound("no such session")
    ctx.trace(Action.EXECUTE, "sign-out", str(session))


async def end_others(ctx: Context, *, but: UUID | None) -> None:
    """The sessions of whoever acts end now: all, or all but one. With all of them ends what they let software do."""
    await ctx.run(QUERIES.close_sessions_of, actor=ctx.actor.id, but=but, now=ctx.now)
    if but is None:
        await ctx.run(TOKENS.revoke_delegations_of, actor=ctx.actor.id, now=ctx.now)
    ctx.trace(Action.EXECUTE, "sign-out", "others" if but else "all")


async def end_all(ctx: Context, actor: str) -> int:
    """Every session and bearer token of this actor (its id), and what they let software do, ends with this transaction. Answers how many sessions."""
    ctx.refuse_to_write()
    ended: int = await ctx.run(QUERIES.close_sessions_of, actor=actor, but=None, now=ctx.now)
    await ctx.run(TOKENS.revoke_tokens_of, actor=actor, now=ctx.now)
    return ended


async def end_everybody(ctx: Context, *, but: UUID | None) -> int:
    """Every session ends, but one, and what people let software do. Software that acts by itself goes on: it is suspended by itself."""
    ctx.refuse_to_write()
    ended: int = await ctx.run(QUERIES.close_everybody, but=but, now=ctx.now)
    await ctx.run(TOKENS.revoke_all_delegations, now=ctx.now)
    return ended


async def how_many(ctx: Context) -> int:
    """The sessions that last, of everybody."""
    return int(await ctx.run(QUERIES.open_count, now=ctx.now))


async def forget_stale(ctx: Context) -> None:
    """Sessions that ended a month ago, browsers unused for a year."""
    await ctx.run(QUERIES.forget_sessions, before=ctx.now - KEPT)
    await ctx.run(QUERIES.forget_devices, before=ctx.now - REMEMBERED)


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
