"""Identity through its verbs and doors, on a real database."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.context import Context
from maillage.connectors.mllp.er7 import read
from maillage.db import count_statements
from maillage.errors import Conflict, Forbidden, Invalid, NotFound, Unprocessable
from maillage.services.exchange.public import Refused
from maillage.services.identity import ports
from maillage.services.identity.events import (
    EncounterFinished,
    EncounterStarted,
    IdentityLinked,
    IdentityPromoted,
    IdentityToReview,
    IdentityUnlinked,
    PatientStored,
)
from maillage.services.identity.public import (
    Identifier,
    IdentityClaim,
    Ins,
    Reason,
    Root,
    Traits,
    as_regional,
    banner,
    identify,
    identities_of,
    patient_for,
    record_of,
    waiting,
)
from maillage.services.identity.resources.patients import reliability_of
from maillage.services.identity.service import stewarding
from maillage.services.identity.service.matching import match
from maillage.services.identity.service.people import QUERIES
from maillage.ui.banner import AllergyState, InsStatus
from tests.support.people import MACHINE, SEED, care_team, officer_of, professional

STEWARD = officer_of(Role.STEWARD)
TRAITS = Traits("PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "DOMINIQUE", "1979-03-28", "female", "51215")
INS = Ins("279035121518989", Root.NIR_TEST)
IPP = Identifier("urn:maillage:facility:000897406", "000003")
CLAIM = IdentityClaim(TRAITS, INS, (IPP,), frozenset({"VALI"}), origin="CH (MDM T02)")
DISCORDANT = replace(CLAIM, traits=replace(TRAITS, birth_date="1976-05-31"), identifiers=())

PID = (
    "PID|1||000003^^^CHU-X&000897406&N^PI~279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS"
    "||PAT-TROIS^DOMINIQUE^DOMINIQUE^^^^L||19790328|F|||28 Av de Breteuil^^PARIS^^75007^FRA^H" + "|" * 21 + "VALI"
)
PV1 = "PV1|1|I|||||||||||||||||000897406^^^CHU-X&000897406&M^VN" + "|" * 25 + "20240306110000"


def message(event: str, *segments: str, pid: str = PID) -> Any:
    header = f"MSH|^~\\&|GAM|CHU-X|DPI|CHU-X|20240306111154||ADT^{event}^ADT_A01|1|D|2.5^FRA^2.11|||||FRA|UNICODE UTF-8"
    return read("\r".join([header, pid, *segments]).encode())


async def a_record(access: Access, id: str = "record", claim: IdentityClaim = CLAIM, number: str = "1") -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(claim), number) | {"id": id})


async def received(access: Access, claim: IdentityClaim = CLAIM) -> Any:
    async with access.act(MACHINE) as ctx:
        return await identify(ctx, claim)


async def the_case(ctx: Context) -> dict[str, Any]:
    (case,) = await ctx.run(QUERIES.queue, count=10, start=0)
    return case


async def test_a_known_ins_with_coherent_traits_is_certain_in_one_statement(access):
    await a_record(access)
    async with access.act(MACHINE) as ctx:
        with count_statements() as counted:
            found = await identify(ctx, CLAIM)
    assert (found.certain, found.patient_reference, found.record_reference) == (True, "Patient/record", "Patient/record")
    assert counted.statements == 1


async def test_the_facility_number_of_a_certain_message_identifies_the_next_one_without_ins(access):
    await a_record(access, claim=replace(CLAIM, identifiers=()))
    assert (await received(access)).reason is Reason.SAME_INS
    found = await received(access, replace(CLAIM, ins=None))
    assert (found.certain, found.reason) == (True, Reason.SAME_IDENTIFIER)


async def test_an_unknown_person_is_kept_as_a_source_identity_and_put_to_a_steward(access):
    async with access.act(MACHINE) as ctx:
        found = await identify(ctx, CLAIM)
        stored = await ctx.records.read("Patient", found.patient)
        assert ctx.announced == (IdentityToReview(patient=found.patient, reason="unknown"),)
    assert (found.certain, found.record_reference, found.reason) == (False, None, Reason.UNKNOWN)
    assert stored["meta"]["tag"][0]["code"] == "source"
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
    assert (case["patient"], case["reason"], case["origin"]) == (found.patient, "unknown", "CH (MDM T02)")


async def test_a_contradicting_ins_is_a_discordance_to_compare_with_the_record(access):
    await a_record(access)
    found = await received(access, DISCORDANT)
    assert (found.certain, found.reason) == (False, Reason.DISCORDANT)
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
    assert (case["reason"], case["near"]) == ("discordant", ["record"])
    assert (await received(access)).patient == "record"


async def test_the_same_traits_without_an_ins_are_compared_and_never_merged(access):
    await a_record(access)
    found = await received(access, IdentityClaim(TRAITS))
    assert (found.certain, found.reason) == (False, Reason.SAME_TRAITS)


async def test_a_second_letter_of_a_waiting_person_joins_the_first_without_a_second_case(access):
    first, second = await received(access), await received(access)
    assert first.patient == second.patient
    async with access.act(STEWARD) as ctx:
        assert await waiting(ctx) == 1


async def test_two_letters_at_once_about_a_new_person_make_one_identity(access):
    both = await asyncio.gather(*(received(access) for _ in range(5)))
    assert len({found.patient for found in both}) == 1
    async with access.act(STEWARD) as ctx:
        assert await waiting(ctx) == 1


async def test_two_letters_at_once_known_by_crossed_numbers_do_not_block_each_other(access):
    one = replace(CLAIM, identifiers=(IPP, Identifier("urn:oid:1.2.3", "9")))
    other = replace(CLAIM, identifiers=(Identifier("urn:oid:1.2.3", "9"), IPP))
    both = await asyncio.gather(*(received(access, claim) for claim in (one, other) * 3))
    assert len({found.patient for found in both}) == 1


async def test_a_steward_links_and_what_was_filed_is_seen_with_the_record(access):
    await a_record(access)
    gp = professional("gp", Role.GP)
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("record", "Practitioner/gp"))
    found = await received(access, DISCORDANT)
    async with access.act(gp) as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Patient", found.patient)
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
        await stewarding.link(ctx, case_id=case["id"], record="record")
        assert ctx.announced == (IdentityLinked(source=found.patient, record="record"),)
    async with access.act(gp) as ctx:
        assert (await ctx.records.read("Patient", found.patient))["link"][0]["other"]["reference"] == "Patient/record"
        assert await identities_of(ctx, found.patient) == ["record", found.patient]
        assert await record_of(ctx, found.patient) == "record"
        assert await waiting(ctx) == 0
    again = await received(access, DISCORDANT)
    assert (again.certain, again.patient, again.record_reference) == (True, found.patient, "Patient/record")


async def test_a_link_is_undone_and_the_identity_leaves_the_record(access):
    await a_record(access)
    gp = professional("gp", Role.GP)
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("record", "Practitioner/gp"))
    found = await received(access, DISCORDANT)
    async with access.act(STEWARD) as ctx:
        await stewarding.link(ctx, case_id=(await the_case(ctx))["id"], record="record")
    async with access.act(STEWARD) as ctx:
        await stewarding.undo_last(ctx)
        assert ctx.announced == (IdentityUnlinked(source=found.patient, record="record"),)
        assert await waiting(ctx) == 1
        assert await identities_of(ctx, found.patient) == [found.patient]
    async with access.act(gp) as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Patient", found.patient)


async def test_a_steward_makes_a_record_of_a_new_person_and_can_take_it_back(access):
    found = await received(access)
    async with access.act(STEWARD) as ctx:
        number = await stewarding.promote(ctx, case_id=(await the_case(ctx))["id"])
        assert ctx.announced == (IdentityPromoted(patient=found.patient),)
    again = await received(access)
    assert (again.certain, again.patient) == (True, found.patient)
    async with access.act(STEWARD) as ctx:
        stored = await ctx.records.read("Patient", found.patient)
        assert number in [identifier["value"] for identifier in stored["identifier"]]
        await stewarding.undo_last(ctx)
        assert await record_of(ctx, found.patient) is None


async def test_two_records_never_share_an_ins(access):
    await a_record(access)
    await received(access, DISCORDANT)
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
    with pytest.raises(Conflict, match="has this INS already"):
        async with access.act(STEWARD) as ctx:
            await stewarding.promote(ctx, case_id=case["id"])


async def test_a_case_is_decided_once(access):
    await received(access)
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
        await stewarding.promote(ctx, case_id=case["id"])
    with pytest.raises(Conflict, match="decided already"):
        async with access.act(STEWARD) as ctx:
            await stewarding.promote(ctx, case_id=case["id"])


async def test_an_identity_is_linked_to_records_only(access):
    await a_record(access)
    one = await received(access, DISCORDANT)
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
    with pytest.raises(Conflict, match="not a regional record"):
        async with access.act(STEWARD) as ctx:
            await stewarding.link(ctx, case_id=case["id"], record=one.patient)


async def test_nobody_but_a_steward_decides(access):
    await received(access)
    with pytest.raises(Forbidden):
        async with access.act(professional("gp", Role.GP)) as ctx:
            await stewarding.promote(ctx, case_id=1)


async def written_by_fhir(access: Access, patient: dict[str, Any]) -> dict[str, Any]:
    async with access.act(MACHINE, door="fhir") as ctx:
        stored = await ctx.records.write(patient)
        assert PatientStored(patient=stored["id"]) in ctx.announced
        return stored


async def test_a_patient_written_through_fhir_is_a_provisional_source_identity(access):
    stored = await written_by_fhir(access, {"resourceType": "Patient", "name": [{"family": "Durand", "given": ["Paul"]}]})
    assert stored["meta"]["tag"] == [{"system": "urn:maillage:identity-kind", "code": "source", "display": "Identité source"}]
    (said,) = stored["extension"]
    assert said["extension"][0]["valueCoding"]["code"] == "PROV"


@pytest.mark.parametrize(("ins", "codes"), [(None, {"PROV", "HOMA"}), (INS, {"VALI", "HOMA"})])
async def test_a_client_cannot_validate_an_identity_that_has_no_ins(access, ins, codes):
    claim = IdentityClaim(TRAITS, ins, (), frozenset({"VALI", "HOMA"}))
    stored = await written_by_fhir(access, patient_for(claim))
    assert reliability_of(stored) == codes


async def test_a_client_cannot_call_its_patient_a_regional_record_nor_link_it(access):
    await a_record(access)
    claimed = as_regional(patient_for(IdentityClaim(TRAITS)), "77") | {
        "link": [{"other": {"reference": "Patient/record"}, "type": "refer"}]
    }
    stored = await written_by_fhir(access, claimed)
    assert stored["meta"]["tag"][0]["code"] == "source"
    assert "link" not in stored


async def test_a_client_that_updates_a_record_does_not_undo_what_it_is(access):
    await a_record(access)
    bare = patient_for(replace(CLAIM, identifiers=())) | {"id": "record"}
    stored = await written_by_fhir(access, {key: value for key, value in bare.items() if key != "meta"})
    assert stored["meta"]["tag"][0]["code"] == "regional"
    assert "1" in [identifier["value"] for identifier in stored["identifier"]]


async def test_a_stored_patient_is_linked_afterwards_when_it_is_certain(access):
    await a_record(access)
    stored = await written_by_fhir(access, patient_for(CLAIM))
    async with access.act(SEED) as ctx:
        await match(ctx, stored["id"])
        assert ctx.announced == (IdentityLinked(source=stored["id"], record="record"),)
    async with access.act(SEED) as ctx:
        await match(ctx, stored["id"])
        assert ctx.announced == ()


async def test_a_stored_patient_that_is_not_certain_waits_for_a_steward_once(access):
    stored = await written_by_fhir(access, patient_for(CLAIM))
    for _ in range(2):
        async with access.act(SEED) as ctx:
            await match(ctx, stored["id"])
    async with access.act(STEWARD) as ctx:
        assert (await the_case(ctx))["patient"] == stored["id"]


@pytest.mark.parametrize(
    ("system", "value"), [("urn:oid:1.2.250.1.213.1.4.8", "123456789012244"), ("urn:oid:1.2.250.1.213.1.4.12", "279035121518989")]
)
async def test_a_false_ins_is_refused_at_its_place(access, system, value):
    patient = {"resourceType": "Patient", "identifier": [{"value": "1"}, {"system": system, "value": value}]}
    with pytest.raises(Unprocessable) as refusal:
        async with access.act(MACHINE, door="fhir") as ctx:
            await ctx.records.write(patient)
    assert refusal.value.issues[0].expression == "Patient.identifier[1]"


async def test_an_identifier_longer_than_can_be_kept_is_refused_and_not_tried_again(access):
    long = "".join(sha256(str(n).encode()).hexdigest() for n in range(400))
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": long}]}
    with pytest.raises(Unprocessable, match="longer"):
        async with access.act(MACHINE, door="fhir") as ctx:
            await ctx.records.write(patient)


async def test_a_false_test_number_is_stored_and_identifies_nobody(access):
    wrong = replace(CLAIM, ins=Ins("123456789012345", Root.NIR_TEST), identifiers=())
    await written_by_fhir(access, patient_for(wrong))
    assert (await received(access, wrong)).reason is Reason.SAME_TRAITS


async def test_a_deleted_patient_identifies_nobody(access):
    await a_record(access)
    async with access.act(SEED) as ctx:
        await ctx.records.delete("Patient", "record")
    assert (await received(access)).reason is Reason.UNKNOWN


@pytest.mark.parametrize("id", ["a\0b", "a_b", "a" * 65])
async def test_a_deletion_by_what_is_no_id_is_refused_before_the_database_sees_it(access, id):
    with pytest.raises(Invalid, match="1 to 64"):
        async with access.act(SEED) as ctx:
            await ctx.records.delete("Patient", id)


async def adt(access: Access, event: str, *segments: str, pid: str = PID) -> Any:
    async with access.act(MACHINE) as ctx:
        handler = ports.receive_merge if event == "A40" else ports.receive_movement
        return await handler(ctx, message(event, *segments, pid=pid)), ctx.announced


async def test_a_stay_opens_and_closes_and_says_so(access):
    await a_record(access)
    admitted, said = await adt(access, "A01", PV1)
    assert admitted.patient == "Patient/record"
    (started,) = said
    assert isinstance(started, EncounterStarted)
    _, said = await adt(access, "A03", PV1, "ZBE|1|20240310080000||INSERT|N||||S", "ZFM||8")
    (finished,) = said
    assert isinstance(finished, EncounterFinished)
    assert (finished.encounter, finished.patient, finished.home) == (started.encounter, "record", True)
    _, said = await adt(access, "A03", PV1, "ZBE|1|20240310080000||INSERT|N||||S", "ZFM||8")
    assert said == ()


async def test_consents_to_the_dmp_are_written_once(access):
    await a_record(access)
    zfa = "ZFA|ACTIF|20240306111154|||||||INO|20240306111154|INC|20240306111154"
    for _ in range(2):
        handled, _ = await adt(access, "A01", PV1, zfa)
    assert len([reference for reference in handled.records if reference.startswith("Consent/")]) == 2
    async with access.act(SEED) as ctx:
        found = await ctx.records.find("Consent", {"patient": "Patient/record"})
    assert sorted(one["provision"]["type"] for one in found) == ["deny", "permit"]
    assert {one["meta"]["versionId"] for one in found} == {"1"}


async def test_the_source_of_an_identity_is_its_establishment(access):
    place = {
        "resourceType": "Organization",
        "id": "chu",
        "name": "CHU",
        "identifier": [{"system": "https://finess.esante.gouv.fr", "value": "000897406"}],
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(place)
    handled, _ = await adt(access, "A28")
    async with access.act(SEED) as ctx:
        stored = await ctx.records.read("Patient", handled.patient.removeprefix("Patient/"))
    assert stored["managingOrganization"]["reference"] == "Organization/chu"
    assert stored["address"][0]["city"] == "PARIS"


async def test_a_correction_by_its_source_rewrites_a_waiting_identity(access):
    wrong = PID.replace("19790328", "19970328").replace("~279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS", "")
    first, _ = await adt(access, "A28", pid=wrong)
    await a_record(access, claim=replace(CLAIM, identifiers=()))
    second, said = await adt(access, "A31")
    assert second.patient in (first.patient, "Patient/record")
    async with access.act(SEED) as ctx:
        source = await ctx.records.read("Patient", first.patient.removeprefix("Patient/"))
        assert source["birthDate"] == "1979-03-28"
        assert await record_of(ctx, source["id"]) == "record"
    assert IdentityLinked(source=source["id"], record="record") in said


async def test_a_merge_at_the_source_is_put_to_a_steward_and_changes_nothing(access):
    await a_record(access)
    other = replace(CLAIM, traits=replace(TRAITS, birth_name="PATTROIS"), ins=None, identifiers=(replace(IPP, value="77"),))
    prior = await received(access, other)
    async with access.act(STEWARD) as ctx:
        await stewarding.promote(ctx, case_id=(await the_case(ctx))["id"])
    await adt(access, "A40", "MRG|77^^^CHU-X&000897406&N^PI")
    async with access.act(STEWARD) as ctx:
        case = await the_case(ctx)
        assert (case["patient"], case["reason"], case["near"]) == (prior.patient, "merge", ["record"])
        await stewarding.link(ctx, case_id=case["id"], record="record")
        assert await identities_of(ctx, "record") == ["record", prior.patient]
        await stewarding.undo_last(ctx)
        assert await record_of(ctx, prior.patient) == prior.patient


async def test_a_message_without_a_person_is_refused_at_pid(access):
    with pytest.raises(Refused) as refusal:
        await adt(access, "A28", pid="PD1||U")
    assert str(refusal.value.place) == "PID"


async def test_the_banner_says_who_and_what_could_harm(access):
    await a_record(access)
    allergy = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/record"},
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
        },
        "code": {"text": "Pénicilline"},
        "recordedDate": "2014-02-01",
        "reaction": [{"manifestation": [{"text": "Éruption"}]}],
    }
    relative = {
        "resourceType": "RelatedPerson",
        "patient": {"reference": "Patient/record"},
        "relationship": [{"text": "Conjoint, personne de confiance"}],
        "name": [{"text": "Claude PAT-TROIS"}],
        "telecom": [{"system": "phone", "value": "0639980009"}],
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(allergy, relative)
        with count_statements() as counted:
            shown = await banner(ctx, "record")
    assert (shown.family, shown.given, shown.ins, shown.ins_status) == (
        "PAT-TROIS", "Dominique", INS.matricule, InsStatus.QUALIFIED,
    )  # fmt: skip
    assert (shown.allergy_state, shown.allergies) == (AllergyState.KNOWN, ["Pénicilline (éruption, 2014)"])
    assert (shown.trusted, shown.trusted_phone) == ("Claude PAT-TROIS", "0639980009")
    assert counted.statements <= 3
