"""The library of scales: each is a valid R4 Questionnaire that is whole, and fhirpath.js (NLM) computes of it what its publication says.

The truth is `src/maillage/services/assessment/tests/worked/<slug>.json`. A scale is computed alone, and as a block within another form.
"""

import itertools
import json as standard_json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.fhir import json
from maillage.fhir.units import unit
from maillage.fhir.validation import validate
from maillage.fhir.validation.expressions import strictly_parsed

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "src" / "maillage" / "services" / "assessment"
HL7 = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
VERIFICATION = "https://maillage.example/StructureDefinition/verification"
COMPUTED = (HL7 + "variable", SDC + "initialExpression", SDC + "calculatedExpression")
OWN_LINK = re.compile(r"%(?:resource|questionnaire)\.repeat\(item\)\.where\(linkId='([^']*)'\)")
FORMS = {"evaluation-dac"}
"""What has questions but no score of its own."""
FUNCTIONS = {
    "repeat", "where", "select", "iif", "ordinal", "exists", "empty", "count", "ofType", "today",
    "round", "power", "toString", "toInteger", "substring", "length",
}  # fmt: skip
"""Of FHIRPath 2.0, and `ordinal` of SDC: nothing else, so that any engine of SDC computes the same."""

Found = dict[str, Any]


def read(path: Path) -> Any:
    return standard_json.loads(path.read_text("utf-8"))


SCALES = {path.stem: read(path) for path in sorted((SERVICE / "definitions").glob("*.json"))}
WORKED = {path.stem: read(path)["cases"] for path in sorted((SERVICE / "tests" / "worked").glob("*.json"))}
CASES = [{"slug": slug, **case} for slug, cases in WORKED.items() for case in cases]

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules" / "fhirpath").is_dir(), reason="fhirpath.js is not installed (make setup)"
)


def computed_by_nlm(questionnaires: dict[str, Any], cases: list[dict[str, Any]]) -> list[Found]:
    """What fhirpath.js finds in each case: `values` by linkId and `variables` by name, or a `fault`."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("node")), str(ROOT / "tests" / "clients" / "fhirpath_sdc.mjs")],
        input=standard_json.dumps({"questionnaires": questionnaires, "cases": cases}),
        check=False, capture_output=True, text=True, timeout=240, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Found] = standard_json.loads(done.stdout)
    assert len(found) == len(cases)
    return found


def within_another(questionnaire: dict[str, Any]) -> dict[str, Any]:
    """A form that holds the scale as a block, in a group of a group, after a question of its own."""
    asked = {"linkId": "form.1", "text": "Question", "type": "string"}
    inner = {
        "linkId": "form.2",
        "text": "Partie",
        "type": "group",
        "item": [{"linkId": "form.2.1", "type": "string"}, *questionnaire["item"]],
    }
    return {
        "resourceType": "Questionnaire",
        "id": f"form-{questionnaire['id']}",
        "url": "https://maillage.example/Questionnaire/form",
        "status": "draft",
        "item": [asked, {"linkId": "form", "text": "Formulaire", "type": "group", "item": [inner]}],
    }


def items_of(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        yield from items_of(item.get("item", []))


def expressions_of(element: Any) -> Iterator[dict[str, str]]:
    if isinstance(element, dict):
        if element.get("url") in COMPUTED:
            yield element["valueExpression"]
        for value in element.values():
            yield from expressions_of(value)
    elif isinstance(element, list):
        for value in element:
            yield from expressions_of(value)


def extended(element: dict[str, Any], url: str) -> list[dict[str, Any]]:
    return [one for one in element.get("extension", []) if one["url"] == url]


def range_of(score: dict[str, Any]) -> tuple[float, float]:
    """The least and the most that a score can be."""
    (least,), (most,) = extended(score, HL7 + "minValue"), extended(score, HL7 + "maxValue")
    found = [float(one.get("valueInteger", one.get("valueDecimal"))) for one in (least, most)]
    return found[0], found[1]


def as_expected(wanted: Any, found: Any) -> bool:
    """Text begins as said, a number is that number, a Quantity has what is named of it, nothing is nothing."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and wanted.items() <= found.items()
    if isinstance(wanted, str):
        return isinstance(found, str) and found.startswith(wanted)
    if isinstance(wanted, bool) or wanted is None:
        return found is wanted
    return isinstance(found, int | float) and not isinstance(found, bool) and abs(found - wanted) < 1e-6


