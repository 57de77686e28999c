"""What happens after a Patient came in through the FHIR door, by the reactor itself."""

from dataclasses import replace

import pytest

from maillage.errors import NotFound
from maillage.jobs import Reactor
from maillage.services.identity import jobs
from maillage.services.identity.public import Identifier, IdentityClaim, Ins, Root, Traits, as_regional, patient_for, record_of
from tests.support.people import MACHINE, SEED, care_team, professional

CLAIM = IdentityClaim(
    Traits("PAT-TROIS", "DOMINIQUE", "DOMINIQUE", "1979-03-28", "female"),
    Ins("279035121518989", Root.NIR_TEST),
    reliability=frozenset({"VALI"}),
)


async def test_patients_written_through_fhir_are_matched_by_the_worker(access, database, clock):
    reactor = Reactor(database=database, access=access, clock=clock, reactions=[jobs.match_stored_patient])
    await reactor.prepare()
    async with access.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(CLAIM), "1") | {"id": "record"})
    async with access.act(MACHINE, door="fhir") as ctx:
        known, unknown = await ctx.records.write(
            patient_for(CLAIM), {"resourceType": "Patient", "name": [{"family": "INCONNU", "given": ["ANA"]}]}
        )
    await reactor.drain()
    async with access.act(SEED) as ctx:
        assert await record_of(ctx, known["id"]) == "record"
        assert await record_of(ctx, unknown["id"]) is None


ONESELF = {"generalPractitioner": [{"reference": "Practitioner/outsider"}]}
OWN_PLACE = {"managingOrganization": {"reference": "Organization/outside"}}


@pytest.mark.parametrize(
    ("already", "said", "linked"),
    [
        ((), ONESELF, None),
        (("Practitioner/outsider",), ONESELF, None),  # an attending physician sees what is masked from the circle
        (("Organization/outside",), OWN_PLACE, "record"),
    ],
)
async def test_nobody_lets_themself_into_a_record_by_sending_its_identity(access, database, clock, already, said, linked):
    outsider = professional("outsider")
    reactor = Reactor(database=database, access=access, clock=clock, reactions=[jobs.match_stored_patient])
    await reactor.prepare()
    async with access.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(CLAIM), "1") | {"id": "record"}, care_team("record", *already))
    async with access.act(outsider, door="fhir") as ctx:
        sent = await ctx.records.write(patient_for(CLAIM) | said)
    await reactor.drain()
    async with access.act(SEED) as ctx:
        assert await record_of(ctx, sent["id"]) == linked
    if not already:
        async with access.act(outsider) as ctx:
            with pytest.raises(NotFound):
                await ctx.records.read("Patient", "record")
    if linked is None:
        async with database.transaction() as conn:
            cases = await (await conn.execute("select reason, near, state from identity_case")).fetchall()
        assert [tuple(case.values()) for case in cases] == [("opens-record", ["record"], "open")]


async def test_those_who_wait_are_matched_together_each_by_itself(access, database, clock):
    reactor = Reactor(database=database, access=access, clock=clock, reactions=[jobs.match_stored_patient])
    await reactor.prepare()
    unknown = {"resourceType": "Patient", "name": [{"family": "INCONNU", "given": ["ANA"]}]}
    async with access.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(CLAIM), "1") | {"id": "record"})
    async with access.act(MACHINE, door="fhir") as ctx:
        sent = await ctx.records.write(*(patient_for(CLAIM) if n % 5 == 0 else unknown for n in range(40)))
        gone = await ctx.records.write(patient_for(CLAIM))
    async with access.act(MACHINE, door="fhir") as ctx:
        await ctx.records.write({**sent[1], "gender": "female"})
        await ctx.records.delete("Patient", gone["id"])
    await reactor.drain()
    async with access.act(SEED) as ctx:
        assert [await record_of(ctx, one["id"]) for one in sent] == ["record" if n % 5 == 0 else None for n in range(40)]
    async with database.transaction() as conn:
        cases = await (await conn.execute("select patient, state from identity_case")).fetchall()
        doings = await (
            await conn.execute("select count(distinct (chain, batch)) from audit where actor like 'job:%match%'")
        ).fetchone()
    assert sorted(case["patient"] for case in cases) == sorted(one["id"] for n, one in enumerate(sent) if n % 5)
    assert {case["state"] for case in cases} == {"open"}
    assert doings["count"] <= 3


async def test_who_is_known_through_another_who_waits_is_linked_after_them(access, database, clock):
    reactor = Reactor(database=database, access=access, clock=clock, reactions=[jobs.match_stored_patient])
    await reactor.prepare()
    file = (Identifier("https://chu-exemple.fr/ipp", "4711"),)
    async with access.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(CLAIM), "1") | {"id": "record"})
    async with access.act(MACHINE, door="fhir") as ctx:
        by_ins, by_file = await ctx.records.write(
            patient_for(replace(CLAIM, identifiers=file)), patient_for(IdentityClaim(CLAIM.traits, identifiers=file))
        )
    await reactor.drain()
    async with access.act(SEED) as ctx:
        assert [await record_of(ctx, one["id"]) for one in (by_ins, by_file)] == ["record", "record"]
