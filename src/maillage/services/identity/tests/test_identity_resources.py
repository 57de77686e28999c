"""FHIR Patient and HL7 segments ↔ identity."""

import pytest

from maillage.connectors.mllp.er7 import read
from maillage.services.exchange.public import Refused
from maillage.services.identity.resources import messages, patients, stays
from maillage.services.identity.rules.ins import Ins, Root
from maillage.services.identity.rules.matching import Claim, Identifier
from maillage.services.identity.rules.status import IdentityStatus
from maillage.services.identity.rules.traits import Traits

INS = Ins("279035121518989", Root.NIR_TEST)
IPP = Identifier("urn:maillage:facility:000897406", "000003")
TRAITS = Traits(
    "Pat-Trois", "Dominique Marie-Louise", "Dominique", "1979-03-28", "female", "51215", "Durand", "Domi", "0639980001"
)

PID = (
    "PID|1||000003^^^CHU-X&000897406&N^PI~279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20101207"
    "||PAT-TROIS^DOMINIQUE^DOMINIQUE MARIE-LOUISE^^^^L~DURAND^Domi^^^^^D||19790328|F|||28 Av de Breteuil^^PARIS^^75007^FRA^H"
    "~^^DOMPREMY^^^^BDL^^51215||^PRN^PH^^^^^^^^^0639980001|||||24000006^^^CHU-X&000897406&M^AN||||||||||||||VALI"
)
PV1 = "PV1|1|I|||||||||||||||||000897406^^^CHU-X&000897406&M^VN" + "|" * 25 + "20240306110000"


def message(*segments, event="A01"):
    header = f"MSH|^~\\&|GAM|CHU-X|DPI|CHU-X|20240306111154||ADT^{event}^ADT_A01|1|D|2.5^FRA^2.11|||||FRA|UNICODE UTF-8"
    return read("\r".join([header, *segments]).encode())


def test_a_claim_becomes_a_patient_that_says_the_same():
    claim = Claim(TRAITS, INS, (IPP,), frozenset({"VALI"}), organization="Organization/ch")
    again = patients.claim_of(patients.patient_for(claim))
    assert (again.ins, again.identifiers, again.reliability) == (INS, (IPP,), frozenset({"VALI"}))
    assert again.traits == Traits(
        "PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "DOMINIQUE", "1979-03-28", "female", "51215", "Durand", "Domi", "0639980001"
    )
    assert again.organization == "Organization/ch"


def test_a_source_identity_without_a_word_on_its_reliability_is_provisional():
    patient = patients.patient_for(Claim(TRAITS))
    assert patients.status(patient) is IdentityStatus.PROVISIONAL
    assert not patients.is_regional(patient)


def test_an_identity_is_qualified_by_a_validation_and_a_usable_ins():
    claim = Claim(TRAITS, INS, reliability=frozenset({"VALI"}))
    assert patients.status(patients.patient_for(claim)) is IdentityStatus.QUALIFIED
    wrong = Claim(TRAITS, Ins("123456789012345", Root.NIR_TEST), reliability=frozenset({"VALI"}))
    assert patients.status(patients.patient_for(wrong)) is IdentityStatus.VALIDATED


def test_promotion_gives_a_number_and_its_undoing_takes_it_back():
    source = {**patients.patient_for(Claim(TRAITS, INS, (IPP,))), "id": "x"}
    record = patients.as_regional(source, "1000001")
    assert patients.is_regional(record)
    assert patients.regional_number(record) == "1000001"
    assert patients.as_source_again(record) == source


def test_a_link_is_reversible_and_leaves_other_links_alone():
    source = {**patients.patient_for(Claim(TRAITS)), "link": [{"other": {"reference": "Patient/y"}, "type": "seealso"}]}
    linked = patients.linked(source, "record")
    assert patients.record_of(linked) == "record"
    assert patients.unlinked(linked) == source


def test_a_record_merged_into_another_is_a_record_again_once_unlinked():
    record = patients.as_regional(patients.patient_for(Claim(TRAITS)), "1000001")
    merged = patients.linked(record, "other")
    assert not patients.is_regional(merged)
    assert patients.is_regional(patients.unlinked(merged))


def test_pid_gives_strict_traits_ins_and_the_facility_identifier():
    claim = patients.claim_of(messages.patient_from(message(PID)))
    assert (claim.ins, claim.identifiers, claim.reliability) == (INS, (IPP,), frozenset({"VALI"}))
    assert (claim.traits.birth_name, claim.traits.first_given, claim.traits.given_names) == (
        "PAT-TROIS", "DOMINIQUE", "DOMINIQUE MARIE-LOUISE",
    )  # fmt: skip
    assert (claim.traits.birth_date, claim.traits.sex, claim.traits.birth_place) == ("1979-03-28", "female", "51215")
    assert (claim.traits.used_name, claim.traits.used_given, claim.traits.phone) == ("DURAND", "Domi", "0639980001")