def wrong(case: dict[str, Any], found: Found) -> list[str]:
    if "fault" in found:
        return [found["fault"]]
    values = found["values"]
    return [
        f"{link}: {values.get(link)!r}, not {wanted!r}"
        for link, wanted in case["expected"].items()
        if not as_expected(wanted, values.get(link))
    ]


@pytest.fixture(scope="module")
def alone() -> list[Found]:
    return computed_by_nlm(SCALES, CASES)


@pytest.fixture(scope="module")
def within() -> list[Found]:
    return computed_by_nlm({slug: within_another(one) for slug, one in SCALES.items()}, CASES)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case['slug']}: {case['name']}" for case in CASES])
def test_a_worked_example_gives_what_its_source_says(number: int, alone: list[Found]) -> None:
    assert CASES[number]["expected"], "a case that expects nothing shows nothing"
    assert wrong(CASES[number], alone[number]) == []


def test_a_scale_computes_the_same_within_another_form(within: list[Found]) -> None:
    faults = {f"{case['slug']}: {case['name']}": wrong(case, found) for case, found in zip(CASES, within, strict=True)}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_a_score_stays_in_its_range(alone: list[Found]) -> None:
    ranges = {
        item["linkId"]: range_of(item)
        for slug, scale in SCALES.items()
        for item in items_of(scale["item"])
        if item["linkId"] == f"{slug}.score"
    }
    outside = [
        (link, found["values"][link])
        for found in alone
        for link, (least, most) in ranges.items()
        if not least <= found.get("values", {}).get(link, least) <= most
    ]
    assert outside == []


@pytest.mark.parametrize("slug", SCALES)
def test_a_scale_is_a_valid_questionnaire(slug: str) -> None:
    validate(json.loads((SERVICE / "definitions" / f"{slug}.json").read_bytes()))


@pytest.mark.parametrize("slug", SCALES)
def test_a_scale_says_what_it_is(slug: str) -> None:
    scale = SCALES[slug]
    assert (scale["id"], scale["url"], scale["status"]) == (slug, f"https://maillage.example/Questionnaire/{slug}", "active")
    assert (scale["language"], scale["subjectType"]) == ("fr", ["Patient"])
    for told in ("version", "name", "title", "date", "description", "purpose", "copyright"):
        assert scale.get(told), told
    (citation,), (verified,) = extended(scale, HL7 + "cqf-citation"), extended(scale, VERIFICATION)
    assert citation["valueString"]
    assert verified["valueMarkdown"]
    tags = {tag["system"]: tag["code"] for tag in scale["meta"]["tag"]}
    assert tags["urn:maillage:licence"] in ("free", "score-only")
    assert tags["urn:maillage:verification"] in ("stored-source", "partly", "memory")
    assert extended(scale, SDC + "performerType"), "who may answer"
    text = standard_json.dumps(scale)
    assert bool(extended(scale, SDC + "launchContext")) == ("%patient" in text)


@pytest.mark.parametrize("slug", SCALES)
def test_a_scale_is_one_block(slug: str) -> None:
    """One root group, linkIds of its own, and expressions that name nothing but what is there."""
    (root,) = SCALES[slug]["item"]
    assert (root["linkId"], root["type"]) == (slug, "group")
    links = [item["linkId"] for item in items_of([root])]
    assert len(links) == len(set(links))
    assert {link for link in links[1:] if not link.startswith(f"{slug}.")} == set()
    names = {"resource", "questionnaire", "patient"}
    for expression in expressions_of(root):
        said = expression["expression"]
        if expression["language"] == "application/x-fhir-query":
            assert "{{%patient.id}}" in said
        else:
            assert set(OWN_LINK.findall(said)) <= set(links), said
            text = re.sub(r"'[^']*'", "''", said)
            assert set(re.findall(r"%(\w+)", text)) <= names, said
            assert set(re.findall(r"(\w+)\(", text)) - {"and", "or", "in"} <= FUNCTIONS, said
        if "name" in expression:
            assert expression["name"] not in names, "a name twice"
            names.add(expression["name"])


