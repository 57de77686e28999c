"""The invariants written in Python answer as their FHIRPath expressions do, on the official examples, whole and damaged."""

import copy
import random
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from maillage.fhir import json
from maillage.fhir.validation import invariants, structure
from maillage.fhir.validation.faults import Fault, Run
from maillage.fhir.validation.native import NATIVE

TYPES = (
    "AllergyIntolerance Appointment Bundle CarePlan Composition Condition Consent DiagnosticReport Encounter Immunization MedicationRequest "
    "Observation Organization Patient QuestionnaireResponse ServiceRequest Task Location PractitionerRole Practitioner RelatedPerson Goal Device "
    "Questionnaire CodeSystem ValueSet StructureDefinition"
)

DIFFERENT = {
    "dom-3": "fhirpathpy does not follow canonical and uri types in descendants()",
    "ref-1": "'#' alone is the container (R4 references.html#contained), which the expression forgets",
    "vsd-9": "an absent `abstract` is not true, where the expression has no answer",
    "que-7": "fhirpathpy holds that no FHIR boolean is a Boolean",
    "per-1": "fhirpathpy orders dates of unlike precision by their text",
    "rng-2": "fhirpathpy compares quantities of unlike units",
    "Task:inv-1": "fhirpathpy orders dates of unlike precision by their text",
}
"""Where ours differs on purpose."""


@pytest.fixture
def examples(shared_data: Path) -> list[dict[str, Any]]:
    chosen = []
    with tarfile.open(shared_data / "fhir-r4" / "hl7.fhir.r4.examples-4.0.1.tgz") as archive:
        for member in archive:
            name = member.name.split("/")[-1]
            if (
                name.split("-")[0] in TYPES.split()
                and member.size < 20_000
                and crc32(name.encode()) % (8 if len(name) % 2 else 40) == 0
            ):
                file = archive.extractfile(member)
                assert file is not None
                chosen.append(json.loads(file.read()))
    return chosen


def damaged(resource: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Copies that each miss one member of one object, whatever it is."""
    for _ in range(4):
        spoiled = copy.deepcopy(resource)
        objects = [found for found in everything(spoiled) if len(found) > 1]
        target = chance.choice(objects)
        keys = [key for key in target if key not in ("resourceType", "type")]
        if keys:
            del target[chance.choice(keys)]
            yield spoiled


def everything(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything(below)


@pytest.mark.conformance
def test_the_invariants_in_python_agree_with_their_expressions(
    examples: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: Counter[str] = Counter()
    disagreements: list[tuple[str, bool, Any]] = []

    def both(kind: str, key: str, human: str, expression: str) -> invariants.Rule | None:
        name = key if key in NATIVE else f"{kind}:{key}"
        if name not in NATIVE or name in DIFFERENT:
            return None
        ours, theirs = NATIVE[name], invariants._by_fhirpath(kind, expression)

        def holds(value: Any, run: Run) -> bool:
            compared[name] += 1
            if compared[name] <= 60 and ours(value, run) != theirs(value, run):
                disagreements.append((name, ours(value, run), value))
            return True

        return invariants.Rule(holds, Fault("", "invariant", key, key))

    monkeypatch.setattr(structure, "rule", both)
    structure.resource_check.cache_clear()
    structure._data_types.cache_clear()
    chance = random.Random(4)
    try:
        for example in examples:
            for resource in (example, *damaged(example, chance)):
                structure.any_resource(resource, None, Run(resource, resource))
    finally:
        structure.resource_check.cache_clear()
        structure._data_types.cache_clear()
    assert not disagreements, disagreements[:5]
    assert len(compared) > 30, compared
