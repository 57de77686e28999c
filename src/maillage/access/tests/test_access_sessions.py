"""Sessions: how long they last, a secret that changes, where they are open, and what comes of a stolen one."""

from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from uuid import UUID, uuid4

import pytest

from maillage.access import sessions
from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.references import at_work_in, attending, grantee
from maillage.access.sessions import Device, SessionPolicy, Situation, acting
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import NotFound, Unauthenticated
from tests.support.people import NOON as NOW
from tests.support.people import SEED, professional

LAB = professional("lab", Role.NURSE)
OTHER = professional("other", Role.GP)
POLICY = SessionPolicy(idle=timedelta(minutes=30), lifetime=timedelta(hours=2))
FIREFOX = Device(agent="Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", address="192.0.2.1", secret="f" * 43)


def minutes(count: int) -> datetime:
    return NOW + timedelta(minutes=count)


async def test_a_session_lasts_while_it_is_used_but_not_for_ever(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await sessions.open_session(conn, LAB, now=NOW, policy=POLICY, hint="id-token")
        assert not POLICY.due(await sessions.session_of(conn, cookie, now=NOW), NOW)
        for at in (25, 50, 75, 100):
            session = await sessions.session_of(conn, cookie, now=minutes(at))
            assert POLICY.due(session, minutes(at))
            await sessions.keep_alive(conn, cookie, session, now=minutes(at), policy=POLICY)
        assert (session.actor, session.hint, session.ends) == (LAB, "id-token", minutes(120))
        with pytest.raises(Unauthenticated):
            await sessions.session_of(conn, cookie, now=minutes(120))


async def test_a_session_left_alone_ends(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await sessions.open_session(conn, LAB, now=NOW, policy=POLICY)
        with pytest.raises(Unauthenticated):
            await sessions.session_of(conn, cookie, now=minutes(30))


async def test_signing_out_ends_the_session_at_once(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await sessions.open_session(conn, LAB, now=NOW, policy=POLICY)
        await sessions.close_session(conn, cookie, now=NOW)
        with pytest.raises(Unauthenticated):
            await sessions.session_of(conn, cookie, now=NOW)


async def test_the_database_does_not_hold_a_half_of_the_cookie(database: Database) -> None:
    async with database.transaction() as conn:
        cookie = await sessions.open_session(conn, LAB, now=NOW, policy=POLICY)
        text = str(await (await conn.execute(b"select t::text as text from access_session t")).fetchall())
    for half in cookie.split("."):
        assert half not in text
        assert half.encode().hex() not in text


async def offered(access: Access, cookie: str) -> str | None:
    return await access.next_cookie(cookie, await access.session(cookie))


async def test_a_secret_changes_and_the_one_before_counts_for_requests_on_their_way(access: Access, clock: FixedClock) -> None:
    old = await access.sign_in(LAB)
    assert await offered(access, old) is None, "it is new"
    clock.advance(timedelta(minutes=29))
    await access.session(old)
    clock.advance(timedelta(minutes=2))
    new = await offered(access, old)
    assert new is not None
    assert sessions.handle_of(new) == sessions.handle_of(old), "forms that are open still belong to the session"
    assert await offered(access, old) is None, "one answer offers it"
    assert (await access.session(old)).actor == LAB, "the answer may have been lost"
    assert (await access.session(new)).actor == LAB
    clock.advance(timedelta(seconds=59))
    assert (await access.session(old)).actor == LAB
    assert await access.still_open(old, LAB)


async def test_an_answer_that_was_lost_costs_nothing(access: Access, clock: FixedClock) -> None:
    old = await access.sign_in(LAB)
    clock.advance(timedelta(minutes=29))
    await access.session(old)
    clock.advance(timedelta(minutes=2))
    lost = await offered(access, old)
    clock.advance(timedelta(minutes=5))
    new = await offered(access, old)
    assert new not in (None, lost)
    assert (await access.session(str(new))).actor == LAB


async def test_a_secret_that_was_replaced_ends_the_session_of_the_thief_and_of_the_victim(
    access: Access, clock: FixedClock
) -> None:
    stolen = await access.sign_in(LAB)
    clock.advance(timedelta(minutes=29))
    await access.session(stolen)
    clock.advance(timedelta(minutes=2))
    new = str(await offered(access, stolen))
    await access.session(new)
    clock.advance(timedelta(minutes=2))
    for cookie in (stolen, new):
        with pytest.raises(Unauthenticated):
            await access.session(cookie)


async def test_half_a_cookie_opens_nothing(access: Access) -> None:
    handle, _, secret = (await access.sign_in(LAB)).partition(".")
    for cookie in (handle, f"{handle}.", f"{handle}.x", f".{secret}", secret, "", "."):
        with pytest.raises(Unauthenticated):
            await access.session(cookie)


async def test_a_session_from_before_secrets_changed_goes_on_and_gets_one(
    access: Access, database: Database, clock: FixedClock
) -> None:
    cookie = await access.sign_in(LAB)
    handle = sessions.handle_of(cookie)
    async with database.transaction() as conn:
        await conn.execute(b"update access_session set secret = null, renewed = null, proved = null")
    clock.advance(timedelta(minutes=29))
    assert (await access.session(handle)).actor == LAB
    clock.advance(timedelta(minutes=2))
    new = str(await offered(access, handle))
    assert (await access.session(new)).actor == LAB
    with pytest.raises(Unauthenticated):
        await access.session(handle)


async def test_a_new_proof_changes_the_secret_at_once(access: Access, clock: FixedClock) -> None:
    cookie = await access.sign_in(LAB)
    clock.advance(timedelta(minutes=16))
    session = await access.session(cookie)
    assert not access.proof_is_fresh(session)
    assert access.proof_is_fresh(session, begun=True), "a form takes time to fill in"
    new = await access.prove_anew(cookie)
    with pytest.raises(Unauthenticated):
        await access.session(cookie)
    assert access.proof_is_fresh(await access.session(new))


async def enter(access: Access, device: Device = FIREFOX) -> str:
    return await access.enter(LAB, device, hint="psc token")


async def test_people_see_their_own_sessions_and_close_them(access: Access, clock: FixedClock) -> None:
    first = await enter(access)
    clock.advance(timedelta(minutes=1))
    second = await enter(access, Device(agent="Safari", address="2001:db8::1", secret="s" * 43))
    others = await access.enter(OTHER, FIREFOX, hint="psc token")
    async with access.act(LAB) as ctx:
        found = await sessions.open_sessions(ctx)
        assert [(one.agent, one.address, one.provider) for one in found] == [
            ("Safari", "2001:db8::1", "psc"),
            (FIREFOX.agent, "192.0.2.1", "psc"),
        ]
        for nobodys in (uuid4(), (await access.session(others)).id):
            with pytest.raises(NotFound):
                await sessions.close_one(ctx, nobodys)
        await sessions.close_one(ctx, found[1].id)
    with pytest.raises(Unauthenticated):
        await access.session(first)
    third = await enter(access)
    async with access.act(LAB) as ctx:
        await sessions.end_others(ctx, but=(await access.session(third)).id)
    with pytest.raises(Unauthenticated):
        await access.session(second)
    await access.session(third)
    async with access.act(LAB) as ctx:
        await sessions.end_others(ctx, but=None)
    with pytest.raises(Unauthenticated):
        await access.session(third)
    await access.session(others)


async def test_a_sign_in_is_in_the_trail(access: Access, database: Database) -> None:
    session = (await access.session(await enter(access))).id
    async with database.transaction() as conn:
        rows = await (await conn.execute(b"select actor, action, type, id from audit where type = 'sign-in'")).fetchall()
    assert [(row["actor"], row["action"], UUID(row["id"])) for row in rows] == [(LAB.id, "E", session)]


async def test_a_browser_is_new_to_those_who_have_another(access: Access, database: Database) -> None:
    async def told() -> int:
        async with database.transaction() as conn:
            row = await (await conn.execute(b"select count(*) as n from event where kind like '%NewDevice'")).fetchone()
        return int(row["n"])

    await enter(access)
    assert await told() == 0, "the first one is nobody's surprise"
    await enter(access)
    assert await told() == 0
    await enter(access, Device(agent="Safari", address="192.0.2.9", secret="s" * 43))
    assert await told() == 1


async def test_what_is_long_gone_is_forgotten(access: Access, database: Database, clock: FixedClock) -> None:
    await enter(access)
    clock.advance(timedelta(days=29))
    await enter(access)
    clock.advance(timedelta(days=10))
    async with access.act(SEED) as ctx:
        await sessions.forget_stale(ctx)
    async with database.transaction() as conn:
        row = await (await conn.execute(b"select count(*) as n from access_session")).fetchone()
    assert row["n"] == 1


async def test_roles_from_before_get_what_new_ones_have(access: Access, database: Database) -> None:
    role = {"resourceType": "PractitionerRole", "active": True, "practitioner": {"reference": "Practitioner/a"}}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {**role, "id": "with", "organization": {"reference": "Organization/o"}}, {**role, "id": "without"}
        )
    backfill = (
        files("maillage.access.sessions")
        .joinpath("migrations/0002_situations.sql")
        .read_text("utf-8")
        .partition("-- Who works")[2]
    )

    async def members() -> set[tuple[object, ...]]:
        async with database.transaction() as conn:
            rows = await (await conn.execute(b"select member, acts_for, via from access_member")).fetchall()
        return {(row["member"], row["acts_for"], row["via"]) for row in rows}

    whole = await members()
    keys = [at_work_in("PractitionerRole/with"), at_work_in("PractitionerRole/without")]
    assert len([1 for member, *_ in whole if member in keys]) == 5
    since_then = grantee(attending("Practitioner/a"))
    async with database.transaction() as conn:
        await conn.execute(b"delete from access_member where member = any(%s)", [[*keys, since_then]])
        await conn.execute(f"-- Who works{backfill}".encode())
    assert await members() == {row for row in whole if row[0] != since_then}


def test_who_works_elsewhere_reads_as_what_they_are_there() -> None:
    """A nurse of a hospital who is a midwife in town: the matrix asks what she is where she works now."""
    nurse = replace(professional("a", Role.HOSPITAL), profession="60")
    town = Situation(
        reference="PractitionerRole/t", organization="Organization/t", name="Cabinet", role=Role.PROFESSIONAL, profession="50"
    )
    unsaid = replace(town, profession=None)
    assert acting(nurse, town).profession == "50"
    assert acting(nurse, unsaid).profession == "60"


async def test_so_many_sessions_of_one_person_last_and_the_one_used_longest_ago_ends(access: Access, clock: FixedClock) -> None:
    cookies = []
    for n in range(SessionPolicy().most):
        clock.advance(timedelta(seconds=1))
        cookies.append(await access.enter(LAB, Device(agent="", address="", secret=str(n).ljust(43, "x")), hint="psc"))
    clock.advance(timedelta(seconds=90))
    await access.session(cookies[0])  # the oldest is the one used last
    last = await access.enter(LAB, Device(agent="", address="", secret="d" * 43), hint="psc")
    with pytest.raises(Unauthenticated):
        await access.session(cookies[1])
    for cookie in (cookies[0], *cookies[2:], last):
        assert (await access.session(cookie)).actor.id == LAB.id
    other = await access.enter(professional("other"), Device(agent="", address="", secret="e" * 43), hint="psc")
    assert (await access.session(cookies[2])).actor.id == LAB.id, "others count by themselves"
    assert await access.session(other)
