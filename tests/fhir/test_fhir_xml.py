"""FHIR XML: what JSON says is said in XML and back; what is no FHIR XML is refused where it stands."""

import random
from decimal import Decimal
from typing import Any

import pytest

from maillage.errors import Invalid, MaillageError, NotAcceptable
from maillage.fhir import json, xml
from maillage.fhir.validation import validate

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def document(content: str, *, kind: str = "Patient") -> bytes:
    return f'<{kind} xmlns="http://hl7.org/fhir">{content}</{kind}>'.encode()


def a_narrative(div: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "text": {"status": "generated", "div": div}, "code": {"text": "x"}}


def test_elements_are_in_the_order_of_the_definitions_whatever_the_order_of_the_keys() -> None:
    patient = {
        "birthDate": "1979-03-28", "name": [{"given": ["Dominique"], "family": "PAT-TROIS"}], "active": True, "id": "p", "resourceType": "Patient",
    }  # fmt: skip
    assert xml.dumps(patient).decode() == HEAD + (
        '<Patient xmlns="http://hl7.org/fhir"><id value="p"/><active value="true"/>'
        '<name><family value="PAT-TROIS"/><given value="Dominique"/></name><birthDate value="1979-03-28"/></Patient>'
    )


def test_a_pretty_document_says_the_same() -> None:
    patient = {"resourceType": "Patient", "contained": [{"resourceType": "Basic", "id": "b"}], "name": [{"family": "PAT"}]}
    shown = xml.dumps(patient, pretty=True)
    assert b'\n  <name>\n    <family value="PAT"/>\n  </name>\n' in shown
    assert xml.loads(shown) == patient


@pytest.mark.parametrize("number", ["72.500", "0.0", "-0", "1.0E+5", "100", "123456789012345678901234567890.10"])
def test_decimals_keep_their_digits(number: str) -> None:
    said = document(f'<extension url="http://x"><valueDecimal value="{number}"/></extension>')
    resource = xml.loads(said)
    assert json.dumps(resource["extension"][0]["valueDecimal"]).decode() == number
    assert xml.dumps(resource) == HEAD.encode() + said


@pytest.mark.parametrize(
    "parts",
    [
        {"birthDate": "1979", "_birthDate": {"id": "b", "extension": [{"url": "http://x", "valueBoolean": False}]}},
        {"gender": "male", "_gender": {"id": "g"}},
        {"_birthDate": {"extension": [{"url": "http://x", "valueCode": "unknown"}]}},
        {"name": [{"given": ["A", None, "C"], "_given": [None, {"extension": [{"url": "http://x", "valueCode": "q"}]}, {"id": "c"}]}]},
        {"name": [{"_given": [{"extension": [{"url": "http://x", "valueCode": "q"}]}]}]},
        {"contained": [{"resourceType": "Organization", "id": "o", "name": "CH"}], "managingOrganization": {"reference": "#o"}},
        {"multipleBirthInteger": 2, "active": False, "extension": [{"id": "e", "url": "http://x", "valueString": " a\t\n\r\"<&>'é😀 "}]},
    ],
)  # fmt: skip
def test_what_is_valid_in_json_comes_back_from_xml(parts: dict[str, Any]) -> None:
    patient = {"resourceType": "Patient", **parts}
    validate(patient)
    again = xml.loads(xml.dumps(patient))
    assert again == patient
    assert json.dumps(again).count(b'"') == json.dumps(patient).count(b'"')


def test_a_list_of_extensions_shorter_than_its_values_is_completed() -> None:
    name = {"given": ["A", "B"], "_given": [{"id": "a"}]}
    again = xml.loads(xml.dumps({"resourceType": "Patient", "name": [name]}))
    assert again["name"] == [{"given": ["A", "B"], "_given": [{"id": "a"}, None]}]


def test_bundles_and_parameters_hold_resources() -> None:
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "PAT"}]}
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
    bundle = {
        "resourceType": "Bundle", "type": "batch-response", "entry": [{"resource": patient, "response": {"status": "200", "outcome": outcome}}],
    }  # fmt: skip
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "resource": bundle}, {"name": "b", "valueInteger": 1}],
    }
    assert xml.loads(xml.dumps(parameters)) == parameters


