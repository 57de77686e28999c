"""The 5,306 official R4 examples: each accepted, or refused for the reason written here."""

import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maillage.errors import Invalid
from maillage.fhir import json
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

SAMPLE = 200


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> Iterator[tarfile.TarFile]:
    with tarfile.open(shared_data / "fhir-r4" / "hl7.fhir.r4.examples-4.0.1.tgz") as opened:
        yield opened


def names(archive: tarfile.TarFile) -> list[str]:
    paths = (member.name for member in archive if member.name.endswith(".json"))
    return sorted(p for p in paths if not p.endswith(("/package.json", ".index.json")))


def outcome(archive: tarfile.TarFile, path: str) -> tuple[str, str] | None:
    """None when accepted (and indexed), else the first place and rule."""
    file = archive.extractfile(path)
    assert file is not None
    resource = json.loads(file.read())
    try:
        validate(resource)
    except Invalid as refusal:
        first = refusal.issues[0]
        return first.expression or "", first.diagnostics
    index({"id": "example"} | resource)
    return None


def surprises(archive: tarfile.TarFile, paths: list[str]) -> dict[str, tuple[str, str] | None]:
    """The examples that are not dealt with as written above."""
    found = {}
    for path in paths:
        name = path.rpartition("/")[2].removesuffix(".json")
        answer, expected = outcome(archive, path), REFUSED.get(name)
        as_expected = answer == expected if None in (answer, expected) else answer[0] == expected[0] and expected[1] in answer[1]
        if not as_expected:
            found[name] = answer
    return found


@pytest.mark.conformance
def test_a_sample_of_the_official_examples_is_accepted_or_refused_for_the_right_reason(archive: tarfile.TarFile) -> None:
    small = [name for name in names(archive) if archive.getmember(name).size < 40_000 and "/StructureDefinition-" not in name]
    broken = [name for name in names(archive) if name.rpartition("/")[2].removesuffix(".json") in REFUSED]
    light = [name for name in broken if archive.getmember(name).size < 100_000]
    assert surprises(archive, [*random.Random(4).sample(small, SAMPLE), *light]) == {}


@pytest.mark.conformance
@pytest.mark.long
def test_every_official_example_is_accepted_or_refused_for_the_right_reason(archive: tarfile.TarFile) -> None:
    paths = names(archive)
    assert len(paths) == 5306
    assert surprises(archive, paths) == {}


@pytest.mark.conformance
def test_examples_keep_their_content_through_json(archive: tarfile.TarFile) -> None:
    """What is read and written again is the same JSON, decimals digit by digit."""
    for path in random.Random(5).sample(names(archive), 100):
        file = archive.extractfile(path)
        assert file is not None
        resource = json.loads(file.read())
        assert json.loads(json.dumps(resource)) == resource
