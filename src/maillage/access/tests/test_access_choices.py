"""What the person chose, to whom a message goes, who signed, and what waits to be announced: each as the filter obeys it."""

from datetime import timedelta
from typing import Any

import pytest

from maillage.access import emergency
from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.choices import CHOICES, Denial, denials
from maillage.access.emergency import Opposed, Reason
from maillage.access.masks import AUDIENCE_SYSTEM, CARE_ONLY, WHOLE_CIRCLE
from maillage.clock import FixedClock
from maillage.errors import Forbidden, NotFound
from tests.support.people import SEED, care_team, patient, professional, sees

Resource = dict[str, Any]
VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
WORDS = "Personne inconsciente, traitement inconnu"

GP, NURSE = professional("gp", Role.GP), professional("nurse", Role.NURSE)
COORDINATOR = professional("coordinator", Role.COORDINATOR)
OUTSIDER = professional("outsider", Role.GP)
PERSON = patient("p")
CARER = Actor(id="carer", kind=ActorKind.CARER, name="Carer", roles=frozenset({Role.CARER}), reference="RelatedPerson/carer")
CIRCLE = (GP, NURSE, COORDINATOR)
EVERYBODY = (*CIRCLE, PERSON, CARER, OUTSIDER)


def ref(reference: str) -> dict[str, str]:
    return {"reference": reference}


def consent(category: str, provision: Resource, *, id: str = "choice", **more: Any) -> Resource:
    return {
        "resourceType": "Consent",
        "id": id,
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": CHOICES, "code": category}]}],
        "patient": ref("Patient/p"),
        "dateTime": "2026-11-20",
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
        "provision": {"type": "deny", **provision},
        **more,
    }


def purpose(code: str) -> Resource:
    return {"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}]}


def against(*references: str) -> Resource:
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]}
    return {"actor": [{"role": role, "reference": ref(reference)} for reference in references]}


def a_document(**more: Any) -> Resource:
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": ref("Patient/p"),
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
        "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:example"}}],
        **more,
    }


def a_message(**more: Any) -> Resource:
    return {"resourceType": "Communication", "id": "m", "status": "completed", "subject": ref("Patient/p"), **more}


def audience(code: str) -> Resource:
    return {"category": [{"coding": [{"system": AUDIENCE_SYSTEM, "code": code}]}]}


def labelled(system: str, code: str) -> Resource:
    return {"securityLabel": [{"coding": [{"system": system, "code": code}]}]}


@pytest.fixture
async def seeded(access: Access) -> Access:
    """Patient p, with a problem, a circle of three and a carer."""
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([
            {"resourceType": "Patient", "id": "p"},
            care_team("p", *[str(one.reference) for one in CIRCLE]),
            {"resourceType": "RelatedPerson", "id": "carer", "patient": ref("Patient/p"), **sees("whole")},
            {"resourceType": "Condition", "id": "c", "subject": ref("Patient/p")},
        ])  # fmt: skip
    return access


async def write(access: Access, *resources: Resource, as_: Actor = SEED) -> None:
    async with access.act(as_) as ctx:
        await ctx.records.write_all(resources)


async def who_reads(access: Access, kind: str, id: str) -> list[str]:
    """Those of EVERYBODY who read it, each asked by read, by search and by what a search of the person brings with it; they must agree."""
    seen = []
    for actor in EVERYBODY:
        async with access.act(actor, read_only=True) as ctx:
            found = bool(await ctx.records.find(kind, {"_id": id}))
            counted = (await ctx.records.search(kind, {"_id": id, "_summary": "count"})).total
            try:
                await ctx.records.read(kind, id)
            except NotFound:
                read = False
            else:
                read = True
        assert (read, counted) == (found, int(found)), actor.name
        if read:
            seen.append(str(actor.reference).partition("/")[2])
    return seen