# Narratives


@pytest.mark.parametrize(
    "div",
    [
        f"<div {XHTML}>a <b>b</b><br/>é</div>",
        f"<div  {XHTML}\n class='x'>1 &lt; 2 &#233; &amp; <!-- c --><![CDATA[<&nbsp;>]]></div >",
        f"<div {XHTML}><div><img src='x.png' alt=''></img></div></div>",
        '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>',
    ],
)
def test_a_narrative_keeps_each_character(div: str) -> None:
    validate(a_narrative(div))
    assert xml.loads(xml.dumps(a_narrative(div))) == a_narrative(div)


def test_entities_of_html_become_the_characters_that_they_name() -> None:
    again = xml.loads(xml.dumps(a_narrative(f"<div {XHTML}>a&nbsp;b &amp; &eacute;</div>")))
    assert again["text"]["div"] == f"<div {XHTML}>a\xa0b &amp; é</div>"


def test_a_narrative_has_the_namespaces_that_were_declared_around_it() -> None:
    said = (
        b'<f:Basic xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><f:text><f:status value="generated"/>'
        b'<h:div><h:p>x</h:p></h:div></f:text><f:code><f:text value="x"/></f:code></f:Basic>'
    )
    resource = xml.loads(said)
    assert resource["text"]["div"] == '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>'
    validate(resource)
    around = said.replace(b":h=", b"=").replace(b"h:", b"")
    assert xml.loads(around)["text"]["div"] == f"<div {XHTML}><p>x</p></div>"


@pytest.mark.parametrize(
    "div",
    ["<?php x?><div {}>x</div>", "<div {}>x</div><?php x?>", "<!-- c --><div {}>x</div>", '<?xml version="1.0"?><div {}>x</div>'],
)
def test_a_narrative_that_could_not_stand_in_xml_is_refused(div: str) -> None:
    with pytest.raises(Invalid, match="must be one div"):
        validate(a_narrative(div.format(XHTML)))


# What is refused

