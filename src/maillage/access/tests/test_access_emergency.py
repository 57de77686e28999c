"""Break-glass: what it opens, for how long, what it leaves, and what it does not let anyone do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from maillage.access import chain, emergency
from maillage.access.access import Access
from maillage.access.actors import Actor, Role, job_actor
from maillage.access.emergency import Reason, Verdict
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import Forbidden, Invalid, NotFound
from tests.support.people import SEED, care_team, officer_of, patient, professional

DOCTOR = professional("emergency", Role.HOSPITAL, name="Dr Alix URGENCE")
OTHER = professional("other", Role.HOSPITAL)
OFFICER = officer_of(Role.OFFICER)
SAME = [{"other": {"reference": "Patient/p2"}, "type": "seealso"}]
WORDS = "Coma, transport par le SAMU, traitements inconnus"


@pytest.fixture
async def record(access: Access) -> Access:
    """Two people whom nobody at the emergency department follows; the second identity of the first is linked to it."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "p", "name": [{"family": "MARTIN"}], "link": SAME},
            {"resourceType": "Patient", "id": "p2"},
            {"resourceType": "Patient", "id": "q"},
            {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Potassium"}, "subject": {"reference": "Patient/p"}},
            {"resourceType": "Observation", "id": "o2", "status": "final", "code": {"text": "Sodium"}, "subject": {"reference": "Patient/p2"}},
            {"resourceType": "Observation", "id": "oq", "status": "final", "code": {"text": "Sodium"}, "subject": {"reference": "Patient/q"}},
            care_team("q", "Practitioner/other"),
        )  # fmt: skip
    return access


async def opened(access: Access, actor: Actor = DOCTOR, id: str = "p") -> None:
    async with access.act(actor) as ctx:
        await emergency.open_record(ctx, id, reason=Reason.UNABLE, words=WORDS)


async def seen(access: Access, actor: Actor) -> set[str]:
    async with access.act(actor, read_only=True) as ctx:
        return {one["id"] for one in await ctx.records.find("Observation")}


async def lines(database: Database, actor: Actor) -> list[dict[str, Any]]:
    async with database.transaction() as conn:
        found = await (
            await conn.execute("select * from audit where actor = %s order by at, batch, place", [actor.id])
        ).fetchall()
    assert (await chain.verify(database)).holds
    return found


async def test_a_record_opens_with_all_its_identities_and_nothing_else(record: Access) -> None:
    assert await seen(record, DOCTOR) == set()
    await opened(record)
    assert await seen(record, DOCTOR) == {"o", "o2"}
    assert await seen(record, OTHER) == {"oq"}


async def test_it_closes_by_itself(record: Access, clock: FixedClock) -> None:
    await opened(record)
    clock.advance(emergency.LASTS - timedelta(seconds=1))
    assert await seen(record, DOCTOR) == {"o", "o2"}
    clock.advance(timedelta(seconds=1))
    assert await seen(record, DOCTOR) == set()


async def test_it_is_closed_before_its_time_by_whoever_opened_it(record: Access, database: Database, clock: FixedClock) -> None:
    await opened(record)
    await opened(record, OTHER)
    clock.advance(timedelta(minutes=1))
    async with record.act(DOCTOR) as ctx:
        await emergency.close_record(ctx, "p")
        assert await emergency.open_until(ctx, "p") is None
    with pytest.raises(NotFound):
        async with record.act(DOCTOR) as ctx:
            await emergency.close_record(ctx, "q")
    assert [(line["query"], line["purpose"]) for line in await lines(database, DOCTOR)] == [
        ("emergency=unable", "BTG"), ("emergency=closed", "BTG"),
    ]  # fmt: skip
    assert await seen(record, DOCTOR) == set()
    assert await seen(record, OTHER) == {"o", "o2", "oq"}


async def test_whoever_opened_it_knows_until_when(record: Access, clock: FixedClock) -> None:
    await opened(record)
    async with record.act(DOCTOR, read_only=True) as ctx:
        assert await emergency.open_until(ctx, "p") == clock.now() + emergency.LASTS
        assert await emergency.open_until(ctx, "p2") == clock.now() + emergency.LASTS
        assert await emergency.open_until(ctx, "q") is None


@pytest.mark.parametrize(
    "actor",
    [professional("c", Role.COORDINATOR), professional("s", Role.SOCIAL_WORKER), patient("q"), OFFICER, officer_of(Role.OPERATOR), job_actor("tests/other")],
    ids=lambda actor: actor.id,
)  # fmt: skip
async def test_only_those_who_care_open_it(record: Access, database: Database, actor: Actor) -> None:
    with pytest.raises(Forbidden):
        await opened(record, actor)
    assert (await lines(database, actor))[-1]["outcome"] == "4"


