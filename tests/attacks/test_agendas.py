"""Nobody fills the agenda of somebody who has nothing to do with a person, and nobody's family reads what professionals said on the telephone."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.clock import FixedClock
from maillage.errors import Unprocessable
from maillage.services.coordination.service import contacts
from maillage.services.coordination.service.contacts import Said
from maillage.services.coordination.tests.test_coordination_tasks import EVE, GP, LISE, territory
from tests.support.people import NOON, SEED, carer, patient, professional, sees
from tests.support.teams import works

__all__ = ["territory"]

STRANGER = professional("stranger")


def appointment(who: str, said: str = "accepted") -> dict[str, Any]:
    return {
        "resourceType": "Appointment", "status": "booked", "start": "2026-12-01T09:00:00+01:00", "end": "2036-12-01T09:00:00+01:00",
        "participant": [{"actor": {"reference": "Patient/anne"}, "status": "accepted"}, {"actor": {"reference": who}, "status": said}],
    }  # fmt: skip


async def test_an_appointment_opens_the_record_to_no_stranger(territory: None, access: Access, clock: FixedClock) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "stranger", "name": [{"family": "X"}]})
        await ctx.records.write({"resourceType": "Organization", "id": "elsewhere", "name": "Ailleurs"})
        await ctx.records.write(works("w", "elsewhere"))
    clock.advance(datetime.fromisoformat("2026-12-01T12:00:00+01:00") - NOON)
    for who, reader in (
        ("Practitioner/stranger", STRANGER),
        ("PractitionerRole/w-elsewhere", professional("w")),
    ):
        with pytest.raises(Unprocessable, match="Let them into the CareTeam first"):
            await write(access, appointment(who))
        asked = await write(access, appointment(who, "needs-action"))
        for said in ("needs-action", "tentative", "declined"):
            await write(access, appointment(who, said) | {"id": asked["id"]})
            assert not await reads(access, reader), f"{said}: who was asked, and did not say yes, sees nothing"
        with pytest.raises(Unprocessable):
            await write(access, appointment(who) | {"id": asked["id"]})
        yes = appointment(who) | {"id": asked["id"]}
        await write(access, yes, by=SEED)
        assert await reads(access, reader), "where they work they say for themselves who comes"
        await write(access, yes | {"description": "Avis"})
        with pytest.raises(Unprocessable):
            await write(access, yes | {"start": "2026-12-15T09:00:00+01:00"})
        assert await reads(access, reader), "an appointment that they said yes to is theirs; another day is another"
        await write(access, yes | {"status": "cancelled"})
        assert not await reads(access, reader)


async def test_an_appointment_opens_the_record_on_the_day_it_begins_and_the_next(
    territory: None, access: Access, clock: FixedClock
) -> None:
    await write(access, appointment("Practitioner/stranger"), by=SEED)  # until 2036
    for hours, opened in ((0, False), (24 * 8, True), (24, True), (24, False), (24 * 365, False)):
        clock.advance(timedelta(hours=hours))
        assert await reads(access, STRANGER) is opened, clock.now()


async def test_who_is_near_is_said_yes_for(territory: None, access: Access) -> None:
    await write(access, appointment("Practitioner/eve"))  # by the team that is in the circle
    await write(access, appointment("Practitioner/gp"))


async def test_a_refusal_does_not_tell_when_a_stranger_is_taken(territory: None, access: Access) -> None:
    refusals = set()
    for taken in (False, True):
        if taken:
            await write(access, appointment("Practitioner/stranger"), by=SEED)
        with pytest.raises(Unprocessable) as refused:
            await write(access, appointment("Practitioner/stranger"))
        refusals.add(str(refused.value))
    assert len(refusals) == 1


async def write(access: Access, resource: dict[str, Any], by: Actor = GP) -> dict[str, Any]:
    async with access.act(by, door="fhir") as ctx:
        return await ctx.records.write(resource)


async def reads(access: Access, actor: Actor) -> bool:
    async with access.act(actor, read_only=True) as ctx:
        return bool(await ctx.records.find("Patient", {"_id": "anne"}))


async def test_a_call_is_read_by_professionals(territory: None, access: Access) -> None:
    async with access.act(SEED) as ctx:
        husband = {
            "resourceType": "RelatedPerson",
            "id": "husband",
            "active": True,
            "patient": {"reference": "Patient/anne"},
            **sees("whole"),
        }
        await ctx.records.write(husband)
    said = Said(
        means="PHONE",
        with_whom="",
        other="Assistante sociale",
        subject="Inquiétude",
        result="Craint son mari",
        at=NOON,
        reached=True,
    )
    async with access.act(LISE) as ctx:
        await contacts.say(ctx, patient="anne", said=said)
    for actor, reads in ((GP, True), (EVE, True), (carer("husband"), False), (patient("anne"), False)):
        async with access.act(actor, read_only=True) as ctx:
            found = await ctx.records.find("Communication", {"patient": "Patient/anne"})
        assert bool(found) is reads, actor.name
