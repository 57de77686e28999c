"""The way in: proves who someone is, and opens the context in which they act."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial

from maillage.access import chain, sessions, tokens
from maillage.access.actors import Actor
from maillage.access.audit import AuditSecret, GroupedTrails, Trail
from maillage.access.chain import Head, KeptHeads, Verification
from maillage.access.combining import CombinedWrites, Hand
from maillage.access.context import Context
from maillage.access.purpose import Purpose, usual_purpose
from maillage.access.records import Records
from maillage.access.sessions import Device, Session, SessionPolicy, Situation
from maillage.access.uploads import Uploads
from maillage.clock import Clock
from maillage.db import Connection, Database, LateTransaction
from maillage.errors import Unauthenticated
from maillage.fhir.change import Change, Stored
from maillage.fhir.gathering import GatheredReads
from maillage.fhir.store import Store
from maillage.files import Files

log = logging.getLogger(__name__)


class Access:
    """Made once in a process. Everything that acts on records passes here: people, machines and jobs alike."""

    def __init__(
        self,
        database: Database,
        *,
        store: Store,
        files: Files,
        clock: Clock,
        sessions: SessionPolicy | None = None,
        uploads: Uploads | None = None,
    ) -> None:
        self.clock = clock
        self._database = database
        self._store = store
        self._files = files
        self._sessions = sessions or SessionPolicy()
        self._uploads = uploads or Uploads()
        self._secret = AuditSecret()
        self._trails = GroupedTrails(database)
        self._reads = GatheredReads(database)
        self._combined = CombinedWrites(alone=self._alone, tentative=self._tentatively)

    @asynccontextmanager
    async def act(
        self,
        actor: Actor,
        purpose: Purpose | None = None,
        *,
        read_only: bool = False,
        door: str = "service",
        origin: str | None = None,
    ) -> AsyncIterator[Context]:
        """One transaction in which the actor acts: data, events, jobs and trail are all there afterwards, or none is.

        When it raises, everything is undone and the trail of what was tried is written on its own. In a read-only context the
        database itself refuses writes, and each statement sees what is committed when it begins; its trail is committed apart, with those
        of others, before this returns. `door` and `origin` (an address of the network) say in the trail by which way and where from.
        """
        hand = Hand(actor, purpose or usual_purpose(actor), door, origin)
        trail = self._trail_of(hand)
        try:
            if read_only:
                with self._trails.to_come():
                    async with self._database.reading() as conn:
                        yield self._context(hand, conn, trail, read_only=True)
                await self._trails.write(trail)
            else:
                async with self._transaction(hand, trail, combined=partial(self._combined.write, hand)) as ctx:
                    yield ctx
        except Exception:
            await self._keep_the_attempt(trail)
            raise

    async def bearer(self, token: str) -> Actor:
        """Who holds this bearer token; Unauthenticated otherwise."""
        async with self._database.reading(on_primary=True) as conn:
            return await tokens.actor_of(conn, token, now=self.clock.now())

    async def issue_token(self, actor: Actor, *, lifetime: timedelta) -> str:
        """A new bearer token, shown this once."""
        async with self._database.transaction() as conn:
            return await tokens.issue(conn, actor, now=self.clock.now(), lifetime=lifetime)

    async def revoke_token(self, token: str) -> None:
        """The token stops counting at once."""
        async with self._database.transaction() as conn:
            await tokens.revoke(conn, token, now=self.clock.now())

    async def sign_in(self, actor: Actor, *, hint: str | None = None) -> str:
        """A new session for a person whose identity was proved; the text for their cookie. People sign in on a device: see `enter`."""
        async with self._database.transaction() as conn:
            return await sessions.open_session(conn, actor, now=self.clock.now(), policy=self._sessions, hint=hint)

    async def enter(self, actor: Actor, device: Device, *, hint: str, situations: Sequence[Situation] = ()) -> str:
        """A new session for a person whose identity was proved, on this device, in their trail; the text for their cookie."""
        async with self.act(actor, door="page") as ctx:
            return await sessions.sign_in_on(ctx, device, policy=self._sessions, hint=hint, situations=situations)

    async def work_elsewhere(self, cookie: str, actor: Actor) -> str:
        """The session's person works in another of their places (`actor.situation`) from now on; their cookie from now on."""
        async with self._database.transaction() as conn:
            return await sessions.change_actor(conn, cookie, actor, now=self.clock.now())

    async def session(self, cookie: str, *, sign_of_life: bool = True) -> Session:
        """The session behind a cookie, kept alive by being asked for; Unauthenticated once it ended.

        `sign_of_life` is False when nobody did anything, as for a page that only listens: the session then goes on ageing.
        """
        now = self.clock.now()
        async with self._database.reading(on_primary=True) as conn:
            session = await sessions.session_of(conn, cookie, now=now)
        if session.stands in ("offered", "stolen"):
            async with self._database.transaction() as conn:
                await sessions.renew(conn, cookie, session, now=now)
        if session.stands == "stolen":
            log.warning("a secret that was replaced was shown: its session is closed")
            raise Unauthenticated("the session has ended")
        if sign_of_life and self._sessions.due(session, now):
            async with self._database.transaction() as conn:
                await sessions.keep_alive(conn, cookie, session, now=now, policy=self._sessions)
        return session

    async def next_cookie(self, cookie: str, session: Session) -> str | None:
        """The cookie that follows this one, where its secret is old and no other answer offers one."""
        now = self.clock.now()
        if not self._sessions.renewal_due(session, now):
            return None
        async with self._database.transaction() as conn:
            return await sessions.renew(conn, cookie, session, now=now)

    async def still_open(self, cookie: str, actor: Actor) -> bool:
        """Whether a session that was there before has not ended, and its person acts as this actor in it."""
        async with self._database.reading(on_primary=True) as conn:
            return await sessions.still_open(conn, cookie, actor, now=self.clock.now())

    async def prove_anew(self, cookie: str) -> str:
        """The person of this session proved who they are once more; their cookie from now on."""
        async with self._database.transaction() as conn:
            return await sessions.prove_anew(conn, cookie, now=self.clock.now())

    def proof_is_fresh(self, session: Session, *, begun: bool = False) -> bool:
        """Whether they proved who they are lately enough for what is grave; twice as long for what was `begun` (a form filled in)."""
        return self.clock.now() - session.proved <= self._sessions.proof * (2 if begun else 1)

    async def sign_out(self, cookie: str) -> None:
        """The session ends at once."""
        async with self._database.transaction() as conn:
            await sessions.close_session(conn, cookie, now=self.clock.now())

    async def verify_trail(self, *, kept: Sequence[Head]) -> tuple[Verification, KeptHeads]:
        """The whole trail recomputed on one connection, beside those who work, and its heads now. `kept`: see `chain.verify`."""
        found = await chain.verify(self._database, kept=kept, lanes=1)
        async with self._database.transaction() as conn:
            return found, KeptHeads.of(await chain.heads(conn), at=self.clock.now())

    @asynccontextmanager
    async def _transaction(
        self, hand: Hand, trail: Trail, *, combined: Callable[[Change], Awaitable[Stored]] | None = None
    ) -> AsyncIterator[Context]:
        """What is done inside, its events and its trail, committed at the end; undone without a trace when it raises."""
        async with LateTransaction(self._database) as late:
            ctx = self._context(hand, late.connection, trail, combined=combined)
            yield ctx
            await trail.write(late.connection, ctx.announced)

    def _tentatively(self, hand: Hand) -> AbstractAsyncContextManager[Context]:
        return self._transaction(hand, self._trail_of(hand))

    @asynccontextmanager
    async def _alone(self, hand: Hand) -> AsyncIterator[Context]:
        async with self.act(hand.actor, hand.purpose, door=hand.door, origin=hand.origin) as ctx:
            yield ctx

    def _trail_of(self, hand: Hand) -> Trail:
        return Trail(hand.actor, hand.purpose, door=hand.door, at=self.clock.now(), origin=hand.origin)

    def _context(
        self,
        hand: Hand,
        conn: Connection,
        trail: Trail,
        *,
        read_only: bool = False,
        combined: Callable[[Change], Awaitable[Stored]] | None = None,
    ) -> Context:
        ctx = Context(
            conn, actor=hand.actor, purpose=hand.purpose, now=trail.at, door=hand.door, read_only=read_only, files=self._files,
            uploads=self._uploads, trail=trail,
        )  # fmt: skip
        ctx.records = Records(
            ctx, conn, store=self._store, trail=trail, secret=self._secret, gathered=self._reads if read_only else None, combined=combined
        )  # fmt: skip
        return ctx

    async def _keep_the_attempt(self, trail: Trail) -> None:
        """The transaction is gone, the attempt stays. When not even that can be written, the log says so."""
        trail.undo()
        try:
            await self._trails.write(trail)
        except Exception:
            log.exception("the trail of a failed attempt could not be written", extra={"lines": len(trail.entries)})
