"""The synthetic territory: the same every time, valid, and with what the screens need."""

from collections import Counter
from datetime import UTC, datetime
from itertools import chain

import pytest

from maillage.demo import letters, people
from maillage.demo.drawing import Territory
from maillage.demo.numbers import luhn_valid, matricule
from maillage.demo.personas import persona
from maillage.fhir import json, validation
from maillage.services.documents.resources import cda
from maillage.services.documents.resources.treatments import treatments
from maillage.services.identity.public import Ins, Reason, claim_of, usable

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def small() -> Territory:
    return Territory(AT, scale=0.05)


def everything(territory):
    waiting = [one.patient for one in territory.waiting()]
    return list(
        chain(
            territory.directory(), chain.from_iterable(territory.records()), territory.consequences(), territory.agenda(), waiting
        )
    )


def test_the_same_instant_gives_the_same_bytes(small):
    again = Territory(AT, scale=0.05)
    assert [json.dumps(one) for one in everything(again)] == [json.dumps(one) for one in everything(small)]
    assert [letters.cda(one) for one in again.recent_letters()] == [letters.cda(one) for one in small.recent_letters()]


def test_every_resource_is_valid_r4_and_has_an_id_of_its_own(small):
    resources = everything(small)
    for resource in resources:
        validation.validate(resource)
    assert max(Counter((one["resourceType"], one["id"]) for one in resources).values()) == 1


def test_every_reference_leads_to_a_resource_of_the_territory(small):
    resources = everything(small)
    known = {f"{one['resourceType']}/{one['id']}" for one in resources}
    documents = {f"DocumentReference/{one.id}" for one in chain(small.past_letters(), small.recent_letters())}
    named = set(references(resources))
    assert named <= known | documents, sorted(named - known - documents)[:5]


def references(element):
    if isinstance(element, dict):
        if isinstance(element.get("reference"), str):
            yield element["reference"]
        for value in element.values():
            yield from references(value)
    elif isinstance(element, list):
        for value in element:
            yield from references(value)


def test_national_numbers_have_valid_keys(small):
    assert all(usable(person.ins) for person in small.people if person.ins)
    assert all(luhn_valid(one.rpps) for one in small.professionals if one.rpps)
    assert all(luhn_valid(one.finess) for one in small.structures)
    assert len({person.ins.matricule for person in small.people if person.ins}) == sum(1 for p in small.people if p.ins)


def test_the_official_test_patient_is_there_with_her_circle(small):
    person = people.PAT_TROIS
    patient = next(one for one in everything(small) if one["id"] == person.id)
    claim = claim_of(patient)
    assert claim.ins == Ins("279035121518989", "1.2.250.1.213.1.4.10")
    assert (claim.traits.birth_name, claim.traits.given_names, claim.traits.birth_place) == (
        "PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "51215",
    )  # fmt: skip
    circle = {member.reference for member in small.circle_of(person).members}
    assert circle >= {persona(role).reference for role in ("gp", "nurse", "coordinator", "carer", "hospital", "social-worker")}
    assert persona("patient").reference == person.reference


def test_the_outsider_is_in_no_circle(small):
    outsider = persona("outsider").reference
    assert not any(outsider == member.reference for one in small.people for member in small.circle_of(one).members)


def test_the_steward_finds_doubts_of_several_kinds_oldest_first(small):
    waiting = small.waiting()
    assert {one.reason for one in waiting} >= {
        Reason.SAME_TRAITS,
        Reason.DISCORDANT,
        Reason.UNKNOWN,
        Reason.DISCORDANT_IDENTIFIER,
    }
    assert all(one.opened < AT for one in waiting)


def test_some_calls_after_a_return_home_are_late(small):
    late = [one for one in small.consequences() if one["resourceType"] == "Task" and one["intent"] == "plan"]
    assert late
    assert all(datetime.fromisoformat(one["restriction"]["period"]["end"]) < AT for one in late)


def test_letters_are_documents_of_level_1_and_3_that_can_be_read(small):
    levels = Counter()
    for letter in chain(small.recent_letters(), list(small.past_letters())[:40]):
        document = cda.parse(letters.cda(letter))
        body = cda.non_xml_body(document)
        levels["pdf" if body else "sections"] += 1
        assert document.header.type.code == letter.model.code
        assert body is None or body.data.startswith(b"%PDF-1.4")
    assert levels["pdf"]
    assert levels["sections"]


def test_a_number_of_somebody_born_in_corsica_has_a_key():
    number = matricule(sex="female", birth_date="1951-02-03", commune="2A004", order=7)
    assert number.startswith("251022A004007")
    assert usable(Ins(number, "1.2.250.1.213.1.4.10"))


@pytest.mark.long
def test_the_default_territory_is_large_enough_and_valid():
    whole = Territory(AT)
    assert len(whole.people) >= 2000
    assert len(whole.professionals) >= 300
    assert len(whole.structures) >= 60
    assert sum(1 for one in whole.past_letters() if one.person.key == people.DOCUMENTED.key) == 200
    for resource in everything(whole):
        validation.validate(resource)


def test_a_discharge_letter_writes_its_treatments_as_entries(small):
    letter = next(
        one for one in chain(small.recent_letters(), small.past_letters()) if one.model is letters.DISCHARGE and one.sections
    )
    found = treatments(cda.parse(letters.cda(letter)))
    assert [(one.name, one.dose, one.stopped) for one in found] == [
        ("Furosémide 40 mg, comprimé", "2 comprimés, 1 fois par jour", False),
        ("Ramipril 5 mg, comprimé", "1 comprimé, 1 fois par jour", False),
        ("Metformine 850 mg, comprimé", "", True),
    ]