def test_the_way_an_identity_was_collected_comes_from_zfd():
    patient = messages.patient_from(message(PID, "ZFD|||Y|N|INSI|20211201"))
    said = next(e for e in patient["extension"] if e["url"].endswith("identity-reliability"))
    values = {part["url"]: part.get("valueCoding", {}).get("code") or part.get("valueDate") for part in said["extension"]}
    assert values == {"identityStatus": "VALI", "methodCollection": "INSI", "dateCollection": "2021-12-01"}


@pytest.mark.parametrize(
    ("pid", "place", "error"),
    [
        ("PID|1||||PAT-TROIS^DOMINIQUE^^^^^L||19790328|F", "PID-3", "101"),
        ("PID|1||1^^^X^PI||PAT-TROIS^DOMINIQUE^^^^^L||19791328|F", "PID-7", "102"),
    ],
)
def test_a_person_that_cannot_be_read_is_refused_at_its_field(pid, place, error):
    with pytest.raises(Refused) as refusal:
        messages.patient_from(message(pid))
    assert (str(refusal.value.place), refusal.value.error) == (place, error)


def test_a_value_to_delete_is_no_value():
    assert "address" not in messages.patient_from(message('PID|1||1^^^X^PI||""^""^^^^^L||""|F|||""'))


def test_a_time_without_an_offset_is_paris_time():
    assert messages.instant("20240306110000", "ZBE-2") == "2024-03-06T11:00:00+01:00"
    assert messages.instant("202407061100+0000", "ZBE-2") == "2024-07-06T11:00:00+00:00"
    with pytest.raises(Refused, match="n'est pas une date et heure"):
        messages.instant("2024-03", "ZBE-2")


def test_an_admission_then_a_discharge_are_one_encounter():
    visit = stays.visit_in(message(PID, PV1))
    admitted = stays.encounter_after(visit, patient="p", organization="Organization/ch", before=None)
    assert (admitted["status"], admitted["class"]["code"], admitted["period"]["start"]) == (
        "in-progress", "IMP", "2024-03-06T11:00:00+01:00",
    )  # fmt: skip
    leaving = stays.visit_in(message(PID, PV1, "ZBE|1|20240310080000||INSERT|N||||S", "ZFM||8", event="A03"))
    left = stays.encounter_after(leaving, patient="p", organization=None, before=admitted)
    assert (left["id"], left["status"], left["serviceProvider"]) == (admitted["id"], "finished", admitted["serviceProvider"])
    assert left["period"] == {"start": "2024-03-06T11:00:00+01:00", "end": "2024-03-10T08:00:00+01:00"}
    assert stays.goes_home(leaving)


@pytest.mark.parametrize("mode", ["7", "9", "0", "6"])
def test_a_transfer_or_a_death_is_no_return_home(mode):
    visit = stays.visit_in(message(PID, PV1, f"ZFM||{mode}", event="A03"))
    assert not stays.goes_home(visit)


def test_a_finished_stay_is_not_reopened_by_a_late_admission():
    visit = stays.visit_in(message(PID, PV1))
    late = stays.encounter_after(visit, patient="p", organization=None, before={"status": "finished"})
    assert late["status"] == "finished"


@pytest.mark.parametrize(
    ("zfa", "expected"),
    [
        ("ZFA|ACTIF||||||||INO|20240306|IC|20240306", {"feeding": "permit", "reading": "permit"}),
        ("ZFA|ACTIF||||||||IO|20240306|INC|20240306", {"feeding": "deny", "reading": "deny"}),
        ("ZFA|ACTIF||||||||NA||NA", {}),
    ],
)
def test_consents_to_the_dmp_come_from_zfa(zfa, expected):
    found = stays.consents_in(message(PID, zfa), patient="p")
    assert {c["category"][0]["coding"][0]["code"]: c["provision"]["type"] for c in found} == expected


@pytest.mark.conformance
def test_the_official_consent_messages_are_read(shared_data):
    files = sorted((shared_data / "hl7v2/vague-2/Consentement_DMP_PAMFR").glob("*.er7"))
    provisions = {}
    for file in files:
        official = read(file.read_bytes())
        claim = patients.claim_of(messages.patient_from(official))
        assert (claim.ins, claim.traits.birth_place) == (INS, "63220")
        said = {c["category"][0]["coding"][0]["code"]: c["provision"]["type"] for c in stays.consents_in(official, patient="p")}
        provisions[official.control_id] = (said.get("feeding"), said.get("reading"))
    assert provisions == {
        "3975": ("permit", "permit"),
        "3976": ("permit", "deny"),
        "3977": ("deny", "deny"),
        "3978": ("permit", None),
        "3979": (None, None),
    }