@pytest.mark.parametrize("words", ["", "urgent", "   urgent      ", "x" * 501])
async def test_the_reason_is_told_in_words(record: Access, words: str) -> None:
    with pytest.raises(Invalid, match="10 to 500 letters"):
        async with record.act(DOCTOR) as ctx:
            await emergency.open_record(ctx, "p", reason=Reason.LIFE, words=words)
    assert await seen(record, DOCTOR) == set()


async def test_somebody_who_opens_record_after_record_is_stopped(record: Access, clock: FixedClock) -> None:
    for _ in range(emergency.MOST):
        await opened(record)
        clock.advance(timedelta(minutes=5))
    with pytest.raises(Forbidden, match="within a day"):
        await opened(record, id="q")
    clock.advance(emergency.WITHIN)
    await opened(record, id="q")


async def test_what_is_done_in_it_is_done_in_an_emergency(record: Access, database: Database, clock: FixedClock) -> None:
    await seen(record, DOCTOR)
    await opened(record)
    await seen(record, DOCTOR)
    await opened(record, OTHER)
    async with record.act(OTHER, read_only=True) as ctx:
        await ctx.records.read("Observation", "o")
        await ctx.records.read("Observation", "oq")
        await ctx.records.find("Observation")  # both: not only the record of the emergency
    clock.advance(emergency.LASTS + timedelta(seconds=1))
    async with record.act(DOCTOR, read_only=True) as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Observation", "o")
    purposes = [(line["type"], line["query"], line["purpose"]) for line in await lines(database, DOCTOR)]
    assert purposes == [
        ("Observation", "", "TREAT"),
        ("Patient", "emergency=unable", "BTG"),
        ("Observation", "", "BTG"),
        ("Observation", None, "TREAT"),
    ]
    assert [line["purpose"] for line in await lines(database, OTHER)] == ["BTG", "BTG", "TREAT", "TREAT"]