def codings_of(element: Any) -> Iterator[dict[str, str]]:
    if isinstance(element, dict):
        if "system" in element and "code" in element:
            yield element
        for value in element.values():
            yield from codings_of(value)
    elif isinstance(element, list):
        for value in element:
            yield from codings_of(value)


def test_every_expression_is_fhirpath_and_every_unit_ucum() -> None:
    """Read by our own readers, which let nothing pass that is neither."""
    said = {one["expression"] for one in expressions_of(list(SCALES.values())) if one["language"] == "text/fhirpath"}
    for expression in said:
        strictly_parsed(expression)
    units = {one["code"] for one in codings_of(list(SCALES.values())) if one["system"] == "http://unitsofmeasure.org"}
    assert {code for code in units if unit(code) is None} == set()
    assert len(said) > 300
    assert len(units) > 10


@pytest.mark.parametrize("slug", [slug for slug in SCALES if slug not in FORMS])
def test_a_scale_has_a_result_and_its_meaning(slug: str) -> None:
    items = {item["linkId"]: item for item in items_of(SCALES[slug]["item"])}
    score, meaning = items[f"{slug}.score"], items[f"{slug}.sens"]
    assert score["type"] in ("integer", "decimal")
    assert score["readOnly"]
    assert {"system": "urn:maillage:score", "code": slug}.items() <= score["code"][0].items()
    assert extended(score, SDC + "calculatedExpression")
    assert extended(score, HL7 + "questionnaire-unit")
    assert range_of(score)
    assert extended(score, SDC + "observationExtract")[0]["valueBoolean"] is True
    assert (meaning["type"], meaning["readOnly"]) == ("string", True)
    assert extended(meaning, SDC + "calculatedExpression")


def test_every_scale_has_its_cases() -> None:
    """At least five each, one of which is incomplete and gives no score; each case says what the score is."""
    assert set(WORKED) == set(SCALES)
    assert {slug: len(cases) for slug, cases in WORKED.items() if len(cases) < 5 and slug not in FORMS} == {}
    results = {
        slug: [case["expected"].get(f"{slug}.score", "unsaid") for case in WORKED[slug]] for slug in SCALES if slug not in FORMS
    }
    assert {slug for slug, found in results.items() if None not in found} == set(), "no incomplete case"
    assert {slug for slug, found in results.items() if len({one for one in found if one not in (None, "unsaid")}) < 3} == set()
    names = Counter((case["slug"], case["name"]) for case in CASES)
    assert [name for name, times in names.items() if times > 1] == []


def test_what_is_protected_is_named_and_not_copied() -> None:
    """A scale that is not free has no question: the day, who rated, and what the total or its parts came to."""
    protected = {
        slug for slug, scale in SCALES.items() if {"system": "urn:maillage:licence", "code": "score-only"} in scale["meta"]["tag"]
    }
    registry = read(SERVICE / "definitions" / "registry" / "protected.json")["scales"]
    assert {one["slug"] for one in registry} == protected
    assert all(one["holder"] and one["terms"] and one["ask"] for one in registry)
    asked = {slug: [item for item in items_of(SCALES[slug]["item"][0]["item"]) if not item.get("readOnly")] for slug in protected}
    assert {slug for slug, items in asked.items() if [item["type"] for item in items[:2]] != ["date", "string"]} == set()
    assert {slug for slug, items in asked.items() if len(items) > 3} == {"had", "icope", "epds"}, (
        "two totals, six domains, an alert"
    )
    assert not any(
        "reproduites" not in SCALES[slug]["copyright"] and "reproduit" not in SCALES[slug]["copyright"] for slug in protected
    )


def assembled(form: dict[str, Any]) -> dict[str, Any]:
    """The form with the items of each questionnaire that it names in place of the naming, as `$assemble` of SDC has it."""

    def of(item: dict[str, Any]) -> list[dict[str, Any]]:
        named = extended(item, SDC + "subQuestionnaire")
        if named:
            slug, _, version = named[0]["valueCanonical"].rpartition("/")[2].partition("|")
            assert SCALES[slug]["version"] == version
            return list(SCALES[slug]["item"])
        return [{**item, "item": [one for inner in item["item"] for one in of(inner)]} if "item" in item else item]

    return {**form, "item": [one for item in form["item"] for one in of(item)]}