async def test_who_is_excluded_by_name_sees_nothing_more(seeded: Access) -> None:
    assert await who_reads(seeded, "Condition", "c") == ["gp", "nurse", "coordinator", "p", "carer"]
    await write(seeded, consent("professional", against("Practitioner/nurse")), as_=PERSON)
    assert await who_reads(seeded, "Condition", "c") == ["gp", "coordinator", "p", "carer"]
    with pytest.raises((Forbidden, NotFound)):
        await write(seeded, {"resourceType": "Condition", "subject": ref("Patient/p")}, as_=NURSE)
    await write(seeded, consent("professional", against("Practitioner/nurse"), status="inactive"), as_=PERSON)
    assert await who_reads(seeded, "Condition", "c") == ["gp", "nurse", "coordinator", "p", "carer"]


async def test_an_excluded_organisation_takes_its_members_along(seeded: Access) -> None:
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": ref("Practitioner/nurse"),
        "organization": ref("Organization/o"),
    }
    await write(seeded, role, consent("professional", against("Organization/o")))
    assert await who_reads(seeded, "Condition", "c") == ["gp", "coordinator", "p", "carer"]


async def test_nobody_shuts_themself_out(seeded: Access) -> None:
    await write(seeded, consent("professional", against("Patient/p", "RelatedPerson/carer")))
    assert await who_reads(seeded, "Condition", "c") == ["gp", "nurse", "coordinator", "p"]


@pytest.mark.parametrize(
    ("provision", "left"),
    [
        (purpose("COC"), ["gp", "nurse", "p", "carer"]),
        (purpose("TREAT"), ["p", "carer"]),
        ({}, ["p", "carer"]),
        ({"type": "permit", "provision": [{"type": "deny", **purpose("COC")}]}, ["gp", "nurse", "p", "carer"]),
        ({**purpose("TREAT"), "period": {"end": "2026-11-22"}}, ["gp", "nurse", "coordinator", "p", "carer"]),
        ({**purpose("TREAT"), "period": {"start": "2026-11-24"}}, ["gp", "nurse", "coordinator", "p", "carer"]),
        (purpose("ETREAT"), ["gp", "nurse", "coordinator", "p", "carer"]),
    ],
)
async def test_an_opposition_keeps_the_record_from_an_audience(seeded: Access, provision: Resource, left: list[str]) -> None:
    await write(seeded, consent("sharing", provision))
    assert await who_reads(seeded, "Condition", "c") == left


@pytest.mark.parametrize("category", ["dmp-feeding", "dmp-reading", "messaging", "secondary-use"])
def test_what_other_services_ask_about_hides_nothing(category: str) -> None:
    assert denials(consent(category, {})) == []
    assert denials(consent("sharing", {})) == [Denial("audience/professional")]
    assert denials(consent("sharing", {}) | {"scope": {"coding": [{"code": "research"}]}}) == []


async def test_an_opposition_reaches_linked_identities(seeded: Access) -> None:
    await write(
        seeded,
        consent("professional", against("Practitioner/nurse")),
        {"resourceType": "Patient", "id": "other", "link": [{"type": "seealso", "other": ref("Patient/p")}]},
        {"resourceType": "Condition", "id": "elsewhere", "subject": ref("Patient/other")},
    )
    assert await who_reads(seeded, "Condition", "elsewhere") == ["gp", "coordinator", "p", "carer"]


async def open_it(access: Access, actor: Actor) -> None:
    async with access.act(actor) as ctx:
        await emergency.open_record(ctx, "p", reason=Reason.UNABLE, words=WORDS)


async def test_an_emergency_overcomes_an_opposition_to_sharing(seeded: Access) -> None:
    await write(seeded, consent("sharing", purpose("TREAT")))
    await open_it(seeded, OUTSIDER)
    assert await who_reads(seeded, "Condition", "c") == ["p", "carer", "outsider"]


@pytest.mark.parametrize("provision", [purpose("ETREAT"), purpose("BTG"), against("Practitioner/outsider")])
async def test_an_emergency_does_not_overcome_what_was_said_about_it(seeded: Access, provision: Resource) -> None:
    await write(seeded, consent("emergency", provision))
    with pytest.raises(Opposed):
        await open_it(seeded, OUTSIDER)
    assert "outsider" not in await who_reads(seeded, "Condition", "c")