@pytest.mark.parametrize("giving", [
    care_team("p", "Practitioner/emergency"),
    care_team("p", "Practitioner/friend"),
    {"resourceType": "Encounter", "status": "in-progress", "class": {"code": "EMER"}, "subject": {"reference": "Patient/p"}, "participant": [{"individual": {"reference": "Practitioner/emergency"}}]},
    {"resourceType": "EpisodeOfCare", "status": "active", "patient": {"reference": "Patient/p"}, "careManager": {"reference": "Practitioner/emergency"}},
    {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p"}},
    {"resourceType": "Patient", "id": "p", "link": SAME, "generalPractitioner": [{"reference": "Practitioner/emergency"}]},
], ids=lambda one: str(one["resourceType"]))  # fmt: skip
async def test_nobody_stays_by_what_they_write_meanwhile(record: Access, clock: FixedClock, giving: dict[str, Any]) -> None:
    await opened(record)
    with pytest.raises(Forbidden, match="opened in an emergency"):
        async with record.act(DOCTOR) as ctx:
            await ctx.records.write(giving)
    clock.advance(emergency.LASTS)
    assert await seen(record, DOCTOR) == set()


async def test_care_is_written_down_in_it(record: Access) -> None:
    await opened(record)
    async with record.act(DOCTOR) as ctx:
        await ctx.records.write(
            {"resourceType": "Observation", "status": "final", "code": {"text": "Glasgow"}, "subject": {"reference": "Patient/p"}}
        )
    assert len(await seen(record, DOCTOR)) == 3


async def test_who_follows_the_person_anyway_keeps_their_rights(record: Access) -> None:
    await opened(record, OTHER, "q")
    async with record.act(OTHER) as ctx:
        await ctx.records.write(care_team("q", "Practitioner/other", "Practitioner/emergency"))
    assert await seen(record, DOCTOR) == {"oq"}


async def test_the_person_reads_who_and_why(record: Access, clock: FixedClock) -> None:
    await opened(record)
    async with record.act(patient("p"), read_only=True) as ctx:
        (one,) = await emergency.of_person(ctx, "p", since=clock.now() - timedelta(days=1))
    assert (one.name, one.reason, one.words, one.until - one.since) == (DOCTOR.name, Reason.UNABLE, WORDS, emergency.LASTS)
    for actor, refused in ((patient("q"), NotFound), (DOCTOR, Forbidden), (OFFICER, Forbidden)):
        with pytest.raises(refused):
            async with record.act(actor, read_only=True) as ctx:
                await emergency.of_person(ctx, "p", since=clock.now())


async def test_the_officer_reviews_each_once(record: Access, clock: FixedClock) -> None:
    for n, actor in enumerate((DOCTOR, OTHER)):
        clock.advance(timedelta(minutes=n))
        await opened(record, actor)
    async with record.act(OFFICER) as ctx:
        first, second = await emergency.to_review(ctx)
        assert (first.name, second.name) == (DOCTOR.name, OTHER.name)
        assert [one.id for one in await emergency.to_review(ctx, before=first.id)] == [second.id]
        await emergency.review(ctx, first.id, verdict=Verdict.JUSTIFIED, remark="")
        with pytest.raises(Invalid, match="remark"):
            await emergency.review(ctx, second.id, verdict=Verdict.UNJUSTIFIED, remark="non")
        with pytest.raises(NotFound):
            await emergency.review(ctx, first.id, verdict=Verdict.UNJUSTIFIED, remark="Un autre avis, plus tard")
        (waits,) = await emergency.to_review(ctx)
        (done,) = await emergency.to_review(ctx, reviewed=True)
    assert waits.id == second.id
    assert (done.id, done.verdict, done.reviewer, done.reviewed) == (first.id, Verdict.JUSTIFIED, OFFICER.name, clock.now())


@pytest.mark.parametrize(
    "actor", [DOCTOR, patient("p"), officer_of(Role.OPERATOR), professional("c", Role.COORDINATOR)], ids=lambda a: a.id
)
async def test_nobody_else_reads_or_reviews_them(record: Access, actor: Actor) -> None:
    await opened(record)
    async with record.act(OFFICER, read_only=True) as ctx:
        (one,) = await emergency.to_review(ctx)
    for reading in (True, False):
        with pytest.raises(Forbidden):
            async with record.act(actor) as ctx:
                if reading:
                    await emergency.to_review(ctx)
                else:
                    await emergency.review(ctx, one.id, verdict=Verdict.JUSTIFIED, remark="")


async def test_openings_at_the_same_time_are_counted_one_after_the_other(record: Access, database: Database) -> None:
    people = [f"many-{number}" for number in range(emergency.MOST + 10)]
    async with record.act(SEED) as ctx:
        await ctx.records.write_all({"resourceType": "Patient", "id": one} for one in people)
    await asyncio.gather(*(opened(record, id=one) for one in people), return_exceptions=True)
    async with database.transaction() as conn:
        row = await (await conn.execute(b"select count(*) as n from access_emergency")).fetchone()
    assert row == {"n": emergency.MOST}


HERE, THERE = replace(DOCTOR, situation="PractitionerRole/here"), replace(DOCTOR, situation="PractitionerRole/there")


@pytest.fixture
async def two_places(record: Access) -> Access:
    """The doctor works in two places; one of them follows the second person."""
    places = [
        {"resourceType": "PractitionerRole", "id": place, "practitioner": {"reference": "Practitioner/emergency"},
         "organization": {"reference": f"Organization/{place}"}}
        for place in ("here", "there")
    ]  # fmt: skip
    async with record.act(SEED) as ctx:
        await ctx.records.write(*places, care_team("q", "Organization/there", id="team-there"))
    return record


async def test_another_place_of_work_lets_nobody_stay_at_this_one(two_places: Access) -> None:
    team = care_team("q", "Practitioner/emergency", id="mine")
    async with two_places.act(THERE) as ctx, ctx.undone():
        await ctx.records.write(team)  # where they follow the person they may
    await opened(two_places, HERE, "q")
    with pytest.raises(Forbidden, match="opened in an emergency"):
        async with two_places.act(HERE) as ctx:
            await ctx.records.write(team)


def denying(**provision: Any) -> dict[str, Any]:
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
    return {
        "resourceType": "Consent", "id": "no", "status": "active", "scope": scope, "category": [{"text": "choice"}], "policyRule": {"text": "x"},
        "patient": {"reference": "Patient/q"}, "provision": {"type": "deny", **provision},
    }  # fmt: skip


async def test_a_sight_that_the_person_took_back_lets_nobody_stay(record: Access) -> None:
    team = care_team("q", "Practitioner/other", id="mine")
    async with record.act(OTHER) as ctx, ctx.undone():
        await ctx.records.write(team)
    async with record.act(SEED) as ctx:
        purpose = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]
        await ctx.records.write(denying(purpose=purpose))
    await opened(record, OTHER, "q")
    assert await seen(record, OTHER) == {"oq"}
    with pytest.raises(Forbidden, match="opened in an emergency"):
        async with record.act(OTHER) as ctx:
            await ctx.records.write(team)


async def test_who_was_kept_out_of_one_place_of_work_opens_it_at_another_only(two_places: Access) -> None:
    out = {"role": {"coding": [{"code": "PRCP"}]}, "reference": {"reference": "Organization/there"}}
    async with two_places.act(SEED) as ctx:
        await ctx.records.write(denying(actor=[out]))
    with pytest.raises(emergency.Opposed):
        await opened(two_places, THERE, "q")
    await opened(two_places, HERE, "q")
    assert await seen(two_places, HERE) == {"oq"}
    assert await seen(two_places, THERE) == set()
