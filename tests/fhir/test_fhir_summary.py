"""Parts of resources: what `_summary` and `_elements` leave, and that it says so."""

from typing import Any

import pytest

from maillage.errors import Invalid
from maillage.fhir import summary
from maillage.fhir.validation import validate

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"versionId": "3", "tag": [{"code": "mine"}]},
    "text": {"status": "generated", "div": DIV},
    "extension": [{"url": "http://x", "valueCode": "a"}],
    "modifierExtension": [{"url": "http://y", "valueCode": "not"}],
    "status": "final",
    "_status": {"id": "s"},
    "code": {"text": "Poids", "extension": [{"url": "http://x", "valueCode": "a"}]},
    "subject": {"reference": "Patient/p"},
    "valueQuantity": {"value": 72, "unit": "kg"},
    "note": [{"text": "à jeun"}],
    "component": [{"code": {"text": "c"}, "valueInteger": 1, "interpretation": [{"text": "haut"}]}],
}
MARKED = {"versionId": "3", "tag": [{"code": "mine"}, summary.SUBSETTED]}


def names(resource: dict[str, Any]) -> set[str]:
    return set(resource) - {"resourceType", "id", "meta", "modifierExtension"}


def test_the_elements_that_are_named_come_with_the_mandatory_ones() -> None:
    part = summary.elements("subject,value", "Observation")(OBSERVATION)
    assert names(part) == {"subject", "valueQuantity", "status", "_status", "code"}
    assert part["meta"] == MARKED
    validate(part)


def test_elements_may_be_named_for_one_type() -> None:
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "PAT"}], "gender": "male"}
    part = summary.elements("Patient.name,Observation.note")
    assert names(part(patient)) == {"name"}
    assert names(part(OBSERVATION)) == {"note", "status", "_status", "code"}
    assert part({"resourceType": "Basic", "code": {"text": "x"}}) == {"resourceType": "Basic", "code": {"text": "x"}}


@pytest.mark.parametrize("said", ["nom", "", "name.family", "Patient.nom", "Wizard.name", "name,,gender", "name:exclude"])
def test_what_is_no_element_is_refused(said: str) -> None:
    with pytest.raises(Invalid, match="_elements"):
        summary.elements(said, "Patient")


def test_the_summary_is_what_the_definitions_mark_at_every_level() -> None:
    part = summary.summary(OBSERVATION)
    assert names(part) == {"status", "_status", "code", "subject", "valueQuantity", "component"}
    assert part["component"] == [{"code": {"text": "c"}, "valueInteger": 1}]
    assert part["code"] == OBSERVATION["code"]
    assert part["meta"] == MARKED
    validate(part)


def test_the_summary_leaves_out_the_bytes_of_an_attachment() -> None:
    attachment = {"contentType": "text/xml", "data": "AA==", "title": "CR"}
    document = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}
    assert summary.summary(document)["content"] == [{"attachment": {"contentType": "text/xml", "title": "CR"}}]


def test_the_narrative_comes_alone_or_not_at_all() -> None:
    assert names(summary.narrative(OBSERVATION)) == {"text", "status", "_status", "code"}
    assert names(summary.data(OBSERVATION)) == names(OBSERVATION) - {"text"}
    assert summary.data(OBSERVATION)["meta"] == MARKED


def test_a_part_is_marked_once() -> None:
    once = summary.data({"resourceType": "Patient", "active": True})
    assert once["meta"] == {"tag": [summary.SUBSETTED]}
    assert summary.data(once) == once
    assert summary.is_part(once)
    assert not summary.is_part(OBSERVATION)
