"""The 5,306 official R4 examples: each accepted, or refused for the reason written here."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from maillage.errors import Invalid
from maillage.fhir import json, xml
from maillage.fhir.index import index
from maillage.fhir.validation import validate

NO_CONTENT = "the XHTML has no content (txt-2)"
NO_BASE = "SearchParameter.base is required"
NO_BASE_DEFINITION = "(sdf-4)"

REFUSED = {
    "ActivityDefinition-blood-tubes-supply": ("ActivityDefinition.text.div", NO_CONTENT),
    "ActivityDefinition-heart-valve-replacement": ("ActivityDefinition.text.div", NO_CONTENT),
    "Bundle-dataelements": ("Bundle", "FullUrl must be unique in a bundle"),
    "DeviceMetric-example": ("DeviceMetric.parent.reference", "a reference to Device is expected, not to DeviceDefinition"),
    "DeviceUseStatement-example": ("DeviceUseStatement.reasonReference[0].reference", "a reference to Condition"),
    "EventDefinition-example": ("EventDefinition.text.div", NO_CONTENT),
    "ImplementationGuide-fhir": ("ImplementationGuide.name", "ImplementationGuide.name is required"),
    "ig-r4": ("ImplementationGuide.name", "ImplementationGuide.name is required"),
    "MedicationRequest-medrx0301": (
        "MedicationRequest.dispenseRequest.performer.reference",
        "a reference to Organization is expected, not to Practitioner",
    ),
    "Observation-clinical-gender": ("Observation.performer[0].reference", "a reference to CareTeam"),
    "Questionnaire-qs1": ("Questionnaire.item[0].item[0].linkId", "Questionnaire.item.linkId is required"),
    "Questionnaire-zika-virus-exposure-assessment": ("Questionnaire.text.div", NO_CONTENT),
    "SearchParameter-codesystem-extensions-CodeSystem-author": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-effective": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-end": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-keyword": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-workflow": ("SearchParameter.base", NO_BASE),
    "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject": (
        "SearchParameter.id",
        "1 to 64 letters",
    ),
    "SearchParameter-valueset-extensions-ValueSet-author": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-effective": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-end": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-keyword": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-workflow": ("SearchParameter.base", NO_BASE),
    "StructureDefinition-Definition": ("StructureDefinition", NO_BASE_DEFINITION),
    "StructureDefinition-Event": ("StructureDefinition", NO_BASE_DEFINITION),
    "StructureDefinition-FiveWs": ("StructureDefinition", NO_BASE_DEFINITION),
    "StructureDefinition-Request": ("StructureDefinition", NO_BASE_DEFINITION),
}
"""By example: the place and the rule. Each was looked up in the R4 definitions: the example is wrong, not the rule."""


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> Path:
    return shared_data / "fhir-r4" / "hl7.fhir.r4.examples-4.0.1.tgz"


def examples(archive: Path, *, wanted: Callable[[str, int], bool]) -> Iterator[tuple[str, bytes]]:
    """Name and text of the examples that are wanted by name and size, in one pass: the archive is slow to go back in."""
    with tarfile.open(archive) as opened:
        for member in opened:
            name = member.name.rpartition("/")[2].removesuffix(".json")
            if member.name.endswith(".json") and name not in ("package", ".index") and wanted(name, member.size):
                file = opened.extractfile(member)
                assert file is not None
                yield name, file.read()


def outcome(text: bytes) -> tuple[str, str] | None:
    """None when accepted (and indexed), else the first place and rule."""
    resource = json.loads(text)
    try:
        validate(resource)
    except Invalid as refusal:
        first = refusal.issues[0]
        return first.expression or "", first.diagnostics
    index({"id": "example"} | resource)
    return None


def is_expected(name: str, answer: tuple[str, str] | None) -> bool:
    expected = REFUSED.get(name)
    if answer is None or expected is None:
        return answer == expected
    return answer[0] == expected[0] and expected[1] in answer[1]


def in_sample(name: str, size: int) -> bool:
    """A fixed twentieth of the lighter examples, and the lighter broken ones."""
    light = size < 40_000 and not name.startswith("StructureDefinition-")
    return (light and crc32(name.encode()) % 20 == 0) or (name in REFUSED and size < 100_000)


@pytest.mark.conformance
def test_a_sample_of_the_official_examples_is_accepted_or_refused_for_the_right_reason(archive: Path) -> None:
    answers = {name: outcome(text) for name, text in examples(archive, wanted=in_sample)}
    assert len(answers) > 150
    assert {name: answer for name, answer in answers.items() if not is_expected(name, answer)} == {}


@pytest.mark.conformance
@pytest.mark.long
def test_every_official_example_is_accepted_or_refused_for_the_right_reason(archive: Path) -> None:
    answers = {name: outcome(text) for name, text in examples(archive, wanted=lambda name, size: True)}
    assert len(answers) == 5306
    assert {name: answer for name, answer in answers.items() if not is_expected(name, answer)} == {}


@pytest.mark.conformance
def test_examples_keep_their_content_through_json(archive: Path) -> None:
    """What is read and written again is the same JSON, decimals digit by digit."""
    for name, text in examples(archive, wanted=in_sample):
        resource = json.loads(text)
        assert json.loads(json.dumps(resource)) == resource, name


def through_xml(text: bytes) -> tuple[bytes, bytes]:
    """A resource as JSON with its keys in one order, and the same after it went through XML, indented and not."""
    resource = json.loads(text)
    written = xml.dumps(resource)
    assert xml.loads(xml.dumps(resource, pretty=True)) == xml.loads(written)
    return json.dumps(in_order(resource)), json.dumps(in_order(xml.loads(written)))


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(one) for one in value] if isinstance(value, list) else value


def changed_by_xml(archive: Path, wanted: Callable[[str, int], bool]) -> Iterator[tuple[str, bool]]:
    """Of each accepted example, whether a digit, a character of a narrative or anything else is another after XML."""
    for name, text in examples(archive, wanted=wanted):
        if name not in REFUSED:
            before, after = through_xml(text)
            yield name, before != after


@pytest.mark.conformance
def test_a_sample_of_the_official_examples_goes_through_xml_and_back_equal(archive: Path) -> None:
    changed = dict(changed_by_xml(archive, in_sample))
    assert len(changed) > 150
    assert [name for name, is_other in changed.items() if is_other] == []


@pytest.mark.conformance
@pytest.mark.long
def test_every_official_example_goes_through_xml_and_back_equal(archive: Path) -> None:
    changed = dict(changed_by_xml(archive, lambda name, size: True))
    assert len(changed) == 5306 - len(REFUSED)
    assert [name for name, is_other in changed.items() if is_other] == []