def test_a_form_takes_in_the_scales_that_it_names() -> None:
    """The assessment of a coordination team, assembled: its linkIds stay unique, and each scale in it computes its own first examples."""
    form = assembled(SCALES["evaluation-dac"])
    links = Counter(item["linkId"] for item in items_of(form["item"]))
    assert [link for link, times in links.items() if times > 1] == []
    within = [case for slug, cases in WORKED.items() if slug in links for case in ({"slug": slug, **one} for one in cases[:2])]
    assert len({case["slug"] for case in within}) > 30
    found = computed_by_nlm({"form": form}, [{**case, "slug": "form"} for case in within])
    faults = {f"{case['slug']}: {case['name']}": wrong(case, one) for case, one in zip(within, found, strict=True)}
    assert {name: fault for name, fault in faults.items() if fault} == {}


GIR_GROUPS = (
    ((2000, 1200, 40, 40, 60, 100, 800, 200), (0, 0, 16, 16, 20, 16, 120, 32), ((4380, 1), (4140, 2), (3390, 3))),
    ((1500, 1200, 40, 40, 60, 100, 800, -80), (320, 120, 16, 16, 0, 16, 120, -40), ((2016, 4),)),
    ((0, 0, 40, 40, 60, 160, 1000, 400), (0, 0, 16, 16, 20, 20, 200, 40), ((1700, 5), (1432, 6))),
    ((0, 0, 0, 0, 2000, 400, 2000, 200), (0, 0, 0, 0, 200, 200, 200, 0), ((2400, 7),)),
    ((400, 400, 400, 400, 400, 800, 800, 200), (0, 0, 100, 100, 100, 100, 100, 0), ((1200, 8),)),
    ((200, 200, 500, 500, 500, 500, 500, 200), (100, 100, 100, 100, 100, 100, 100, 0), ((800, 9),)),
    ((150, 150, 300, 300, 500, 500, 400, 200), (0, 0, 200, 200, 200, 200, 200, 100), ((650, 10),)),
    ((0, 0, 3000, 3000, 3000, 3000, 1000, 1000), (0, 0, 2000, 2000, 2000, 2000, 2000, 1000), ((4000, 11), (2000, 12))),
)
"""CASF annexe 2-2: for each group A to H the weights of C, those of B, and the ranks by the sum that is reached first."""
GIR_OF_RANK = {1: 1, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2, 8: 3, 9: 3, 10: 4, 11: 4, 12: 5, 13: 6}


def sums_of(profile: str) -> list[int]:
    """What each group A to H comes to."""
    return [
        sum({"A": 0, "B": b, "C": c}[letter] for letter, c, b in zip(profile, of_c, of_b, strict=True))
        for of_c, of_b, _ in GIR_GROUPS
    ]


def rank_of(profile: str) -> int:
    for reached, (_, _, ranks) in zip(sums_of(profile), GIR_GROUPS, strict=True):
        for least, rank in ranks:
            if reached >= least:
                return rank
    return 13


PARTS = ("coherence", "orientation", "toilette-haut toilette-bas", "habillage-haut habillage-moyen habillage-bas",
         "alimentation-servir alimentation-manger", "elimination-urinaire elimination-fecale", "transferts", "interieur")  # fmt: skip


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.long)])
def test_the_gir_of_a_profile_is_that_of_the_law(every: int) -> None:
    """Against the table of the law read once more; all 3^8 profiles in the long run, with the counts of each group."""
    profiles = ["".join(letters) for letters in itertools.product("ABC", repeat=8)][::every]
    cases = [
        {
            "slug": "aggir",
            "name": profile,
            "answers": {f"aggir.{part}": letter for parts, letter in zip(PARTS, profile, strict=True) for part in parts.split()},
        }
        for profile in profiles
    ]
    computed = computed_by_nlm({"aggir": SCALES["aggir"]}, cases)
    sums = [[one["variables"][f"groupe{group}"][0] for group in "ABCDEFGH"] for one in computed]
    assert sums == [sums_of(profile) for profile in profiles]
    assert [one["values"]["aggir.rang"] for one in computed] == [rank_of(profile) for profile in profiles]
    found = [one["values"]["aggir.score"] for one in computed]
    assert found == [GIR_OF_RANK[rank_of(profile)] for profile in profiles]
    assert every > 1 or Counter(found) == {1: 8, 2: 3208, 3: 2400, 4: 760, 5: 157, 6: 28}
