"""Every worked example of the library, computed by our own engine: alone, and from the Questionnaire as a page fills it in."""

import json as standard_json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from maillage.fhir import json
from maillage.services.assessment.resources.questionnaire import Form, Item
from maillage.services.assessment.resources.response import Node, Nodes, every
from maillage.services.assessment.rules.filling import filled
from maillage.services.assessment.rules.populating import populated
from maillage.services.assessment.rules.values import answer
from maillage.services.assessment.service.library import library
from tests.support.people import NOON

WORKED = {
    path.stem: standard_json.loads(path.read_text("utf-8"))["cases"]
    for path in sorted((Path(__file__).parent / "worked").glob("*.json"))
}
CASES = [(slug, case) for slug, cases in WORKED.items() for case in cases]
FORMS = {form.id: form for form in library().values()}


def answered(nodes: Nodes, answers: dict[str, Any]) -> Nodes:
    """The nodes with these answers, by linkId."""
    return tuple(
        Node(one.item, one.name, said(one.item, answers[one.item.link_id]) if one.item.link_id in answers else one.answers, answered(one.nodes, answers))
        for one in nodes
    )  # fmt: skip


def said(item: Item, value: Any) -> tuple[dict[str, Any], ...]:
    return tuple(answer(item, one) for one in (value if isinstance(value, list) else [value]) if one is not None)


def computed(form: Form, case: dict[str, Any]) -> dict[str, Any]:
    """What the form proposes and computes in a case, by linkId; `today` and `records` (what its queries find) as the case says."""
    exact = json.loads(standard_json.dumps(case))
    now = datetime.fromisoformat(f"{case['today']}T12:00:00+00:00") if "today" in case else NOON
    asked = {one.name: [] for item in form.every() for one in item.variables if one.language != "text/fhirpath"}
    known = {**asked, "patient": {"resourceType": "Patient", "id": "p", **exact.get("patient", {})}, **exact.get("records", {})}
    nodes, _ = populated(form, known=known, now=now)
    done = filled(form, answered(nodes, exact["answers"]), known=known, now=now)
    assert done.doubts == {}, done.doubts
    return {node.item.link_id: node.value for node in every(done.nodes)}


def simple(value: Any) -> Any:
    """A value as the cases write it: a coding by its code, a quantity by its number."""
    return (
        value.get("code", value.get("value"))
        if isinstance(value, dict) and "value" not in value
        else value["value"]
        if isinstance(value, dict)
        else value
    )


def as_expected(wanted: Any, found: Any) -> bool:
    """Of a quantity the parts that are named; text as it begins, a number as that number."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(as_expected(value, found.get(part)) for part, value in wanted.items())
    found = simple(found)
    if isinstance(wanted, str):
        return isinstance(found, str) and found.startswith(wanted)
    if wanted is None or isinstance(wanted, bool):
        return found is wanted
    return isinstance(found, int | Decimal) and abs(Decimal(str(found)) - Decimal(str(wanted))) < Decimal("0.000001")


@pytest.mark.parametrize(("slug", "case"), CASES, ids=[f"{slug}: {case['name']}" for slug, case in CASES])
def test_our_engine_computes_what_the_source_of_a_scale_says(slug: str, case: dict[str, Any]) -> None:
    found = computed(FORMS[slug], case)
    assert {
        link: (found.get(link), wanted) for link, wanted in case["expected"].items() if not as_expected(wanted, found.get(link))
    } == {}


def test_every_questionnaire_of_the_library_is_a_form() -> None:
    assert len(FORMS) >= 30
    assert {form.status for form in FORMS.values()} == {"active"}
