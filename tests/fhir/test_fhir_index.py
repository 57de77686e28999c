"""What a resource is found by."""

from typing import Any

import pytest

from maillage.fhir import definitions
from maillage.fhir.dates import EARLIEST, LATEST, span
from maillage.fhir.index import index, main_date
from maillage.fhir.tokens import token


def a_patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p1"} | more


def an_observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-03",
    } | more


@pytest.mark.parametrize(
    "number",
    [
        token("Observation", "code", "8867-4"),
        token("Observation", "code", "8867-4", "http://loinc.org"),
        token("Observation", "code", "", "http://loinc.org"),
        token("Observation", "combo-code", "8867-4"),
        token("Observation", "status", "final", "http://hl7.org/fhir/observation-status"),
    ],
)
def test_a_coding_is_found_by_code_by_system_and_by_both(number: int) -> None:
    assert number in index(an_observation()).tokens


def test_only_a_coding_without_system_is_found_by_a_bar_and_its_code() -> None:
    bare = index(an_observation(code={"coding": [{"code": "8867-4"}]}))
    assert token("Observation", "code", "8867-4", "") in bare.tokens
    assert token("Observation", "code", "8867-4", "") not in index(an_observation()).tokens


def test_the_code_of_an_observation_is_hot() -> None:
    assert token("Observation", "code", "8867-4", "http://loinc.org") in index(an_observation()).hot


def test_text_is_folded() -> None:
    rows = index(a_patient(name=[{"family": "LE  GÖFF", "given": ["Éloïse"]}]))
    assert {("family", "le goff", "LE  GÖFF"), ("given", "eloise", "Éloïse"), ("name", "le goff", "LE  GÖFF")} <= rows.strings


def test_what_is_said_to_be_missing_in_a_list_is_passed_over() -> None:
    rows = index(a_patient(name=[{"given": [None, "Zoé"], "_given": [{"extension": []}, None]}]))
    assert {text for code, text, _ in rows.strings if code == "given"} == {"zoe"}


def test_a_phone_number_is_no_email() -> None:
    rows = index(a_patient(telecom=[{"system": "phone", "value": "0102"}]))
    assert token("Patient", "phone", "0102") in rows.tokens
    assert token("Patient", "email", "0102") not in rows.tokens


def test_a_partial_date_is_its_whole_span_and_the_main_date() -> None:
    rows = index(an_observation())
    assert rows.dates == [("date", *span("2024-03"))]
    assert rows.date == span("2024-03")


def test_an_open_period_has_no_end() -> None:
    rows = index({"resourceType": "Encounter", "id": "e1", "period": {"start": "2024-03-01"}})
    assert rows.date == (span("2024-03-01")[0], LATEST)
    ended = index({"resourceType": "Encounter", "id": "e1", "period": {"end": "2024-03-01"}})
    assert ended.date == (EARLIEST, span("2024-03-01")[1])


def test_references_are_edges_and_say_the_patient() -> None:
    rows = index(an_observation(performer=[{"reference": "Practitioner/d1/_history/2"}]))
    assert rows.references == {("subject", "Patient", "p1"), ("patient", "Patient", "p1"), ("performer", "Practitioner", "d1")}
    assert rows.patient == "p1"


def test_a_patient_is_in_its_own_compartment() -> None:
    assert index(a_patient(link=[{"other": {"reference": "Patient/other"}, "type": "refer"}])).patient == "p1"


def test_a_resource_about_two_patients_is_in_neither_compartment() -> None:
    participants = [{"actor": {"reference": f"Patient/{name}"}, "status": "accepted"} for name in ("p1", "p2")]
    rows = index({"resourceType": "Appointment", "id": "a1", "status": "booked", "participant": participants})
    assert rows.patient is None
    assert {("patient", "Patient", "p1"), ("patient", "Patient", "p2")} <= rows.references


def test_a_subject_that_is_a_group_is_no_patient() -> None:
    rows = index(an_observation(subject={"reference": "Group/g1"}))
    assert rows.references == {("subject", "Group", "g1")}


def test_a_reference_elsewhere_is_found_by_its_text_and_by_identifier() -> None:
    elsewhere = {"reference": "https://other.example/fhir/Patient/9", "identifier": {"system": "urn:oid:1.2", "value": "77"}}
    rows = index(an_observation(subject=elsewhere))
    assert token("Observation", "patient", "https://other.example/fhir/Patient/9") in rows.tokens
    assert token("Observation", "subject:identifier", "77", "urn:oid:1.2") in rows.tokens
    assert rows.patient is None


def test_a_canonical_is_found_with_its_version_and_without() -> None:
    rows = index(a_patient(meta={"profile": ["https://p.example/a|2.1"]}))
    assert {
        token("Patient", "_profile", "https://p.example/a|2.1"),
        token("Patient", "_profile", "https://p.example/a"),
    } <= rows.tokens


@pytest.mark.parametrize(
    ("said", "answer"), [({}, "false"), ({"deceasedBoolean": False}, "false"), ({"deceasedDateTime": "2024"}, "true")]
)
def test_deceased_is_true_when_a_date_of_death_is_known(said: dict[str, Any], answer: str) -> None:
    rows = index(a_patient(**said))
    assert token("Patient", "deceased", answer) in rows.tokens


@pytest.mark.parametrize("kind", definitions.resource_types())
def test_every_token_string_date_and_reference_parameter_of_r4_has_a_place(kind: str) -> None:
    known = {"_text", "_content", "_query"}
    missing = {
        parameter.code
        for parameter in definitions.search_parameters(kind).values()
        if parameter.type in ("token", "string", "date", "reference", "uri") and not parameter.supported
    }
    assert missing <= known


@pytest.mark.parametrize(
    ("kind", "parameter"), [("Patient", "birthdate"), ("Task", "authored-on"), ("Encounter", "date"), ("Group", None)]
)
def test_the_main_date_of_a_type(kind: str, parameter: str | None) -> None:
    assert main_date(kind) == parameter
