"""Nobody fills the agenda of somebody who has nothing to do with a person, and nobody's family reads what professionals said on the telephone."""

from typing import Any

import pytest

from maillage.access.access import Access
from maillage.errors import Unprocessable
from maillage.services.coordination.service import contacts
from maillage.services.coordination.service.contacts import Said
from maillage.services.coordination.tests.test_coordination_tasks import EVE, GP, LISE, territory
from tests.support.people import NOON, SEED, carer, patient, sees

__all__ = ["territory"]


def appointment(who: str, said: str = "accepted") -> dict[str, Any]:
    return {
        "resourceType": "Appointment", "status": "booked", "start": "2026-12-01T09:00:00+01:00", "end": "2036-12-01T09:00:00+01:00",
        "participant": [{"actor": {"reference": "Patient/anne"}, "status": "accepted"}, {"actor": {"reference": who}, "status": said}],
    }  # fmt: skip


async def test_who_has_nothing_to_do_with_the_person_says_yes_themself(territory: None, access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "stranger", "name": [{"family": "X"}]})
    with pytest.raises(Unprocessable):
        async with access.act(GP, door="fhir") as ctx:
            await ctx.records.write(appointment("Practitioner/stranger"))
    async with access.act(GP, door="fhir") as ctx:
        asked = await ctx.records.write(appointment("Practitioner/stranger", "needs-action"))
        await ctx.records.write(appointment("Practitioner/eve"))  # by the team that is in the circle
    async with access.act(SEED) as ctx:
        yes = await ctx.records.write(appointment("Practitioner/stranger") | {"id": asked["id"]})
    async with access.act(GP, door="fhir") as ctx:  # who said yes is not asked again
        await ctx.records.write(yes | {"description": "Avis"})


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
