"""Bearer tokens and sessions: good while they last, worth nothing after."""

from datetime import UTC, datetime, timedelta

import pytest

from maillage.access import tokens
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.tokens import SessionPolicy
from maillage.db import Database
from maillage.errors import Unauthenticated

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LAB = Actor(
    id="lab",
    kind=ActorKind.SYSTEM,
    name="Laboratoire",
    roles=frozenset({Role.SYSTEM}),
    reference="Device/lab",
    organizations=("Organization/o",),
    scopes=frozenset({"system/*.*"}),
)
POLICY = SessionPolicy(idle=timedelta(minutes=30), lifetime=timedelta(hours=2))


def minutes(n: int) -> datetime:
    return NOW + timedelta(minutes=n)


async def test_a_token_gives_back_its_actor_until_it_expires(database: Database) -> None:
    async with database.transaction() as conn:
        token = await tokens.issue(conn, LAB, now=NOW, lifetime=timedelta(hours=1))
        assert await tokens.actor_of(conn, token, now=minutes(59)) == LAB
        with pytest.raises(Unauthenticated):
            await tokens.actor_of(conn, token, now=minutes(60))


async def test_a_revoked_token_is_worth_nothing(database: Database) -> None:
    async with database.transaction() as conn:
        token = await tokens.issue(conn, LAB, now=NOW, lifetime=timedelta(hours=1))
        await tokens.revoke(conn, token, now=NOW)
        with pytest.raises(Unauthenticated):
            await tokens.actor_of(conn, token, now=NOW)


async def test_an_actor_can_be_put_out_everywhere(database: Database) -> None:
    async with database.transaction() as conn:
        token = await tokens.issue(conn, LAB, now=NOW, lifetime=timedelta(hours=1))
        cookie = await tokens.open_session(conn, LAB, now=NOW, policy=POLICY)
        await tokens.revoke_all(conn, LAB.id, now=NOW)
        with pytest.raises(Unauthenticated):
            await tokens.actor_of(conn, token, now=NOW)
        with pytest.raises(Unauthenticated):
            await tokens.session_of(conn, cookie, now=NOW)


async def test_the_database_does_not_hold_the_secrets(database: Database) -> None:
    async with database.transaction() as conn:
        token = await tokens.issue(conn, LAB, now=NOW, lifetime=timedelta(hours=1))
        cookie = await tokens.open_session(conn, LAB, now=NOW, policy=POLICY)
        for table in ("access_token", "access_session"):
            cursor = await conn.execute(f"select t::text as text from {table} t".encode())
            text = str(await cursor.fetchall())
            assert token not in text
            assert cookie not in text
            assert token.encode().hex() not in text


async def test_a_session_lasts_while_it_is_used_but_not_for_ever(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await tokens.open_session(conn, LAB, now=NOW, policy=POLICY, hint="id-token")
        assert not POLICY.due(await tokens.session_of(conn, cookie, now=NOW), NOW)
        for at in (25, 50, 75, 100):
            session = await tokens.session_of(conn, cookie, now=minutes(at))
            assert POLICY.due(session, minutes(at))
            await tokens.keep_alive(conn, cookie, session, now=minutes(at), policy=POLICY)
        assert (session.actor, session.hint, session.ends) == (LAB, "id-token", minutes(120))
        with pytest.raises(Unauthenticated):
            await tokens.session_of(conn, cookie, now=minutes(120))


async def test_a_session_left_alone_ends(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await tokens.open_session(conn, LAB, now=NOW, policy=POLICY)
        with pytest.raises(Unauthenticated):
            await tokens.session_of(conn, cookie, now=minutes(30))


async def test_signing_out_ends_the_session_at_once(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await tokens.open_session(conn, LAB, now=NOW, policy=POLICY)
        await tokens.close_session(conn, cookie, now=NOW)
        with pytest.raises(Unauthenticated):
            await tokens.session_of(conn, cookie, now=NOW)


async def test_old_sessions_are_forgotten(database: Database) -> None:
    async with database.transaction() as conn:
        await tokens.open_session(conn, LAB, now=NOW, policy=POLICY)
        assert await tokens.forget_sessions(conn, before=minutes(119)) == 0
        assert await tokens.forget_sessions(conn, before=minutes(121)) == 1
