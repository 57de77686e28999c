"""Bearer tokens and sessions: good while they last, worth nothing after."""

from datetime import UTC, datetime, timedelta

import pytest

from maillage.access import tokens
from maillage.access.actors import Actor, ActorKind, Role
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


async def test_the_database_does_not_hold_the_secrets(database: Database) -> None:
    async with database.transaction() as conn:
        token = await tokens.issue(conn, LAB, now=NOW, lifetime=timedelta(hours=1))
        cursor = await conn.execute(b"select t::text as text from access_token t")
        text = str(await cursor.fetchall())
        assert token not in text
        assert token.encode().hex() not in text
