"""What a form asks and computes, what an answer may be, what a response says of the record. Pure."""

from decimal import Decimal
from typing import Any

import pytest

from maillage.errors import Invalid
from maillage.services.assessment.forms.answers import read
from maillage.services.assessment.resources.questionnaire import form_from
from maillage.services.assessment.resources.response import empty, every, items_from, nodes_from
from maillage.services.assessment.rules.extracting import extracted
from maillage.services.assessment.rules.filling import filled
from maillage.services.assessment.rules.values import meets
from tests.support.people import NOON
from tests.support.questionnaires import FORM, HL7, SDC, expression

Resource = dict[str, Any]


def questionnaire(*items: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "Questionnaire",
        "id": "q",
        "url": "urn:q",
        "version": "1",
        "status": "active",
        "item": list(items),
        **more,
    }


def test_a_condition_in_a_group_that_repeats_looks_at_its_own_line() -> None:
    line = {"linkId": "g", "type": "group", "repeats": True, "item": [
        {"linkId": "fume", "type": "boolean"},
        {"linkId": "combien", "type": "integer", "enableWhen": [{"question": "fume", "operator": "=", "answerBoolean": True}]},
    ]}  # fmt: skip
    form = form_from(questionnaire(line))
    said = [{"linkId": "g", "item": [{"linkId": "fume", "answer": [{"valueBoolean": value}]}]} for value in (True, False)]
    done = filled(form, nodes_from(form, {"item": said}), known={}, now=NOON)
    assert done.disabled == {"q0r1-1"}


def test_what_depends_on_what_is_not_asked_is_not_asked_either() -> None:
    def after(name: str, question: str) -> Resource:
        return {"linkId": name, "type": "boolean", "enableWhen": [{"question": question, "operator": "=", "answerBoolean": True}]}

    form = form_from(questionnaire({"linkId": "a", "type": "boolean"}, after("b", "a"), after("c", "b")))
    answers = [{"linkId": name, "answer": [{"valueBoolean": value}]} for name, value in (("a", False), ("b", True), ("c", True))]
    done = filled(form, nodes_from(form, {"item": answers}), known={}, now=NOON)
    assert [one["linkId"] for one in done.items] == ["a"]
    assert [one.item.link_id for one in every(done.nodes) if one.answers] == [
        "a",
        "b",
        "c",
    ]  # kept for the page, should one come back