async def test_an_exclusion_ends_what_was_opened_in_an_emergency(seeded: Access) -> None:
    await open_it(seeded, OUTSIDER)
    await write(seeded, consent("professional", against("Practitioner/outsider")), as_=PERSON)
    assert "outsider" not in await who_reads(seeded, "Condition", "c")


async def test_the_person_hides_one_document_from_all_but_its_author(seeded: Access) -> None:
    about = a_message(about=[ref("DocumentReference/d")])
    await write(seeded, a_document(author=[ref("Practitioner/gp")]), about)
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "nurse", "coordinator", "p", "carer"]
    hidden = consent("document", {"data": [{"meaning": "instance", "reference": ref("DocumentReference/d")}]})
    await write(seeded, hidden, as_=PERSON)
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "p", "carer"]
    assert await who_reads(seeded, "Communication", "m") == ["gp", "p", "carer"]
    await write(seeded, a_document(author=[ref("Practitioner/gp")], description="again"), about)
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "p", "carer"]
    assert await who_reads(seeded, "Condition", "c") == ["gp", "nurse", "coordinator", "p", "carer"]
    async with seeded.act(PERSON) as ctx:
        await ctx.records.delete("Consent", "choice")
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "nurse", "coordinator", "p", "carer"]
    assert await who_reads(seeded, "Communication", "m") == ["gp", "nurse", "coordinator", "p", "carer"]


async def test_a_choice_of_one_person_hides_nothing_of_another(seeded: Access) -> None:
    await write(seeded, {"resourceType": "Patient", "id": "q"}, care_team("q", "Practitioner/nurse"))
    await write(seeded, {"resourceType": "Condition", "id": "theirs", "subject": ref("Patient/q")})
    hiding = {"data": [{"meaning": "instance", "reference": ref("Condition/theirs")}]}
    await write(seeded, consent("document", hiding))
    assert await who_reads(seeded, "Condition", "theirs") == ["nurse"]


@pytest.mark.parametrize(
    ("more", "readers"),
    [
        ({}, ["gp", "nurse", "coordinator", "p", "carer"]),
        ({"recipient": [ref("Practitioner/gp")]}, ["gp"]),
        ({"recipient": [ref("Practitioner/gp")], "sender": ref("Practitioner/nurse")}, ["gp", "nurse"]),
        ({"recipient": [ref("Practitioner/gp"), ref("Patient/p")]}, ["gp", "p"]),
        ({"recipient": [ref("CareTeam/team-p")]}, ["gp", "nurse", "coordinator", "p", "carer"]),
        ({"recipient": [ref("Practitioner/outsider")]}, ["outsider"]),
        (audience(CARE_ONLY), ["gp", "nurse", "p", "carer"]),
        (audience(WHOLE_CIRCLE) | {"recipient": [ref("Practitioner/gp")]}, ["gp", "nurse", "coordinator", "p", "carer"]),
        (
            audience(WHOLE_CIRCLE) | {"recipient": [ref("Practitioner/outsider")]},
            ["gp", "nurse", "coordinator", "p", "carer"],
        ),
    ],
)
async def test_a_message_is_for_its_recipients_or_for_the_whole_circle(
    seeded: Access, more: Resource, readers: list[str]
) -> None:
    await write(seeded, a_message(**more))
    assert await who_reads(seeded, "Communication", "m") == readers


@pytest.mark.parametrize(
    ("label", "readers"),
    [
        (labelled(VISIBILITY, "INVISIBLE_REPRESENTANTS_LEGAUX"), ["gp", "nurse", "coordinator", "p"]),
        (labelled(VISIBILITY, "INVISIBLE_PATIENT"), ["gp", "nurse", "coordinator"]),
        (labelled(VISIBILITY, "MASQUE_PS"), ["gp", "p", "carer"]),
        (labelled(CONFIDENTIALITY, "N"), ["gp", "nurse", "coordinator", "p", "carer"]),
        (labelled(CONFIDENTIALITY, "R"), ["gp", "nurse", "p", "carer"]),
        (labelled(CONFIDENTIALITY, "V"), ["gp", "p", "carer"]),
    ],
)
async def test_a_label_keeps_a_document_from_an_audience(seeded: Access, label: Resource, readers: list[str]) -> None:
    await write(seeded, a_document(author=[ref("Practitioner/gp")], **label))
    assert await who_reads(seeded, "DocumentReference", "d") == readers
    assert await who_reads(seeded, "Condition", "c") == ["gp", "nurse", "coordinator", "p", "carer"]


