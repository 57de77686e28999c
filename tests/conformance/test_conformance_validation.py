"""What breaks FHIR R4 is refused, with the place and the rule."""

from typing import Any

import pytest
from fhirpathpy.engine.nodes import TypeInfo

from maillage.errors import Invalid
from maillage.fhir import json
from maillage.fhir.validation import validate
from maillage.fhir.validation.expressions import compiled
from maillage.fhir.validation.faults import Run


def a_patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p1", "name": [{"family": "Pat-Trois", "given": ["Dominique"]}]} | more


def an_observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/p1"},
        "valueQuantity": {"value": 72, "unit": "/min"},
    } | more


def a_bundle(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection"} | more


XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def a_text(content: str) -> dict[str, Any]:
    return {"text": {"status": "generated", "div": XHTML.format(content)}}


BAD = [
    ({"resourceType": "Nothing"}, "Nothing.resourceType", "not a resource type of FHIR R4"),
    ({}, "Resource.resourceType", "None is not a resource type"),
    ({"resourceType": ["Patient"]}, "resourceType", "not a resource type"),
    ({"resourceType": "SubscriptionStatus"}, "SubscriptionStatus.resourceType", "not a resource type"),
    (a_patient(nom="x"), "Patient.nom", "no element 'nom'"),
    (a_patient(name={"family": "x"}), "Patient.name", "an array is expected"),
    (a_patient(name=[]), "Patient.name", "may not be empty"),
    (a_patient(name=["x"]), "Patient.name[0]", "an object (HumanName) is expected"),
    (a_patient(name=[{}]), "Patient.name[0]", "ele-1"),
    (a_patient(name=[{"family": "a"}, {"given": ["b", 3]}]), "Patient.name[1].given[1]", "a string is expected"),
    (a_patient(name=[{"family": ""}]), "Patient.name[0].family", "not empty"),
    (a_patient(name=[{"family": None}]), "Patient.name[0].family", "a string is expected"),
    (a_patient(name=[{"family": "a\u0000b"}]), "Patient.name[0].family", "without control characters"),
    (a_patient(name=[{"given": ["a", None]}]), "Patient.name[0].given[1]", "null is allowed only where _given"),
    (a_patient(active="true"), "Patient.active", "a boolean is expected"),
    (a_patient(gender="homme"), "Patient.gender", "'homme' is not in the value set"),
    (a_patient(birthDate="2023-02-30"), "Patient.birthDate", "a date that exists"),
    (a_patient(birthDate="2023-2-3"), "Patient.birthDate", "a date that exists"),
    (a_patient(birthDate="0000"), "Patient.birthDate", "a date that exists"),
    (a_patient(birthDate="1979-03-28T10:00:00Z"), "Patient.birthDate", "a date that exists"),
    (a_patient(deceasedDateTime="2024-01-01T10:00:00"), "Patient.deceased.ofType(dateTime)", "time and zone"),
    (a_patient(deceasedDateTime="2024-01-01T25:00:00Z"), "Patient.deceased.ofType(dateTime)", "time and zone"),
    (
        a_patient(deceasedBoolean=False, deceasedDateTime="2024"),
        "Patient",
        "only one of the choice deceasedBoolean and deceasedDateTime",
    ),
    (a_patient(multipleBirthInteger=2**31), "Patient.multipleBirth.ofType(integer)", "32 bits"),
    (a_patient(multipleBirthInteger=True), "Patient.multipleBirth.ofType(integer)", "32 bits"),
    (a_patient(id="a b"), "Patient.id", "1 to 64 letters"),
    (a_patient(id="x" * 65), "Patient.id", "1 to 64 letters"),
    (a_patient(link=[{"type": "refer"}]), "Patient.link[0].other", "is required"),
    (a_patient(contact=[{"gender": "male"}]), "Patient.contact[0]", "pat-1"),
    (a_patient(photo=[{"data": "%%%", "contentType": "image/png"}]), "Patient.photo[0].data", "base64"),
    (a_patient(photo=[{"data": "aGVsbG8="}]), "Patient.photo[0]", "att-1"),
    (a_patient(photo=[{"url": "a b"}]), "Patient.photo[0].url", "a URI without blanks"),
    (
        a_patient(managingOrganization={"reference": "Patient/2"}),
        "Patient.managingOrganization.reference",
        "a reference to Organization",
    ),
    (a_patient(generalPractitioner=[{"reference": "#gp"}]), "Patient.generalPractitioner[0]", "ref-1"),
    (a_patient(extension=[{"url": "http://e.example/x"}]), "Patient.extension[0]", "ext-1"),
    (a_patient(extension=[{"valueString": "x"}]), "Patient.extension[0].url", "is required"),
    (
        a_patient(extension=[{"url": "u:x", "valueString": "x", "valueCode": "y"}]),
        "Patient.extension[0]",
        "only one of the choice",
    ),
    (a_patient(extension=[{"url": "u:x", "valueNumber": 1}]), "Patient.extension[0].valueNumber", "no element"),
    (a_patient(_birthDate={"extension": [{"url": "u:x"}]}), "Patient.birthDate.extension[0]", "ext-1"),
    (a_patient(_birthDate={"value": 1}), "Patient.birthDate.value", "no element"),
    (a_patient(_name=[{"id": "x"}]), "Patient._name", "no element"),
    (a_patient(meta={"lastUpdated": "2024-01-01"}), "Patient.meta.lastUpdated", "a moment to the second"),
    (a_patient(contained=[{"resourceType": "Organization", "id": "o", "name": "x"}]), "Patient", "dom-3"),
    (a_patient(contained=[{"resourceType": "Organization", "id": "o"}]), "Patient.contained[0]", "org-1"),
    (a_patient(contained=["x"]), "Patient.contained[0]", "a resource (an object) is expected"),
    (
        a_patient(contained=[["x"]], managingOrganization={"reference": "#c"}),
        "Patient.contained[0]",
        "a resource (an object) is expected",
    ),
    (a_patient(contained=3, managingOrganization={"reference": "#c"}), "Patient.contained", "an array is expected"),
    (a_patient(**a_text("<script>alert(1)</script>")), "Patient.text.div", "<script> is not allowed"),
    (a_patient(**a_text('<p onclick="x()">a</p>')), "Patient.text.div", "'onclick' of <p> is not allowed"),
    (a_patient(**a_text('<a href="java\tscript:x()">a</a>')), "Patient.text.div", "may not run a script"),
    (a_patient(**a_text("<p>a")), "Patient.text.div", "not well formed"),
    (a_patient(**a_text(" ")), "Patient.text.div", "txt-2"),
    (a_patient(text={"status": "generated", "div": "<div>a</div>"}), "Patient.text.div", "one div in the namespace"),
    (
        a_patient(
            text={"status": "generated", "div": '<!DOCTYPE div [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + XHTML.format("&x;")}
        ),
        "Patient.text.div",
        "may not declare a document type",
    ),
    (an_observation(status=None), "Observation.status", "a code is expected"),
    ({"resourceType": "Observation", "status": "final"}, "Observation.code", "is required"),
    (an_observation(status="done"), "Observation.status", "not in the value set"),
    (an_observation(valueQuantity={"value": "72"}), "Observation.value.ofType(Quantity).value", "a decimal is expected"),
    (an_observation(valueQuantity={"value": 1, "code": "/min"}), "Observation.value.ofType(Quantity)", "qty-3"),
    (an_observation(valueString="x"), "Observation", "only one of the choice"),
    (an_observation(dataAbsentReason={"text": "x"}), "Observation", "obs-6"),
    (an_observation(referenceRange=[{"age": {"low": {"value": 1}}}]), "Observation.referenceRange[0]", "obs-3"),
    (an_observation(subject={"reference": "Medication/1"}), "Observation.subject.reference", "Patient"),
    (an_observation(effectivePeriod={"start": "2024-02", "end": "2024-01"}), "Observation.effective.ofType(Period)", "per-1"),
    (
        an_observation(component=[{"code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}}]),
        "Observation",
        "obs-7",
    ),
    (a_bundle(total=1), "Bundle", "bdl-1"),
    (a_bundle(entry=[{"fullUrl": "urn:x"}]), "Bundle.entry[0]", "bdl-5"),
    (a_bundle(entry=[{"resource": a_patient(nom=1)}]), "Bundle.entry[0].resource.nom", "no element"),
    (a_bundle(type="document", entry=[{"resource": a_patient()}]), "Bundle", "bdl-9"),
    (a_bundle(type="transaction", entry=[{"resource": a_patient()}]), "Bundle", "bdl-3"),
    (
        {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "clinicalStatus": {"text": "actif"}},
        "Condition.clinicalStatus",
        "not in the value set",
    ),
    (
        {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "group"}]},
        "Questionnaire.item[0]",
        "que-1",
    ),
]


@pytest.mark.parametrize(("resource", "place", "said"), BAD, ids=[f"{place} {said}" for _, place, said in BAD])
def test_a_fault_is_refused_at_its_place(resource: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        validate(resource)
    found = [(issue.expression or "", issue.diagnostics) for issue in refusal.value.issues]
    assert any(expression.endswith(place) and said in diagnostics for expression, diagnostics in found), found


GOOD = [
    a_patient(),
    an_observation(),
    a_patient(name=[{"given": ["a", None], "_given": [None, {"extension": [{"url": "u:x", "valueString": "b"}]}]}]),
    a_patient(_birthDate={"extension": [{"url": "u:x", "valueDateTime": "1979-03-28T10:00:00+01:00"}]}),
    a_patient(birthDate="2024-02-29"),
    a_patient(name=[{"family": "Né à\u00a0l’île"}]),
    a_patient(
        contained=[{"resourceType": "Practitioner", "id": "gp", "name": [{"family": "x"}]}],
        generalPractitioner=[{"reference": "#gp"}],
    ),
    a_patient(**a_text("<p>Né&nbsp;à Lyon &amp; <b>vivant</b><br/></p>")),
    a_patient(**a_text('<img src="data: image/png;base64,AAAA" alt="x"/>')),
    a_patient(generalPractitioner=[{"reference": "https://other.example/fhir/Device/1"}]),
    an_observation(valueQuantity={"value": json.loads('{"v": 1.00}')["v"]}),
    a_bundle(entry=[{"fullUrl": "urn:uuid:9d0ae0b8-0d1a-4f4c-8b3a-1d6a8f1c7f3e", "resource": a_patient()}]),
]


@pytest.mark.parametrize("resource", GOOD)
def test_what_r4_allows_is_accepted(resource: dict[str, Any]) -> None:
    validate(resource)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refusal:
        validate(a_patient(gender="x", birthDate="2023-02-30", nom=1))
    assert {issue.expression for issue in refusal.value.issues} == {"Patient.gender", "Patient.birthDate", "Patient.nom"}


def test_a_hopeless_resource_is_told_some_of_its_faults() -> None:
    with pytest.raises(Invalid) as refusal:
        validate(a_patient(name=[{"use": "x"}] * 2000))
    assert len(refusal.value.issues) == 50


def test_the_message_names_place_and_rule() -> None:
    with pytest.raises(Invalid, match=r"Patient\.contact\[0\]: .*\(pat-1\)"):
        validate(a_patient(contact=[{"gender": "male"}]))


def test_what_is_known_to_be_right_is_not_checked_again_and_what_changed_is() -> None:
    before = {"resourceType": "Patient", "name": [{"family": "Martin"}], "contact": [{"name": {"family": "Martin"}}]}
    validate(before)
    validate({**before, "gender": "female"}, known=before)
    for change, place in (
        ({"gender": "whatever"}, "Patient.gender"),
        ({"name": [{"family": 3}]}, "Patient.name[0].family"),
        ({"contact": [{}]}, "Patient.contact[0]"),
        ({"contained": [{"resourceType": "Organization", "id": "x", "surprise": True}]}, "Patient.contained[0].surprise"),
    ):
        with pytest.raises(Invalid) as refused:
            validate({**before, **change}, known=before)
        assert refused.value.issues[0].expression == place


def test_an_expression_finds_the_same_whatever_was_asked_before() -> None:
    """fhirpathpy keeps the tables of types in a global that only an `is` or an `as` sets: until then `ofType` would miss kinds of a Quantity."""
    TypeInfo.model = None
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "onsetAge": {"value": 3, "unit": "a"}}
    found = compiled("onset.ofType(Quantity).value", "Condition")(condition, Run(condition, condition))
    assert found == [3]