@pytest.mark.parametrize(
    ("answers", "operator", "wanted", "holds"),
    [
        ([], "exists", False, True),
        ([1], "exists", True, True),
        ([], "!=", 1, False),
        ([1, 2], "!=", 1, False),
        ([Decimal("2.0")], "=", 2, True),
        ([{"value": Decimal(70), "code": "mg"}], ">", {"value": Decimal(1), "code": "g"}, False),
        ([{"value": Decimal(2), "code": "g"}], ">", {"value": Decimal(1), "code": "g"}, True),
        ([{"system": "s", "code": "a"}], "=", {"system": "s", "code": "a", "display": "A"}, True),
        ([{"system": "s", "code": "a"}], "=", {"system": "t", "code": "a"}, False),
        (["2026-01-02"], "<", "2026-02-01", True),
        ([True], "=", "true", False),
    ],
)
def test_conditions_compare_values_of_one_kind(answers: list[Any], operator: str, wanted: Any, holds: bool) -> None:
    assert meets(answers, operator, wanted) is holds


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"linkId": "a", "type": "choice", "answerValueSet": "http://x"}, "Questionnaire.item[0].answerValueSet"),
        ({"linkId": "a", "type": "group", "item": [{"linkId": "a", "type": "string"}]}, "Questionnaire.item.linkId"),
        ({"linkId": "a", "type": "string", "enableWhen": [{"question": "b", "operator": "exists", "answerBoolean": True}]}, "Questionnaire.item(a).enableWhen.question"),
        ({"linkId": "a", "type": "string", "extension": [{"url": f"{SDC}-calculatedExpression", "valueExpression": {"language": "text/cql", "expression": "1"}}]}, "Questionnaire.extension.valueExpression.language"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_asked_is_refused_with_its_place(item: Resource, place: str) -> None:
    with pytest.raises(Invalid) as refusal:
        form_from(questionnaire(item))
    assert [one.expression for one in refusal.value.issues] == [place]


def test_fields_are_read_back_as_they_are_shown() -> None:
    units = [
        {
            "url": f"{HL7}/questionnaire-unitOption",
            "valueCoding": {"system": "http://unitsofmeasure.org", "code": code, "display": code},
        }
        for code in ("mg/dL", "umol/L")
    ]
    form = form_from(questionnaire(
        {"linkId": "a", "type": "quantity", "extension": units}, {"linkId": "b", "type": "date"}, {"linkId": "c", "type": "string", "repeats": True},
        {"linkId": "d", "type": "open-choice", "answerOption": [{"valueString": "Oui"}]}, {"linkId": "e", "type": "time"},
    ))  # fmt: skip
    sent = {
        "q0": ["98,5"],
        "q0-unite": ["umol/L"],
        "q1": ["2026-02-28"],
        "q2": ["un", "", "deux"],
        "q3": ["", "autre"],
        "q3-autre": ["Parfois"],
        "q4": ["14:05"],
    }
    got = read(form, sent, before=empty(form))
    assert got.faults == {}
    assert [one["answer"] for one in items_from(got.nodes)] == [
        [{"valueQuantity": {"value": Decimal("98.5"), "unit": "umol/L", "code": "umol/L", "system": "http://unitsofmeasure.org"}}], [{"valueDate": "2026-02-28"}],
        [{"valueString": "un"}, {"valueString": "deux"}], [{"valueString": "Parfois"}], [{"valueTime": "14:05:00"}],
    ]  # fmt: skip
    assert "unité" in read(form, {"q0": ["98,5"], "q0-unite": [""]}, before=empty(form)).faults["q0"]
    assert "date" in read(form, {"q1": ["2026-02-30"]}, before=empty(form)).faults["q1"]
    with pytest.raises(Invalid):
        read(form, {"q9": ["x"]}, before=empty(form))


def test_lines_of_a_group_are_added_and_taken_away() -> None:
    form = form_from(
        questionnaire({"linkId": "g", "type": "group", "repeats": True, "item": [{"linkId": "a", "type": "string"}]})
    )
    sent = {"n-q0": ["2"], "q0-0": ["un"], "q0r1-0": ["deux"]}
    assert [one.name for one in read(form, sent | {"ajouter": ["q0"]}, before=empty(form)).nodes] == ["q0", "q0r1", "q0r2"]
    (left,) = read(form, sent | {"retirer": ["q0"]}, before=empty(form)).nodes
    assert (left.name, left.nodes[0].name, left.nodes[0].value) == ("q0", "q0-0", "deux")


def test_definitions_say_where_answers_go() -> None:
    relative = f"{HL7}/RelatedPerson#RelatedPerson"
    group = {"linkId": "g", "type": "group", "extension": [{"url": f"{SDC}-itemExtractionContext", "valueCode": "RelatedPerson"}], "item": [
        {"linkId": "n", "type": "group", "definition": f"{relative}.name", "item": [
            {"linkId": "f", "type": "string", "definition": f"{relative}.name.family"}, {"linkId": "p", "type": "string", "repeats": True, "definition": f"{relative}.name.given"}]},
        {"linkId": "r", "type": "choice", "definition": f"{relative}.relationship", "answerOption": [{"valueCoding": {"system": "s", "code": "DAU", "display": "Fille"}}]},
        {"linkId": "s", "type": "choice", "definition": f"{relative}.gender", "answerOption": [{"valueCoding": {"system": "s", "code": "female"}}]},
    ]}  # fmt: skip
    form = form_from(questionnaire(group))
    items = [{"linkId": "g", "item": [
        {"linkId": "n", "item": [{"linkId": "f", "answer": [{"valueString": "PETIT"}]}, {"linkId": "p", "answer": [{"valueString": "Anne"}, {"valueString": "Lise"}]}]},
        {"linkId": "r", "answer": [{"valueCoding": {"system": "s", "code": "DAU", "display": "Fille"}}]}, {"linkId": "s", "answer": [{"valueCoding": {"system": "s", "code": "female"}}]},
    ]}]  # fmt: skip
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "r",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "item": items,
    }
    (made,) = extracted(form, response, nodes_from(form, response))
    assert {name: value for name, value in made.items() if name not in ("id", "identifier")} == {
        "patient": {"reference": "Patient/p"}, "resourceType": "RelatedPerson", "name": [{"family": "PETIT", "given": ["Anne", "Lise"]}], "gender": "female",
        "relationship": [{"coding": [{"system": "s", "code": "DAU", "display": "Fille"}], "text": "Fille"}],
    }  # fmt: skip


def test_what_is_extracted_is_of_the_person_whom_the_response_is_about() -> None:
    item = {"linkId": "a", "type": "string", "definition": f"{HL7}/Condition#Condition.subject.reference"}
    form = form_from(questionnaire(item, extension=[{"url": f"{SDC}-itemExtractionContext", "valueCode": "Condition"}]))
    response = {
        "id": "r",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "item": [{"linkId": "a", "answer": [{"valueString": "Patient/other"}]}],
    }
    (made,) = extracted(form, response, nodes_from(form, response))
    assert made["subject"] == {"reference": "Patient/p"}


def test_a_form_that_would_take_for_ever_says_so_and_ends() -> None:
    endless = [
        {"linkId": f"i{at}", "type": "string", "readOnly": True, "extension": [expression("1.repeat('a' + $this.toString())")]}
        for at in range(40)
    ]
    form = form_from(questionnaire(*endless))
    done = filled(form, empty(form), known={}, now=NOON)
    assert done.items == []
    assert len(done.doubts) == 40


def test_a_definition_of_no_element_is_refused_with_its_item() -> None:
    item = {"linkId": "a", "type": "string", "definition": f"{HL7}/Patient#Patient.color"}
    form = form_from(questionnaire(item, extension=[{"url": f"{SDC}-itemExtractionContext", "valueCode": "Patient"}]))
    response = {"id": "r", "status": "completed", "item": [{"linkId": "a", "answer": [{"valueString": "x"}]}]}
    with pytest.raises(Invalid, match="no element color"):
        extracted(form, response, nodes_from(form, response))


@pytest.mark.parametrize("text", ["%resource.item.where(", "%inconnu", "%resource.nosuchfunction()", "'a' + 1"])
def test_an_expression_that_fails_is_told_and_gives_no_answer(text: str) -> None:
    form = form_from(questionnaire({"linkId": "a", "type": "integer", "readOnly": True, "extension": [expression(text)]}))
    done = filled(form, empty(form), known={}, now=NOON)
    assert (done.items, set(done.doubts)) == ([], {"a"})


def test_the_form_of_the_tests_is_whole() -> None:
    assert [one.link_id for one in form_from(FORM).every()][:2] == ["marche", "marche.1"]
