"""FHIRPath: what expressions find, what is refused and how, and that nothing hangs."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maillage.errors import Invalid
from maillage.fhir.fhirpath import Environment, Unevaluable, compiled

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient", "id": "p", "active": True, "gender": "male", "birthDate": "1945-02-02", "_birthDate": {"extension": [{"url": "urn:time", "valueTime": "14:05:00"}]},
    "name": [{"use": "official", "family": "CANEVAS", "given": ["ROGER", "LÉON"]}, {"use": "usual", "given": ["Roro"]}], "multipleBirthInteger": 2,
    "contact": [{"name": {"family": "CANEVAS"}}], "contained": [{"resourceType": "Organization", "id": "o", "name": "Chez nous"}], "managingOrganization": {"reference": "#o"},
}  # fmt: skip


def found(text: str, value: Any = PATIENT, **variables: Any) -> list[Any]:
    kind = value.get("resourceType", "") if isinstance(value, dict) else ""
    return compiled(text)(value, Environment(kind=kind, variables=variables, resource=value, root=value, now=NOW))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Patient.name.given", ["ROGER", "LÉON", "Roro"]),
        ("name.where(use = 'usual').given.first()", ["Roro"]),
        ("name[0].given[1]", ["LÉON"]),
        ("name[9]", []),
        ("multipleBirth", [2]),
        ("multipleBirth is integer", [True]),
        ("multipleBirth.ofType(boolean)", []),
        ("birthDate < today()", [True]),
        ("birthDate.extension('urn:time').value", ["14:05:00"]),
        ("gender is code and gender is string and (gender is System.String).not()", [True]),
        ("contact.name.family", ["CANEVAS"]),
        ("managingOrganization.resolve().name", ["Chez nous"]),
        ("contained.ofType(Organization).name", ["Chez nous"]),
        ("name.select(given.first()).join(', ')", ["ROGER, Roro"]),
        ("2 + 3 * 4", [14]),
        ("5 / 2", [Decimal("2.5")]),
        ("5 div 2 | 5 mod 2", [2, 1]),
        ("1 / 0", []),
        ("(2.5).power(1.5).round(4)", [Decimal("3.9528")]),
        ("1.5.round() = 2", [True]),
        ("'a' & 1 & {}", ["a1"]),
        ("{} and false", [False]),
        ("{} or true", [True]),
        ("{} = 1", []),
        ("@2026-02 = @2026-02-01", []),
        ("@2026-02 < @2026-03-01", [True]),
        ("@2020-02-29 + 1 year", ["2021-02-28"]),
        ("1 'g' = 1000 'mg'", [True]),
        ("1 'g' = 1 'm'", []),
        ("1 'm' < 2 's'", []),
        ("(1 | 2 | 3).aggregate($this + $total, 0)", [6]),
        ("(1.5 | 2).sum()", [Decimal("3.5")]),
        ("iif({}, 1, 2)", [2]),
        ("iif(true, 1, 'x'.toInteger() / {})", [1]),
        ("now().toString().startsWith('2026-11-24T12:30')", [True]),
        ("'12'.toInteger() + '1.50'.toDecimal()", [Decimal("13.50")]),
        ("'x'.toInteger()", []),
        ("%seul.code", ["a"]),
        ("%loinc", ["http://loinc.org"]),
        ("'a,b'.split(',').count()", [2]),
        ("(3 | 1 | 2).sort(-$this).first()", [3]),
    ],
)
def test_an_expression_finds_what_the_specification_says(text: str, wanted: list[Any]) -> None:
    assert found(text, seul=[{"code": "a"}]) == wanted


def test_values_of_variables_keep_the_types_they_were_found_with() -> None:
    born = compiled("birthDate").find(PATIENT, Environment(kind="Patient", now=NOW))
    assert found("%born <= today() - 81 years", born=born) == [True]


@pytest.mark.parametrize("where", ["coding", "option"])
def test_answers_weigh_what_their_questionnaire_says(where: str) -> None:
    weight = [{"url": ORDINAL, "valueDecimal": Decimal("0.5")}]
    coding = {"system": "urn:s", "code": "aide"}
    offered = {"valueCoding": coding | ({"extension": weight} if where == "coding" else {})} | (
        {"extension": weight} if where == "option" else {}
    )
    questionnaire = {
        "resourceType": "Questionnaire",
        "item": [{"linkId": "g", "type": "group", "item": [{"linkId": "a", "type": "choice", "answerOption": [offered]}]}],
    }
    response = {
        "resourceType": "QuestionnaireResponse",
        "item": [{"linkId": "g", "item": [{"linkId": "a", "answer": [{"valueCoding": coding}]}]}],
    }
    assert found("%resource.repeat(item).where(linkId='a').answer.value.ordinal()", response, questionnaire=questionnaire) == [
        Decimal("0.5")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "name.",
        "name where",
        "1 +",
        "'a",
        "@2026-02-30",
        "a.b(",
        "nosuch()",
        "first(1, 2)",
        "where()",
        "%",
        "is Patient",
        "(" * 200,
        "a" * 30_000,
    ],
)
def test_what_is_no_fhirpath_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        "%nosuch", "name.given = name.given and name", "name.single()", "1 + 'a'", "'a' < 1", "(1 | 2) + 1", "conformsTo('x')", "'a'.skip('b')", "1.repeat('a' + $this.toString())",
        "'a'.matches('(')", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('(a+)+$')", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('(a|aa)+$')", "'a'.replaceMatches('a', '$9')", "(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18 | 19 | 20 | 21).aggregate($total & $total, 'aaaaaaaa')",
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_says_so_with_its_expression(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        found(text)
    assert str(refusal.value)


NAMES = st.sampled_from(
    [
        "name",
        "given",
        "birthDate",
        "contact",
        "$this",
        "1",
        "2.5",
        "'a'",
        "{}",
        "true",
        "@2026-01",
        "3 'mg'",
        "%resource",
        "multipleBirth",
        "$total",
        "$index",
    ]
)
CALLS = ["first()", "count()", "where($this = 1)", "select($this)", "repeat($this)", "exists()", "sum()", "toString()", "children()", "descendants()", "aggregate($this & $total)",
         "iif($this, 1, 2)", "round(2)", "power(9)", "exp()", "sort()", "distinct()", "type()", "ordinal()", "replaceMatches('a*', '$1')", "toQuantity()", "abs()"]  # fmt: skip
OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "div",
    "mod",
    "&",
    "|",
    "=",
    "~",
    "!=",
    "<",
    ">=",
    "and",
    "or",
    "xor",
    "implies",
    "in",
    "contains",
]
EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("({}).{}".format, inner, st.sampled_from(CALLS)),
        st.builds("({}).{}".format, inner, NAMES.filter(str.isalpha)),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({} is {})".format, inner, st.sampled_from(["string", "FHIR.Patient", "System.Integer", "Nothing"])),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=1_000, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS)
def test_any_expression_is_answered_or_refused_by_name_and_nothing_hangs(text: str) -> None:
    environment = Environment(kind="Patient", resource=PATIENT, root=PATIENT, now=NOW, steps=20_000)
    with suppress(Invalid, Unevaluable):
        assert isinstance(compiled(text)(PATIENT, environment), list)


@settings(max_examples=300, deadline=1_000)
@given(st.text(alphabet="nameé.()[]'\\$%@ 0123456789+-*/&|=<>~{}\"`,wherist", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Invalid):
        compiled(text)
