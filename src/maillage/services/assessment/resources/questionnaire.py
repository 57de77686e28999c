"""A Questionnaire (FHIR R4 with SDC 3.0.0, https://hl7.org/fhir/uv/sdc/STU3) → the form that rules need. What it asks and is not known here is refused, not passed over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from maillage.errors import Invalid

Resource = Mapping[str, Any]
Value = dict[str, Any]
"""One answer as QuestionnaireResponse says it: `{"valueInteger": 3}`."""

HL7 = "http://hl7.org/fhir/StructureDefinition"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire"
ORDINAL = frozenset({f"{HL7}/ordinalValue", f"{HL7}/itemWeight"})
FHIRPATH, QUERY = "text/fhirpath", "application/x-fhir-query"
VALUE_OF = {
    "boolean": "valueBoolean", "decimal": "valueDecimal", "integer": "valueInteger", "date": "valueDate", "dateTime": "valueDateTime",
    "time": "valueTime", "string": "valueString", "text": "valueString", "url": "valueUri", "choice": "valueCoding", "open-choice": "valueCoding",
    "quantity": "valueQuantity", "attachment": "valueAttachment", "reference": "valueReference",
}  # fmt: skip
"""The element of an answer, by type of item (R4 questionnaireresponse.html, QuestionnaireResponse.item.answer.value[x])."""
STILL = frozenset({"group", "display"})
"""Items that take no answer."""
MOST_ITEMS, DEEPEST = 2_000, 12


@dataclass(frozen=True, slots=True)
class Expression:
    """Something to evaluate: `name` where it is a variable; `language` FHIRPATH or QUERY."""

    text: str
    name: str = ""
    language: str = FHIRPATH


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that may be chosen, what it weighs where it says so, and whether nothing else may be chosen with it."""

    value: Value
    words: str
    weight: Decimal | None = None
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One enableWhen: `answer` is the value it is compared with, True or False for `exists`."""

    question: str
    operator: str
    answer: Any


@dataclass(frozen=True, slots=True)
class Constraint:
    """What must hold of an answer (extension questionnaire-constraint), and what is said where it does not."""

    key: str
    human: str
    expression: str
    is_error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a form. `units` are Codings of a quantity, `low` and `high` the least and the greatest answer, `sub` the canonical of a form that goes deeper."""

    link_id: str
    kind: str
    text: str = ""
    prefix: str = ""
    help: str = ""
    required: bool = False
    repeats: bool = False
    read_only: bool = False
    hidden: bool = False
    control: str = ""
    max_length: int | None = None
    low: Any = None
    high: Any = None
    decimals: int | None = None
    options: tuple[Option, ...] = ()
    units: tuple[Value, ...] = ()
    conditions: tuple[Condition, ...] = ()
    any_condition: bool = False
    enabled_by: Expression | None = None
    initial: tuple[Value, ...] = ()
    starts_with: Expression | None = None
    calculated: Expression | None = None
    variables: tuple[Expression, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    codes: tuple[Value, ...] = ()
    definition: str = ""
    extracts: bool = False
    context: str = ""
    sub: str = ""
    items: tuple["Item", ...] = ()

    @property
    def answers(self) -> bool:
        """Whether it takes an answer."""
        return self.kind not in STILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a Questionnaire asks. `canonical` names this very version; `source` is the Questionnaire itself, for expressions that look at it; `subject` what it is about, in words
    (useContext focus), `performers` the types of who may answer it."""

    id: str
    url: str
    version: str
    title: str
    status: str
    items: tuple[Item, ...]
    source: Resource
    variables: tuple[Expression, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    description: str = ""
    purpose: str = ""
    copyright: str = ""
    citation: str = ""
    context: str = ""
    subject: str = ""
    performers: tuple[str, ...] = ()

    @property
    def for_the_person(self) -> bool:
        """Whether the person may answer it alone (SDC performerType; where none is said, anybody may)."""
        return not self.performers or "Patient" in self.performers

    @property
    def canonical(self) -> str:
        """As QuestionnaireResponse.questionnaire names it."""
        return f"{self.url}|{self.version}" if self.version else self.url

    def every(self) -> Iterator[Item]:
        """Each item, before those that stand in it."""
        return every(self.items)


def every(items: tuple[Item, ...]) -> Iterator[Item]:
    """Each of these items, before those that stand in it."""
    for item in items:
        yield item
        yield from every(item.items)


def form_from(questionnaire: Resource) -> Form:
    """The form of a valid Questionnaire. Invalid, with its place, where it asks what is not answered here: an unknown value set, two items of one name, a loop of conditions."""
    extensions = questionnaire.get("extension", ())
    items = tuple(_item(one, f"Questionnaire.item[{place}]", 1) for place, one in enumerate(questionnaire.get("item", ())))
    form = Form(
        id=questionnaire.get("id", ""), url=questionnaire.get("url", ""), version=questionnaire.get("version", ""),
        title=questionnaire.get("title") or questionnaire.get("name") or "Questionnaire", status=questionnaire["status"], items=items, source=questionnaire,
        variables=_variables(extensions), constraints=_constraints(extensions), description=questionnaire.get("description", ""),
        purpose=questionnaire.get("purpose", ""), copyright=questionnaire.get("copyright", ""), citation=_text(extensions, f"{HL7}/cqf-citation"),
        context=_text(extensions, f"{SDC}-itemExtractionContext"), subject=_focus(questionnaire),
        performers=tuple(one["valueCode"] for one in extensions if one["url"] == f"{SDC}-performerType" and "valueCode" in one),
    )  # fmt: skip
    _refuse(form)
    return form


def _focus(questionnaire: Resource) -> str:
    for one in questionnaire.get("useContext", ()):
        concept = one.get("valueCodeableConcept", {})
        if one.get("code", {}).get("code") == "focus" and concept:
            return str(concept.get("text") or next((coding.get("display", "") for coding in concept.get("coding", ())), ""))
    return ""


def _refuse(form: Form) -> None:
    names = [one.link_id for one in form.every()]
    if len(names) > MOST_ITEMS:
        raise Invalid.at("Questionnaire.item", f"at most {MOST_ITEMS} items are asked at once")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid.at("Questionnaire.item.linkId", f"{', '.join(twice)} names more than one item")
    known = set(names)
    for one in form.every():
        if unknown := [condition.question for condition in one.conditions if condition.question not in known]:
            raise Invalid.at(f"Questionnaire.item({one.link_id}).enableWhen.question", f"there is no item {unknown[0]}")


def _item(one: Resource, place: str, depth: int) -> Item:
    if depth > DEEPEST:
        raise Invalid.at(place, f"items stand in each other at most {DEEPEST} deep")
    extensions = one.get("extension", ())
    if "answerValueSet" in one:
        raise Invalid.at(
            f"{place}.answerValueSet", f"{one['answerValueSet']} is not known here: give the answers as answerOption"
        )
    nested = [_item(each, f"{place}.item[{at}]", depth + 1) for at, each in enumerate(one.get("item", ()))]
    helps = [each for each in nested if each.kind == "display" and each.control in ("help", "instructions", "flyover", "unit")]
    return Item(
        link_id=one["linkId"], kind=one["type"], text=one.get("text", ""), prefix=one.get("prefix", ""), help=" ".join(each.text for each in helps),
        required=one.get("required", False), repeats=one.get("repeats", False), read_only=one.get("readOnly", False),
        hidden=_value(extensions, f"{HL7}/questionnaire-hidden") is True, control=_control(extensions), max_length=one.get("maxLength"),
        low=_value(extensions, f"{HL7}/minValue"), high=_value(extensions, f"{HL7}/maxValue"), decimals=_value(extensions, f"{HL7}/maxDecimalPlaces"),
        options=tuple(_option(each) for each in one.get("answerOption", ())), units=_units(extensions),
        conditions=tuple(_condition(each) for each in one.get("enableWhen", ())), any_condition=one.get("enableBehavior") == "any",
        enabled_by=_expression(extensions, f"{SDC}-enableWhenExpression"), initial=_initial(one),
        starts_with=_expression(extensions, f"{SDC}-initialExpression"), calculated=_expression(extensions, f"{SDC}-calculatedExpression"),
        variables=_variables(extensions), constraints=_constraints(extensions), codes=tuple(one.get("code", ())), definition=one.get("definition", ""),
        extracts=_value(extensions, f"{SDC}-observationExtract") is True, context=_text(extensions, f"{SDC}-itemExtractionContext"),
        sub=_text(extensions, f"{SDC}-subQuestionnaire"), items=tuple(each for each in nested if each not in helps),
    )  # fmt: skip


def _option(one: Resource) -> Option:
    name, value = next((name, value) for name, value in one.items() if name.startswith("value"))
    own = value.get("extension", ()) if isinstance(value, dict) else ()
    weight = next(
        (each["valueDecimal"] for each in (*own, *one.get("extension", ())) if each["url"] in ORDINAL and "valueDecimal" in each),
        None,
    )
    words = value.get("display") or value.get("code", "") if isinstance(value, dict) else str(value)
    return Option(
        {name: value},
        words,
        None if weight is None else Decimal(weight),
        _value(one.get("extension", ()), f"{HL7}/questionnaire-optionExclusive") is True,
    )


def _condition(one: Resource) -> Condition:
    return Condition(one["question"], one["operator"], next(value for name, value in one.items() if name.startswith("answer")))


def _initial(one: Resource) -> tuple[Value, ...]:
    chosen = [
        {name: value}
        for each in one.get("answerOption", ())
        if each.get("initialSelected")
        for name, value in each.items()
        if name.startswith("value")
    ]
    return tuple(
        chosen or ({name: value} for each in one.get("initial", ()) for name, value in each.items() if name.startswith("value"))
    )


def _units(extensions: Any) -> tuple[Value, ...]:
    urls = (f"{HL7}/questionnaire-unitOption", f"{HL7}/questionnaire-unit")
    return tuple(one["valueCoding"] for one in extensions if one["url"] in urls and "valueCoding" in one)


def _variables(extensions: Any) -> tuple[Expression, ...]:
    return tuple(
        _said(one["valueExpression"]) for one in extensions if one["url"] == f"{HL7}/variable" and "valueExpression" in one
    )


def _constraints(extensions: Any) -> tuple[Constraint, ...]:
    found = []
    for one in extensions:
        if one["url"] == f"{HL7}/questionnaire-constraint":
            parts = {
                each["url"]: next((value for name, value in each.items() if name.startswith("value")), "")
                for each in one.get("extension", ())
            }
            found.append(
                Constraint(
                    parts.get("key", ""),
                    parts.get("human", ""),
                    parts.get("expression", ""),
                    parts.get("severity", "error") == "error",
                )
            )
    return tuple(found)


def _expression(extensions: Any, url: str) -> Expression | None:
    return next((_said(one["valueExpression"]) for one in extensions if one["url"] == url and "valueExpression" in one), None)


def _said(one: Resource) -> Expression:
    language = one.get("language", FHIRPATH)
    if language not in (FHIRPATH, QUERY):
        raise Invalid.at(
            "Questionnaire.extension.valueExpression.language",
            f"{language} is not evaluated here, but {FHIRPATH} and {QUERY} are",
        )
    return Expression(one.get("expression", ""), one.get("name", ""), language)


def _control(extensions: Any) -> str:
    concept = _value(extensions, f"{HL7}/questionnaire-itemControl") or {}
    return next((coding.get("code", "") for coding in concept.get("coding", ())), "")


def _value(extensions: Any, url: str) -> Any:
    return next(
        (value for one in extensions if one["url"] == url for name, value in one.items() if name.startswith("value")), None
    )


def _text(extensions: Any, url: str) -> str:
    return str(_value(extensions, url) or "")