BOMB = """<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>"""
DEEP = '<extension url="http://x">'


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        (b"", "no element found", None),
        (b'{"resourceType":"Patient"}', "not well-formed", None),
        (document("")[:-3], "at line 1, column", None),
        (b"<Patient/>", "a resource of FHIR R4 in the namespace http://hl7.org/fhir", None),
        (document("", kind="Wizard"), "not <Wizard>", None),
        (BOMB.encode() + document('<name><family value="&c;"/></name>'), "a document type", None),
        (b'<!DOCTYPE p SYSTEM "file:///etc/passwd">' + document(""), "a document type", None),
        (b'<!DOCTYPE p SYSTEM "http://127.0.0.1:1/x.dtd">' + document(""), "a document type", None),
        (document('<name><family value="&eacute;"/></name>'), "undefined entity", None),
        (b"<?php evil()?>" + document(""), "a processing instruction (php)", None),
        (document("<name><?php evil()?></name>"), "a processing instruction (php)", "Patient.name[0]"),
        (document(DEEP * 60 + "</extension>" * 60), "nested deeper than 100 levels", "extension[0]"),
        (document("<a>" * 50_000), "has no element <a>", "Patient"),
        (document('<birthDate value="1979"/><gender value="male"/>'), "<gender> stands too late in Patient", "Patient"),
        (document('<gender value="male"/><gender value="female"/>'), "<gender> may stand once", "Patient"),
        (document('<name><nom value="PAT"/></name>'), "HumanName has no element <nom>", "Patient.name[0]"),
        (document('<name xmlns="urn:hl7-org:v3"/>'), "of the namespace urn:hl7-org:v3", "Patient"),
        (document('<name><family valeur="PAT"/></name>'), "the attribute 'valeur'", "Patient.name[0].family"),
        (document('<name value="PAT"/>'), "the attribute 'value'", "Patient.name[0]"),
        (document("<gender>male</gender>"), "text is not allowed here ('male')", "Patient.gender"),
        (document("<contained><Basic/><Basic/></contained>"), "only one resource", "Patient.contained[0]"),
        (document("<text><div>x</div></text>"), "Narrative has no element <div> of the namespace http://hl7.org/fhir", "Patient.text"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + document(""), "send UTF-8, not ISO-8859-1", None),
        (document("").decode().encode("utf-16"), "send UTF-8, not UTF-16", None),
        (document("").decode().encode("utf-16-be"), "send UTF-8, not UTF-16", None),
        (document('<name><family value="\xe9"/></name>').decode().encode("latin-1"), "not well-formed", None),
    ],
)  # fmt: skip
def test_what_is_no_fhir_xml_is_refused_with_its_place(text: bytes, reason: str, place: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        xml.loads(text)
    issue = refused.value.issues[0]
    assert reason in issue.diagnostics
    assert (place or "") in (issue.expression or "")
    assert (issue.expression is None) == (place is None)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('<active value="oui"/>', "Patient.active"),
        ("<gender/>", "Patient.gender"),
        ('<birthDate value="2023-02-30"/>', "Patient.birthDate"),
        ('<name><given/><given value="b"/></name>', "Patient.name[0].given[0]"),
        ('<multipleBirthInteger value="2.0"/>', "Patient.multipleBirth.ofType(integer)"),
        ('<extension url="http://x"><valueDecimal value="1,5"/></extension>', "Patient.extension[0].value.ofType(decimal)"),
        (
            f'<extension url="http://x"><valueInteger value="{"9" * 10_000}"/></extension>',
            "Patient.extension[0].value.ofType(integer)",
        ),
        ("<contained/>", "Patient.contained[0].resourceType"),
        ("<name/>", "Patient.name[0]"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_for_the_validator(content: str, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate(xml.loads(document(content)))
    assert refused.value.issues[0].expression == place


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"name": [{"family": "a\ufffeb"}]}, "family"),
        ({"extension": [{"url": "http://x", "_url": {"id": "u"}, "valueCode": "a"}]}, "Extension._url"),
    ],
)
def test_what_xml_cannot_hold_is_told(parts: dict[str, Any], place: str) -> None:
    with pytest.raises(NotAcceptable, match=place):
        xml.dumps({"resourceType": "Patient", **parts})


def test_what_may_stand_around_a_resource_may() -> None:
    said = (
        '\ufeff<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<!-- c --><Patient xmlns="http://hl7.org/fhir" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir ../patient.xsd">\r\n'
        "<!-- c --><active value='true'></active> </Patient>\n"
    )
    assert xml.loads(said.encode()) == {"resourceType": "Patient", "active": True}


def damaged(text: bytes, chance: random.Random) -> bytes:
    harm = bytearray(text)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(harm))
        match chance.randrange(4):
            case 0:
                harm[at] = chance.randrange(256)
            case 1:
                del harm[at : at + chance.randint(1, 20)]
            case 2:
                harm[at:at] = chance.choice(
                    [b"<", b">", b"/>", b"&", b"<!DOCTYPE x>", b"<?x?>", b"</name>", b'"', b"<a/>", b"\xff"]
                )
            case _:
                start = chance.randrange(len(harm))
                harm[at:at] = harm[start : start + 30]
    return bytes(harm)


def refusal(text: bytes) -> str | None:
    try:
        validate(xml.loads(text))
    except MaillageError as fault:
        return fault.issues[0].diagnostics
    return None


def test_damaged_documents_are_read_or_refused_and_nothing_else() -> None:
    whole = xml.dumps(
        a_narrative(f"<div {XHTML}>a <b>b</b></div>")
        | {"contained": [{"resourceType": "Patient", "id": "p", "name": [{"given": ["a"], "_given": [{"id": "x"}]}]}]}
        | {"extension": [{"url": "http://x", "valueDecimal": Decimal("1.50")}], "subject": {"reference": "#p"}}
    )
    assert refusal(whole) is None
    chance = random.Random(7)
    reasons = [refusal(damaged(whole, chance)) for _ in range(2_000)]
    assert 1_000 < len([reason for reason in reasons if reason]) < 1_990