async def test_any_record_may_carry_a_label(seeded: Access) -> None:
    secret = {"meta": {"security": [{"system": VISIBILITY, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"}]}}
    appointment: Resource = {
        "resourceType": "Appointment", "id": "a", "status": "proposed", "participant": [{"actor": ref("Patient/p"), "status": "accepted"}],
    }  # fmt: skip
    await write(seeded, appointment | secret)
    assert await who_reads(seeded, "Appointment", "a") == ["gp", "nurse", "coordinator", "p"]
    await write(seeded, appointment)
    assert await who_reads(seeded, "Appointment", "a") == ["gp", "nurse", "coordinator", "p", "carer"]


async def test_what_waits_for_an_announcement_opens_a_month_after_its_deposit(seeded: Access, clock: FixedClock) -> None:
    waiting = a_document(**labelled(VISIBILITY, "INVISIBLE_PATIENT"))
    await write(seeded, waiting)
    clock.advance(timedelta(days=20))
    await write(seeded, waiting | {"description": "corrected"})
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "nurse", "coordinator"]
    clock.advance(timedelta(days=10))
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "nurse", "coordinator", "p", "carer"]


async def test_who_signed_goes_on_seeing_that_and_no_more(seeded: Access) -> None:
    await write(seeded, a_document(author=[ref("Practitioner/outsider")]))
    assert await who_reads(seeded, "DocumentReference", "d") == ["gp", "nurse", "coordinator", "p", "carer", "outsider"]
    assert await who_reads(seeded, "Condition", "c") == ["gp", "nurse", "coordinator", "p", "carer"]
    async with seeded.act(OUTSIDER, read_only=True) as ctx:
        found = await ctx.records.search("DocumentReference", {"_include": "DocumentReference:subject", "type": "11490-0"})
    assert ([one["id"] for one in found.matches], found.included) == (["d"], [])


async def test_whom_the_person_excluded_no_longer_sees_what_they_signed(seeded: Access) -> None:
    await write(
        seeded, a_document(author=[ref("Practitioner/outsider")]), consent("professional", against("Practitioner/outsider"))
    )
    assert "outsider" not in await who_reads(seeded, "DocumentReference", "d")


async def test_an_appointment_opens_the_record_on_its_day(seeded: Access, clock: FixedClock) -> None:
    await write(seeded, {
        "resourceType": "Appointment", "id": "a", "status": "booked", "start": "2026-11-24T09:00:00+01:00", "end": "2026-11-24T09:20:00+01:00",
        "participant": [{"actor": ref("Patient/p"), "status": "accepted"}, {"actor": ref("Practitioner/outsider"), "status": "accepted"}],
    })  # fmt: skip
    assert "outsider" not in await who_reads(seeded, "Condition", "c")
    clock.advance(timedelta(hours=11))  # it is midnight in Paris
    assert "outsider" in await who_reads(seeded, "Condition", "c")
    clock.advance(timedelta(hours=24))
    assert "outsider" not in await who_reads(seeded, "Condition", "c")


async def test_what_a_person_looks_for_in_vain_is_in_their_trail(seeded: Access) -> None:
    async with seeded.act(PERSON, read_only=True) as ctx:
        assert not await ctx.records.find("Immunization", {})
        await ctx.records.find("Organization", {})
    async with seeded.act(PERSON, read_only=True) as ctx:
        lines = await ctx.records.trail("p")
    assert [line["type"] for line in lines if line["actor"] == PERSON.id] == ["Immunization"]
