"""What is refused at the FHIR door: by which status, and how the answer names the element or parameter and the rule. Nothing of it is written."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.db import Database
from maillage.fhir import json
from maillage.fhir.query_strings import MAX_FORM, MAX_QUERY, MOST
from maillage.fhir.validation import validate
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support.asgi import Answer, Asked, ask
from tests.support.people import MACHINE

FHIR, XML, PATCH = "application/fhir+json", "application/fhir+xml", "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
LIMIT = 100_000
PATIENT = {"resourceType": "Patient", "id": "p"}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
PART = PATIENT | {"meta": {"tag": [SUBSETTED]}}


@dataclass(frozen=True)
class Case:
    """A request and its refusal: the status, the place that the first issue names, and words of the rule."""

    asked: Asked
    status: int
    place: str | None
    rule: str


def get(target: str, status: int, place: str | None, rule: str, **headers: str) -> Case:
    return Case(Asked("GET", f"/fhir/{target}".encode(), named(headers)), status, place, rule)


def sends(method: str, target: str, body: Any, status: int, place: str | None, rule: str, **headers: str) -> Case:
    content = body if isinstance(body, bytes) else json.dumps(body)
    return Case(
        Asked(method, f"/fhir/{target}".rstrip("/").encode(), named({"content_type": FHIR} | headers), content),
        status,
        place,
        rule,
    )


def named(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", "-"), value) for name, value in headers.items())


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Any = None, **more: str) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **more}} | ({} if resource is None else {"resource": resource})


def xml(content: str) -> bytes:
    return f'<Patient xmlns="http://hl7.org/fhir">{content}</Patient>'.encode()


BODIES = {
    "nothing": sends("POST", "Patient", b"", 400, None, "not JSON"),
    "no JSON": sends("POST", "Patient", b'{"resourceType":"Patient",}', 400, None, "line 1, column"),
    "no object": sends("POST", "Patient", b"[]", 400, None, "a JSON object is expected"),
    "a byte order mark": sends("POST", "Patient", b'\xef\xbb\xbf{"resourceType":"Patient"}', 400, None, "a byte order mark at byte 0"),
    "no UTF-8": sends("POST", "Patient", b'{"resourceType":"Patient","language":"\xff"}', 400, None, "not UTF-8"),
    "half a surrogate pair": sends("POST", "Patient", b'{"resourceType":"Patient","language":"\\ud800"}', 400, None, "at byte 38"),
    "not a number": sends("POST", "Patient", b'{"resourceType":"Patient","x":NaN}', 400, None, "NaN is no JSON number"),
    "a number that nothing holds": sends("POST", "Patient", b'{"resourceType":"Patient","x":1e99999999999999999999}', 400, None, "at byte"),
    "a key twice": sends("POST", "Patient", b'{"resourceType":"Patient","active":true,"active":false}', 400, "active", "given twice"),
    "too deep": sends("POST", "Patient", b'{"a":' * 200 + b"1" + b"}" * 200, 400, None, "nested deeper than 100"),
    "another type": sends("POST", "Patient", OBSERVATION, 400, "Patient.resourceType", "Patient is expected"),
    "no type": sends("POST", "Patient", {}, 400, "Patient.resourceType", "Patient is expected"),
    "an element unknown": sends("POST", "Patient", PATIENT | {"wings": 2}, 400, "Patient.wings", "wings"),
    "a value of another type": sends("POST", "Patient", PATIENT | {"active": "yes"}, 400, "Patient.active", "boolean"),
    "a list where none is": sends("POST", "Patient", PATIENT | {"birthDate": ["2024"]}, 400, "Patient.birthDate", "date"),
    "an empty text": sends("POST", "Patient", PATIENT | {"language": ""}, 400, "Patient.language", "code"),
    "a control character": sends("POST", "Patient", PATIENT | {"name": [{"family": "a\0"}]}, 400, "Patient.name[0].family", "string"),
    "a code that is none": sends("POST", "Patient", PATIENT | {"gender": "homme"}, 400, "Patient.gender", "administrative-gender"),
    "an element missing": sends("POST", "Observation", {"resourceType": "Observation", "status": "final"}, 400, "Observation.code", "required"),
    "an invariant": sends("POST", "Patient", PATIENT | {"contact": [{"gender": "male"}]}, 400, "Patient.contact[0]", "pat-1"),
    "a script": sends("POST", "Patient", PATIENT | {"text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'><script/></div>"}}, 400, "Patient.text.div", "script"),
    "two values of one choice": sends("POST", "Patient", PATIENT | {"deceasedBoolean": True, "deceasedDateTime": "2024"}, 400, "Patient", "one"),
    "inside a stored bundle": sends("POST", "Bundle", {"resourceType": "Bundle", "type": "collection", "entry": [None]}, 400, "Bundle.entry[0]", "an object"),
    "inside a resource of a stored bundle": sends("POST", "Bundle", bundle({"resource": PATIENT | {"active": 1}}, kind="collection"), 400, "Bundle.entry[0].resource.active", "boolean"),
    "no XML": sends("POST", "Patient", b"<Patient", 400, None, "line 1", content_type=XML),
    "no FHIR": sends("POST", "Patient", b"<Patient/>", 400, None, "namespace", content_type=XML),
    "a document type": sends("POST", "Patient", b"<!DOCTYPE x><Patient/>", 400, None, "DTD", content_type=XML),
    "an entity": sends("POST", "Patient", xml("<language value='&lol;'/>"), 400, None, "line 1", content_type=XML),
    "XML out of order": sends("POST", "Patient", xml("<gender value='male'/><active value='true'/>"), 400, "Patient", "order", content_type=XML),
    "XML with an element unknown": sends("POST", "Patient", xml("<wings value='2'/>"), 400, "Patient", "wings", content_type=XML),
    "XML with a date that is none": sends("POST", "Patient", xml("<birthDate value='2023-02-30'/>"), 400, "Patient.birthDate", "2023-02-30", content_type=XML),
    "a form that is none": sends("POST", "Patient/_search", PATIENT, 415, None, "application/x-www-form-urlencoded"),
}  # fmt: skip
DATES = {
    "a day that is none": sends("POST", "Patient", PATIENT | {"birthDate": "2023-02-30"}, 400, "Patient.birthDate", "2023-02-30"),
    "a month that is none": sends("POST", "Patient", PATIENT | {"birthDate": "2023-13"}, 400, "Patient.birthDate", "2023-13"),
    "an hour that is none": sends("POST", "Observation", OBSERVATION | {"effectiveDateTime": "2023-02-28T25:00:00Z"}, 400, "Observation.effective", "25:00"),
    "a time without zone": sends("POST", "Observation", OBSERVATION | {"effectiveDateTime": "2023-02-28T10:00:00"}, 400, "Observation.effective", "dateTime"),
    "a search of a day that is none": get("Patient?birthdate=2023-02-30", 400, "birthdate", "2023-02-30"),
    "a search by a prefix that is none": get("Patient?birthdate=xx2023", 400, "birthdate", "prefixes"),
    "a history since a day that is none": get("Patient/_history?_since=2023-02-30", 400, "_since", "2023-02-30"),
    "a filter of a day that is none": get("Patient?_filter=birthdate%20eq%202023-02-30", 400, "_filter", "2023-02-30"),
    "everything since a day that is none": get("Patient/p/$everything?start=2023-02-30", 400, "start", "2023-02-30"),
}  # fmt: skip
PARAMETERS = {
    "a parameter unknown": get("Patient?wings=2", 400, "wings", "birthdate"),
    "a modifier unknown": get("Patient?family:wings=2", 400, "family:wings", "exact"),
    "a modifier of another type": get("Patient?birthdate:exact=2024", 400, "birthdate:exact", "exact"),
    "a value set": get("Observation?code:in=http://a.org/v", 400, "code:in", "no terminology is loaded"),
    "a mode of the statement that is none": get("metadata?mode=foo", 400, "mode", "full, normative, terminology"),
    "a mode of the statement twice": get("metadata?mode=full&mode=full", 400, "mode", "once"),
    "a statement of terminology": get("metadata?mode=terminology", 400, "mode", "not supported yet"),
    "a boolean that is none": get("Patient?family:missing=perhaps", 400, "family:missing", "true"),
    "a number that is none": get("RiskAssessment?probability=many", 400, "probability", "many"),
    "a token without anything": get("Patient?identifier=%7C", 400, "identifier", "|"),
    "a chain through what is no reference": get("Observation?code.name=x", 400, "code.name", "no reference"),
    "a chain into what a Bundle carries": get("Bundle?composition.type=x", 400, "composition.type", "not supported"),
    "a reverse chain from what carries it": get("Composition?_has:Bundle:composition:type=document", 400, "_has:Bundle:composition:type", "not supported"),
    "an include of what a Bundle carries": get("Bundle?_include=Bundle:composition", 400, "_include", "not supported"),
    "a modifier of what a Bundle carries": get("Bundle?message:identifier=x", 400, "message:identifier", "missing"),
    "a chain to another type": get("Observation?subject:Wizard.name=x", 400, "subject:Wizard.name", "Wizard"),
    "a reverse chain that leads elsewhere": get("Patient?_has:Observation:code:code=x", 400, "_has:Observation:code:code", "does not refer"),
    "an order by what is unknown": get("Patient?_sort=wings", 400, "_sort", "wings"),
    "a count that is none": get("Patient?_count=some", 400, "_count", "whole number"),
    "a cursor of another search": get("Patient?_cursor=AAAA", 400, "_cursor", "does not belong"),
    "a cursor of no history": get("Patient/_history?_cursor=99999999999999999999~2024-01-01~1", 400, "_cursor", "does not belong"),
    "an include of what is unknown": get("Patient?_include=Patient:wings", 400, "_include", "wings"),
    "a filter that does not end": get("Patient?_filter=(name%20eq%20x", 400, "_filter", ")"),
    "a list that is no id": get("Patient?_list=a%20b", 400, "_list", "id"),
    "a place nowhere": get("Location?near=91%7C0", 400, "near", "latitude"),
    "a summary that is none": get("Patient?_summary=some", 400, "_summary", "some"),
    "an element that is none": get("Patient?_elements=wings", 400, "_elements", "wings"),
    "a parameter of a read": get("Patient/p?name=x", 400, "name", "unknown"),
    "a parameter of a creation": sends("POST", "Patient?name=x", PATIENT, 400, "name", "unknown"),
    "conditions that are none": sends("PUT", "Patient?wings=2", PATIENT, 400, "wings", "no search parameter wings"),
    "a deletion of everything": sends("DELETE", "Patient", b"", 400, "request.url", "criteria"),
}  # fmt: skip
UNITS = {
    "a distance in what is no unit": get("Location?near=48.8%7C2.3%7C5%7Cparsec", 400, "near", "parsec"),
    "a unit without code": get("Observation?value-quantity=5%7Chttp://unitsofmeasure.org%7C", 400, "value-quantity", "5|http://unitsofmeasure.org|"),
    "a unit that UCUM has not": get("Observation?value-quantity=5%7Chttp://unitsofmeasure.org%7Czorg", 400, "value-quantity", "'5|http://unitsofmeasure.org|zorg': 'zorg' is no unit of UCUM"),
    "a unit that UCUM has not, beside a code": get("Observation?code-value-quantity=x%245%7Chttp://unitsofmeasure.org%7Czorg", 400, "code-value-quantity", "'zorg' is no unit"),
    "a unit that UCUM has not, in a chain": get("DiagnosticReport?result.value-quantity=5%7Chttp://unitsofmeasure.org%7Czorg", 400, "result.value-quantity", "'zorg' is no unit"),
    "too many parts": get("Observation?value-quantity=5%7Ca%7Cb%7Cc", 400, "value-quantity", "5|a|b|c"),
    "a unit without system": sends("POST", "Observation", OBSERVATION | {"valueQuantity": {"value": 1, "code": "kg"}}, 400, "Observation.value", "qty-3"),
}  # fmt: skip
HEADERS = {
    "If-Match that is no version": sends("PUT", "Patient/p", PATIENT, 400, None, "If-Match", if_match="three"),
    "If-Match of another version": sends("PUT", "Patient/p", PATIENT, 412, None, "is at version 1", if_match='W/"9"'),
    "If-Match of what is not there": sends("PUT", "Patient/q", PATIENT | {"id": "q"}, 412, None, "none", if_match='W/"1"'),
    "If-None-Match of what is there": sends("PUT", "Patient/p", PATIENT, 412, None, "there already", if_none_match="*"),
    "If-None-Match of a version": sends("PUT", "Patient/p", PATIENT, 400, "request.ifNoneMatch", "If-None-Match", if_none_match='W/"1"'),
    "If-None-Exist without criteria": sends("POST", "Patient", PATIENT, 400, "request.ifNoneExist", "criteria", if_none_exist=""),
    "If-None-Exist by what is unknown": sends("POST", "Patient", PATIENT, 400, "wings", "wings", if_none_exist="wings=2"),
    "If-None-Exist about the answer": sends("POST", "Patient", PATIENT, 400, "request.ifNoneExist", "_count", if_none_exist="_count=1"),
    "no media type": sends("POST", "Patient", PATIENT, 415, None, FHIR, content_type=""),
    "another media type": sends("POST", "Patient", PATIENT, 415, None, FHIR, content_type="text/plain"),
    "another charset": sends("POST", "Patient", PATIENT, 415, None, "UTF-8", content_type="application/fhir+json; charset=latin-1"),
    "an answer in what is not spoken": get("Patient/p", 406, None, "application/fhir+json", accept="text/turtle"),
    "a format that is not spoken": get("Patient/p?_format=ttl", 406, None, "application/fhir+json"),
    "a longer body than is taken": sends("POST", "Patient", PATIENT, 413, None, f"{LIMIT} bytes", content_length=str(LIMIT + 1)),
}  # fmt: skip
IDS = {
    "an id that is none": sends("PUT", "Patient/a_b", PATIENT | {"id": "a_b"}, 400, "Patient.id", "1 to 64"),
    "a long id": sends("PUT", f"Patient/{'a' * 65}", PATIENT | {"id": "a" * 65}, 400, "Patient.id", "1 to 64"),
    "no id": sends("PUT", "Patient/p", {"resourceType": "Patient"}, 400, "Patient.id", "address"),
    "another id": sends("PUT", "Patient/p", PATIENT | {"id": "q"}, 400, "Patient.id", "address"),
    "a deletion of an id with a character U+0000": sends("DELETE", "Patient/a%00b", b"", 400, "Patient.id", "1 to 64"),
    "a deletion of an id that is none": sends("DELETE", "Patient/a_b", b"", 400, "Patient.id", "1 to 64"),
    "a search by an id that is none": get("Patient?_id=a_b", 400, "_id", "a_b"),
    "a compartment of an id that is none": get("Patient/$everything/Observation", 400, "Patient.id", "1 to 64"),
    "a type that is none": get("Wizard/1", 404, None, "Wizard"),
    "what is not known": get("Patient/nobody", 404, None, "Patient/nobody"),
    "a version that is none": get("Patient/p/_history/two", 404, None, "two"),
    "a version beyond all": get(f"Patient/p/_history/{'9' * 30}", 404, None, "version"),
    "a method that is none": sends("POST", "Patient/p", PATIENT, 405, None, "method"),
}  # fmt: skip
REFERENCES = {
    "a reference to another type": sends("POST", "Observation", OBSERVATION | {"subject": {"reference": "Practitioner/1"}}, 400, "Observation.subject", "Practitioner"),
    "a reference to what is no type": sends("POST", "Observation", OBSERVATION | {"subject": {"reference": "Wizard/1"}}, 400, "Observation.subject", "Wizard"),
    "a reference to nothing inside": sends("POST", "Observation", OBSERVATION | {"subject": {"reference": "#a"}}, 400, "Observation", "ref-1"),
    "a search by a reference that is none": get("Observation?subject=a%20b", 400, "subject", "a b"),
    "a search by a reference to another type": get("Observation?subject:Patient=Group/1", 400, "subject:Patient", "Group/1"),
    "a link in a transaction that leads nowhere": sends("POST", "", bundle(entry("POST", "Observation", OBSERVATION | {"subject": {"reference": "Patient?identifier=nobody"}})), 412, "Bundle.entry[0].resource", "identifier=nobody"),
}  # fmt: skip
PROFILES = {
    "a profile that is no address": sends("POST", "Patient", PATIENT | {"meta": {"profile": ["a b"]}}, 400, "Patient.meta.profile[0]", "canonical"),
    "a validation by a profile that is not here": sends("POST", "Patient/$validate?profile=http://a.org/p", PATIENT, 400, "profile", "http://a.org/p"),
    "a guide that is no package": sends("POST", "ImplementationGuide", {"resourceType": "ImplementationGuide", "status": "draft"}, 400, "ImplementationGuide.url", "required"),
}  # fmt: skip
PATCHES = {
    "a merge patch": sends("PATCH", "Patient/p", {"gender": "male"}, 415, None, PATCH, content_type="application/merge-patch+json"),
    "a merge patch as any JSON": sends("PATCH", "Patient/p", {"gender": "male"}, 415, None, PATCH, content_type="application/json"),
    "a patch that is no list": sends("PATCH", "Patient/p", {}, 400, None, "a JSON array is expected", content_type=PATCH),
    "an operation that is none": sends("PATCH", "Patient/p", [{"op": "x", "path": "/a"}], 400, "patch[0]", "add, remove", content_type=PATCH),
    "a place that is not there": sends("PATCH", "Patient/p", [{"op": "remove", "path": "/name"}], 422, "patch[0]", "/name", content_type=PATCH),
    "a test that does not hold": sends("PATCH", "Patient/p", [{"op": "test", "path": "/id", "value": "q"}], 412, "patch[0]", "/id", content_type=PATCH),
    "another id": sends("PATCH", "Patient/p", [{"op": "replace", "path": "/id", "value": "q"}], 422, "Patient.id", "may not change", content_type=PATCH),
    "what leaves it invalid": sends("PATCH", "Patient/p", [{"op": "add", "path": "/birthDate", "value": "2023-02-30"}], 400, "Patient.birthDate", "2023-02-30", content_type=PATCH),
    "a FHIRPath that is none": sends("PATCH", "Patient/p", {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Patient.("}]}]}, 400, "Parameters.parameter[0]", "FHIRPath"),
}  # fmt: skip
BUNDLES = {
    "a bundle that is no request": sends("POST", "", {"resourceType": "Bundle", "type": "collection"}, 400, "Bundle.type", "batch or transaction"),
    "no bundle": sends("POST", "", PATIENT, 400, "Bundle.resourceType", "Bundle"),
    "an entry that is no request": sends("POST", "", bundle({"resource": PATIENT}), 400, "Bundle", "bdl-3"),
    "a method that is none": sends("POST", "", bundle(entry("WALK", "Patient")), 400, "Bundle.entry[0].request.method", "WALK"),
    "a url of no type": sends("POST", "", bundle(entry("DELETE", "Wizard/1")), 400, "Bundle.entry[0].request.url", "Wizard"),
    "a url of another server": sends("POST", "", bundle(entry("GET", "http://elsewhere.example/fhir/Patient/1")), 415, "Bundle.entry[0].request.url", "elsewhere"),
    "a history of no type": sends("POST", "", bundle(entry("GET", "Wizard/_history")), 400, "Bundle.entry[0].request.url", "Wizard"),
    "a url that is none": sends("POST", "", bundle(entry("PUT", "Patient/a_b", PATIENT)), 400, "Bundle.entry[0].request.url", "a_b"),
    "a blank url behind what is right": sends("POST", "", bundle(entry("PUT", "Patient/p", PATIENT), entry("GET", "")), 400, "Bundle.entry[1].request.url", "uri"),
    "one fullUrl twice in a batch": sends("POST", "", bundle(*[{"fullUrl": "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10"} | entry("POST", "Patient", PATIENT)] * 2, kind="batch"), 400, "Bundle", "bdl-7"),
    "no entries in a batch": sends("POST", "", bundle(kind="batch"), 400, "Bundle.entry", "empty"),
    "an id of another url": sends("POST", "", bundle(entry("PUT", "Patient/q", PATIENT)), 400, "Bundle.entry[0].resource.id", "'q'"),
    "a resource missing": sends("POST", "", bundle(entry("POST", "Patient")), 400, "Bundle.entry[0].resource", "Patient"),
    "a fault behind what is right": sends("POST", "", bundle(entry("PUT", "Patient/q", PATIENT | {"id": "q"}), entry("PUT", "Patient/p", PATIENT | {"birthDate": "2023-02-30"})), 400, "Bundle.entry[1].resource.birthDate", "2023-02-30"),
    "a version that is not current": sends("POST", "", bundle(entry("PUT", "Patient/p", PATIENT, ifMatch='W/"9"')), 412, "Bundle.entry[0]", "is at version 1"),
    "a search that is none": sends("POST", "", bundle(entry("PUT", "Patient/p", PATIENT), entry("GET", "Patient?birthdate=2023-02-30")), 400, "Bundle.entry[1].request.url", "birthdate: "),
    "the same twice": sends("POST", "", bundle(entry("PUT", "Patient/p", PATIENT), entry("DELETE", "Patient/p")), 409, "Bundle.entry", "twice"),
}  # fmt: skip
PARTS = {
    "a part": sends("PUT", "Patient/p", PART, 422, "Patient.meta.tag", "SUBSETTED"),
    "a part found by criteria": sends("PUT", "Patient?identifier=x", PART, 422, "Patient.meta.tag", "SUBSETTED"),
    "an entry of a bundle found by criteria": sends("PUT", "Bundle?identifier=x", bundle({"fullUrl": "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10"}, kind="collection"), 400, "Bundle.entry[0]", "bdl-5"),
    "a part in a bundle": sends("POST", "", bundle(entry("PUT", "Patient/p", PART)), 422, "Bundle.entry[0].resource.meta.tag", "SUBSETTED"),
}  # fmt: skip
LONG = "Patient?name=" + "x" * MAX_QUERY
LENGTHS = {
    "a query that is longer": get(LONG, 414, None, f"{MAX_QUERY} bytes at most, not {MAX_QUERY + 5}"),
    "a query that is far longer, in XML": get("Patient?_format=xml&name=" + "%C3%A9" * 3_000_000, 414, None, f"{MAX_QUERY} bytes"),
    "a query that is longer, of a read": get(LONG.replace("?", "/p?"), 414, None, f"{MAX_QUERY} bytes"),
    "a query of many parameters": get("Patient?" + "&" * MOST, 400, None, f"{MOST} parameters at most, not {MOST + 1}"),
    "a form of many parameters": sends("POST", "Patient/_search", b"a=&" * MOST, 400, None, f"{MOST} parameters", content_type=FORM),
    "a form that is longer": sends("POST", "Patient/_search", b"name=" + b"x" * LIMIT, 413, None, f"{LIMIT} bytes", content_type=FORM),
    "a read in a bundle by a longer query": sends("POST", "", bundle(entry("GET", LONG)), 400, "Bundle.entry[0].request.url", f"{MAX_QUERY} bytes"),
    "a write in a bundle by longer criteria": sends("POST", "", bundle(entry("PUT", LONG, PATIENT)), 400, "Bundle.entry[0]", f"{MAX_QUERY} bytes"),
    "a reference by longer criteria": sends("POST", "", bundle(entry("PUT", "Observation/o", OBSERVATION | {"id": "o", "subject": {"reference": LONG}})), 400, "Bundle.entry[0]", f"{MAX_QUERY} bytes"),
}  # fmt: skip
TABLE = {
    f"{group}: {name}": case
    for group, cases in {
        "body": BODIES, "date": DATES, "parameter": PARAMETERS, "unit": UNITS, "header": HEADERS, "id": IDS, "reference": REFERENCES, "profile": PROFILES, "patch": PATCHES,
        "bundle": BUNDLES, "part": PARTS, "length": LENGTHS,
    }.items()
    for name, case in cases.items()
}  # fmt: skip


@dataclass(frozen=True)
class Door:
    """The door under test."""

    app: Starlette
    token: str
    database: Database

    async def ask(self, asked: Asked) -> Answer:
        return await ask(self.app, asked, token=self.token)

    async def written(self) -> Any:
        async with self.database.reading() as conn:
            return await (await conn.execute("select count(*) from res union all select count(*) from ver")).fetchall()


@pytest.fixture
async def door(platform: Platform, access: Access, database: Database) -> Door:
    made = Door(
        create_app(platform, fhir_routes(max_body=LIMIT)),
        await access.issue_token(MACHINE, lifetime=timedelta(hours=1)),
        database,
    )
    assert (await made.ask(sends("PUT", "Patient/p", PATIENT, 201, None, "").asked)).status == 201
    return made


async def test_what_is_refused_is_named_and_not_written(door: Door) -> None:
    before, wrong = await door.written(), {}
    for name, case in TABLE.items():
        answer = await door.ask(case.asked)
        outcome = json.loads(answer.body)
        validate(outcome)
        issue = outcome.get("issue", [{"diagnostics": "taken"}])[0]
        found = (answer.status, issue.get("expression", [None])[0], issue["diagnostics"])
        if found[0] != case.status or not at_place(case.place, found[1]) or case.rule not in found[2]:
            wrong[name] = found
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())
    assert await door.written() == before


def at_place(expected: str | None, found: str | None) -> bool:
    return expected is None or (found or "").startswith(expected)


async def test_a_body_past_the_limit_is_not_read_to_its_end(door: Door) -> None:
    taken = 0

    async def endless() -> dict[str, Any]:
        nonlocal taken
        taken += 10_000
        return {"type": "http.request", "body": b" " * 10_000, "more_body": True}

    asked = Asked("POST", b"/fhir/Patient", (("content-type", FHIR),))
    answer = await ask(door.app, asked, token=door.token, receive=endless)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert taken <= LIMIT + 10_000


async def test_the_form_of_a_search_is_shorter_than_other_bodies(platform: Platform, door: Door) -> None:
    whole = create_app(platform, fhir_routes())
    form = b"identifier=" + b"%2C".join([b"x"] * 1_900)
    taken = Asked(
        "POST", b"/fhir/Patient/_search", (("content-type", FORM),), form + b"&gender=" + b"%20" * (MAX_FORM // 3 - 4_000)
    )
    assert (await ask(whole, taken, token=door.token)).status == 200
    for path in (b"/fhir/_search", b"/fhir/Patient/_search", b"/fhir/Patient/p/Observation/_search"):
        longer = Asked("POST", path, (("content-type", FORM),), b"a" * (MAX_FORM + 1))
        answer = await ask(whole, longer, token=door.token)
        assert (answer.status, str(MAX_FORM) in answer.body.decode()) == (413, True)


async def test_a_next_page_that_nobody_could_ask_for_is_not_promised(door: Door) -> None:
    assert (await door.ask(sends("PUT", "Patient/q", PATIENT | {"id": "q"}, 201, None, "").asked)).status == 201
    long = ",".join(["p", "q", *(f"{n:040}" for n in range(1_500))])

    async def found(target: str, count: int, values: str) -> Answer:
        if target == "Patient":
            return await door.ask(Asked("GET", f"/fhir/Patient?_id={values}&_count={count}".encode()))
        if target == "Patient/_search":
            form = f"_id={values}&_count={count}".encode()
            return await door.ask(Asked("POST", b"/fhir/Patient/_search", (("content-type", FORM),), form))
        batch = bundle(entry("GET", f"Patient?_id={values}&_count={count}"))
        return await door.ask(sends("POST", "", batch, 200, None, "").asked)

    for target, values in (("Patient/_search", long), ("Patient", long[: MAX_QUERY - 20]), ("", long[: MAX_QUERY - 20])):
        refused, whole, shorter = (
            await found(target, 1, values), await found(target, 10, values), await found(target, 1, long[:30_000])
        )  # fmt: skip
        assert (refused.status, f"{MAX_QUERY} at most" in refused.body.decode()) == (400, True), target
        assert (whole.status, b'"next"' in whole.body) == (200, False), target
        assert (shorter.status, b'"next"' in shorter.body) == (200, True), target


async def test_bytes_of_a_query_that_nobody_escaped_are_read_as_utf8(door: Door) -> None:
    assert (
        await door.ask(sends("PUT", "Patient/e", PATIENT | {"id": "e", "name": [{"family": "Éloïse"}]}, 201, None, "").asked)
    ).status == 201
    found = await door.ask(Asked("GET", "/fhir/Patient?family:exact=Éloïse".encode()))
    assert [entry["resource"]["id"] for entry in json.loads(found.body)["entry"]] == ["e"]
    for query in (b"\xc3_content=x", b"\xff" * (MAX_QUERY + 1)):
        for method, path in (("PUT", b"Patient"), ("GET", b"Patient/p"), ("DELETE", b"Patient"), ("GET", b"Patient/p/q/r")):
            asked = Asked(method, b"/fhir/" + path + b"?" + query, (("content-type", FHIR), ("accept", "text/html")), b"{}")
            answer = await door.ask(asked)
            assert (answer.status in (400, 404, 406, 414), json.loads(answer.body)["resourceType"]) == (
                True,
                "OperationOutcome",
            ), asked


async def test_a_resource_that_was_deleted_is_none_that_is_there(door: Door) -> None:
    """If-None-Match: * fails where a current representation exists (RFC 9110 §13.1.2): a deleted resource has none."""
    assert (await door.ask(Asked("DELETE", b"/fhir/Patient/p"))).status == 204
    put = sends("PUT", "Patient/p", PATIENT, 201, None, "", if_none_match="*").asked
    assert (await door.ask(put)).status == 201
    assert (await door.ask(put)).status == 412


async def test_a_date_that_no_calendar_has_is_passed_over_in_a_header(door: Door) -> None:
    """RFC 9110 §13.1.3: a recipient ignores If-Modified-Since that is no date."""
    for date in ("Mon, 99 Jan 99999999999 00:00:00 GMT", "yesterday", ""):
        assert (await door.ask(Asked("GET", b"/fhir/Patient/p", (("if-modified-since", date),)))).status == 200


@pytest.mark.parametrize("prefix", ["", "ne", "gt", "lt", "ge", "le", "sa", "eb"])
async def test_a_search_goes_to_both_ends_of_the_calendar(door: Door, prefix: str) -> None:
    for name in ("birthdate", "death-date", "_lastUpdated"):
        for day in ("0001", "0001-01-01", "0001-01-01T00:00:00Z", "9999", "9999-12-31", "9999-12-31T23:59:59Z"):
            answer = await door.ask(Asked("GET", f"/fhir/Patient?{name}={prefix}{day}".encode()))
            assert answer.status == 200, (name, day, answer.body)


async def test_what_is_quoted_of_a_request_can_be_told_in_json_and_xml(door: Door) -> None:
    for accept in (FHIR, XML):
        answer = await door.ask(Asked("GET", b"/fhir/Patient?a%00b=" + b"x" * 50_000, (("accept", accept),)))
        assert answer.status == 400
        assert "a\N{REPLACEMENT CHARACTER}b" in answer.body.decode()
        assert len(answer.body) < 10_000
