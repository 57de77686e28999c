"""The seed on a real database: whole or absent, told once, and everybody sees what is theirs."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.connectors.franceconnect import pivot_of
from maillage.db import Database
from maillage.demo import everyday
from maillage.demo.claims import claims_of
from maillage.demo.numbers import resource_id
from maillage.demo.people import DOCUMENTED, OTHER_PATIENT, PAT_TROIS
from maillage.demo.personas import PERSONAS, persona
from maillage.demo.territory import actor_of, ensure_personas, is_seeded, seed
from maillage.errors import NotFound
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import absences, caseload, facts, invitations, support
from maillage.services.directory.public import circle
from maillage.services.exchange.service import quarantine
from maillage.services.identity.public import IdentityClaim, identify, waiting
from maillage.services.portal.public import records_of


@pytest.fixture
def platform(access: Access, clock: FixedClock, database: Database) -> Platform:
    return Platform(Config(), clock, database, access._files, access)


async def sees(platform: Platform, who: str, patient: str) -> bool:
    async with platform.access.act(actor_of(persona(who))) as ctx:
        try:
            await ctx.records.read("Patient", patient)
        except NotFound:
            return False
        return True


async def test_personas_can_sign_in_before_anybody_lives_there(platform, database):
    tokens = await ensure_personas(platform)
    assert set(tokens) == {one.id for one in PERSONAS}
    for one in PERSONAS:
        actor = await platform.access.bearer(tokens[one.id])
        assert (actor.reference, actor.name) == (one.reference, one.name)
    assert not await is_seeded(database)
    async with platform.access.act(actor_of(persona("system"))) as ctx:
        assert await ctx.records.find("Patient", {}) == []
        assert len(await ctx.records.find("Practitioner", {})) == sum(one.resource == "Practitioner" for one in PERSONAS)


async def test_the_territory_is_written_once_and_each_sees_what_is_theirs(platform, database):
    await ensure_personas(platform)
    told = await seed(platform, scale=0.03)
    assert await is_seeded(database)
    assert "documents" in told
    await ensure_personas(platform)
    for who in ("gp", "nurse", "hospital", "coordinator", "social-worker", "patient", "carer", "steward", "system"):
        assert await sees(platform, who, PAT_TROIS.id), who
    for who in ("outsider", "other-patient", "operator", "officer", "ars"):
        assert not await sees(platform, who, PAT_TROIS.id), who
    assert await sees(platform, "other-patient", OTHER_PATIENT.id)
    assert await sees(platform, "guardian", DOCUMENTED.id)
    for one in (one for one in PERSONAS if one.birth):  # FranceConnect's emulator proves them to be whom the records name
        proven, (record,) = await records_of(platform.access, pivot_of(claims_of(one)))
        assert (proven.reference, proven.roles) == (one.reference, actor_of(one).roles)
        assert record.reference == one.reference
    async with platform.access.act(actor_of(persona("gp"))) as ctx:
        members = await circle(ctx, PAT_TROIS.id)
        assert members[0].reference == persona("gp").reference
        assert {member.kind for member in members} == {"care", "coordination", "social", "person"}
        found = await ctx.records.find("DocumentReference", {"patient": PAT_TROIS.reference})
        for came, made in (
            (datetime.fromisoformat(d["date"]), datetime.fromisoformat(d["content"][0]["attachment"]["creation"])) for d in found
        ):
            assert timedelta() <= came - made < timedelta(days=1)
        assert len({d["date"] for d in found}) == len(found) > 1
    async with platform.access.act(actor_of(persona("steward"))) as ctx:
        assert await waiting(ctx) > 10
        (refused,) = await quarantine.entries(ctx)
        assert "2.3.1" in refused.text
    async with platform.access.act(actor_of(persona("system"))) as ctx:
        found = await identify(ctx, IdentityClaim(PAT_TROIS.traits, PAT_TROIS.ins))
    assert (found.certain, found.patient) == (True, PAT_TROIS.id)


async def test_each_page_of_the_coordination_has_something_to_show(platform):
    await ensure_personas(platform)
    await seed(platform, scale=0.1)
    lise = actor_of(persona("coordinator"))
    async with platform.access.act(lise) as ctx:
        desk = await support.desk(ctx)
        assert all(desk.counts[state] for state in (State.NEW, State.WAITING, State.ACCEPTED, State.REFUSED, State.CLOSED))
        assert desk.late
        followed = (await caseload.read(ctx)).people
        assert {bool(one.referent) for one in followed} == {True}
        assert {one.own for one in followed} == {True, False}
        assert {one.level for one in followed} == {"Simple", "Renforcé", "Complexe"}
        (waiting_one,) = await invitations.of_record(ctx, PAT_TROIS.id)
        assert waiting_one.email == everyday.INVITED
        assert await absences.replaced(ctx) == [f"Practitioner/{resource_id('Practitioner', 'coordinator-3')}"]
        life = (await facts.life(ctx, patient=PAT_TROIS.id)).facts
        assert all(life[slug] for slug in ("domicile", "proche", "aide", "droit", "suivi", "avis")), life
        old = [one for one in followed if (await facts.life(ctx, patient=one.patient["id"])).facts["protection"]]
        assert old
        assert await ctx.records.find("Flag", {"patient": f"Patient/{old[0].patient['id']}", "_count": "1"})
    async with platform.access.act(actor_of(persona("gp"))) as ctx:
        assert await ctx.records.find("DocumentReference", {"description": "Bilan de fin d’appui à la coordination"})


async def test_a_seed_that_fails_leaves_nothing_behind(platform, database, monkeypatch):
    async def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("maillage.demo.territory.receive", failing)
    with pytest.raises(RuntimeError, match="disk is full"):
        await seed(platform, scale=0.02)
    assert not await is_seeded(database)
