"""Bodies, patches, bundles and headers that nobody means (hypothesis strategies): valid ones, damaged at some places."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from maillage.fhir import json as fhir_json
from maillage.fhir import xml
from tests.support.asgi import Asked
from tests.support.hostile_queries import DATES, JUNK, NUMBERS, REFERENCES, SEGMENTS, on_the_wire, queries

Json = Any
FHIR_JSON, FHIR_XML = "application/fhir+json", "application/fhir+xml"
CODE = {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Pouls"}], "text": "Pouls"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Élan &amp; <b>vie</b></p></div>'
VALID: tuple[Json, ...] = (
    {
        "resourceType": "Patient", "id": "p9", "meta": {"profile": ["http://a.org/p"], "tag": [{"system": "urn:x", "code": "y"}]},
        "text": {"status": "generated", "div": DIV}, "extension": [{"url": "http://a.org/e", "valueString": "x"}], "active": True,
        "identifier": [{"system": "urn:oid:1.2", "value": "9"}], "name": [{"family": "Martin", "_family": {"extension": [{"url": "http://a.org/e", "valueCode": "x"}]}, "given": ["A"]}],
        "birthDate": "2024-02-29", "deceasedBoolean": False, "contained": [{"resourceType": "Organization", "id": "c", "name": "C"}],
        "managingOrganization": {"reference": "#c"}, "multipleBirthInteger": 2,
    },
    {
        "resourceType": "Observation", "id": "o9", "status": "final", "code": CODE, "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2024-02-29T10:00:00+01:00",
        "valueQuantity": {"value": 72.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}, "component": [{"code": CODE, "valueString": "x"}],
    },
    {"resourceType": "Binary", "id": "b9", "contentType": "text/plain", "data": "YQ=="},
    {"resourceType": "Questionnaire", "id": "q9", "status": "draft", "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string", "text": "?"}]}]},
    {"resourceType": "Bundle", "id": "k9", "type": "collection", "entry": [{"fullUrl": "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10", "resource": {"resourceType": "Basic", "code": CODE}}]},
    {"resourceType": "Parameters", "parameter": [{"name": "a", "valueDecimal": 1.50}, {"name": "resource", "resource": {"resourceType": "Basic", "code": CODE}}]},
)  # fmt: skip
ODD: tuple[Json, ...] = (
    None, True, False, 0, -1, 1.5, 10**400, "", " ", "x", "2023-02-30", "Patient/1", [], {}, [None], [[]], [{}], {"x": 1}, {"resourceType": "Patient"}, "\0", "\ud800", "a" * 3_000,
    {"extension": []}, {"reference": "Wizard/1"}, {"coding": {}}, "<script>", DIV, "javascript:x", ["a", None, "b"], {"value": "x"}, [1] * 50, "http://a.org/|", "urn:uuid:x",
)  # fmt: skip
NAMES = ("resourceType", "id", "meta", "extension", "_id", "value", "valueX", "valueString", "__proto__", "", "é", "fhir_comments", "contained", "text", "\0", "reference", "_resourceType", "name")  # fmt: skip

_odd = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(DATES),
    st.sampled_from(REFERENCES),
    st.sampled_from(JUNK[:12]),
    st.integers(),
    st.floats(allow_nan=False),
)


@st.composite
def damaged(draw: st.DrawFn, value: Json, hits: int = 2) -> Json:
    """A copy with some of its places replaced, removed, repeated or renamed."""
    copy = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(0, hits))):
        holders = [one for one in _below(copy) if one]
        if not holders:
            break
        holder = draw(st.sampled_from(holders))
        key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        match draw(st.sampled_from(("replace", "replace", "remove", "rename", "wrap", "add"))):
            case "replace":
                holder[key] = deepcopy(draw(_odd))  # its own: it may be damaged in turn
            case "remove":
                del holder[key]
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from(NAMES))] = holder.pop(key)
            case "wrap":
                holder[key] = [holder[key]]
            case _ if isinstance(holder, dict):
                holder[draw(st.sampled_from(NAMES))] = deepcopy(draw(_odd))
            case _:
                holder.append(deepcopy(draw(_odd)))
    return copy


def _below(value: Json) -> Iterator[Json]:
    waiting = [value]  # no recursion: what was nested a hundred thousand times is damaged again
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            yield one
            waiting += list(one.values() if isinstance(one, dict) else one)[::-1]


JSON_BYTES = (
    b"\xef\xbb\xbf", b"\x00", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b'"\\ud800"', b"NaN", b"Infinity", b"-", b"1e999999999", b"[" * 200, b"[" * 100_000, b'{"a":' * 500, b"]", b"}", b",",
    b'"id":"x",', b'"resourceType":"Patient",', b"//x\n", b"'", b"1" * 5_000, b'"\\u0000"', b"\x0b", b"null", b'"a":1,"a":2,', b"0x1", b"1.", b"\\",
)  # fmt: skip
XML_BYTES = (
    b"<!DOCTYPE x>", b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>', b'<!DOCTYPE x SYSTEM "file:///etc/passwd">', b"<?php x?>", b"<?xml version='1.0' encoding='utf-16'?>", b"&lol;", b"&#0;",
    b"&#xD800;", b"&#x10FFFF;", b"&amp;", b"&eacute;", b"<![CDATA[x]]>", b"<!-- x -->", b"<!--", b"<extension>" * 150, b"<a>" * 50_000, b"</Patient>", b"<id value='x'/>", b"<id/>", b"<name/>",
    b"<x:id xmlns:x='urn:x' value='1'/>", b"<id xmlns='' value='1'/>", b"<name xmlns='http://hl7.org/fhir'><family value='x'/></name>", b" xmlns='urn:x'", b" value='1'", b" value=''", b" id='a' id='b'",
    b"text", b"\x00", b"\xff", b"\xef\xbb\xbf", b"<", b">", b'"', b"]]>", b"<birthDate value='2023-02-30'/>", b"<contained><contained/></contained>", b"<div xmlns='http://www.w3.org/1999/xhtml'><script/></div>",
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, text: bytes, bytes_put_in: tuple[bytes, ...]) -> bytes:
    """The text with something put in or cut out, at most twice; most often as it is."""
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        at, to = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        text = draw(
            st.sampled_from((text[:at] + draw(st.sampled_from(bytes_put_in)) + text[at:], text[:at] + text[to:], text[:at]))
        )
    return text


def in_json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _in_xml(value: Json) -> bytes:
    return xml.dumps(fhir_json.loads(json.dumps(value)))


_DAMAGED_XML = tuple(_in_xml(one) for one in VALID)
_kinds = st.sampled_from(("Patient", "Observation", "Binary", "Questionnaire", "Bundle", "Parameters", "Wizard"))
_ids = st.sampled_from(("p9", "o9", "b9", "q9", "k9", "p1", "a b", "a" * 65, "é", ".", "x_y"))


@st.composite
def _aimed(draw: st.DrawFn, of: Json, kind: str, body: bytes) -> Asked:
    """A body sent to where it belongs, or nearly."""
    name, id = draw(st.one_of(st.just((of["resourceType"], of.get("id", "x"))), st.tuples(_kinds, _ids)))
    method, path = draw(
        st.sampled_from((("POST", name), ("PUT", f"{name}/{id}"), ("PUT", f"{name}/{id}"), ("POST", f"{name}/$validate"), ("PUT", f"{name}?identifier=urn:oid:1.2|9")))
    )  # fmt: skip
    return Asked(method, b"/fhir/" + path.encode(), (("content-type", kind),), body)


@st.composite
def json_bodies(draw: st.DrawFn) -> Asked:
    valid = draw(st.sampled_from(VALID))
    return draw(_aimed(valid, FHIR_JSON, draw(spoilt(in_json(draw(damaged(valid))), JSON_BYTES))))


@st.composite
def xml_bodies(draw: st.DrawFn) -> Asked:
    place = draw(st.integers(0, len(VALID) - 1))
    asked: Asked = draw(_aimed(VALID[place], FHIR_XML, draw(spoilt(_DAMAGED_XML[place], XML_BYTES))))
    return Asked(asked.method, asked.target, (*asked.headers, *draw(st.sampled_from(((), (("accept", FHIR_XML),))))), asked.body)


POINTERS = (
    "", "/", "/name", "/name/0", "/name/0/family", "/name/-", "/name/1", "/name/00", "/name/-1", "/name/x", "/active", "/birthDate", "/birthDate/x", "/id", "/resourceType", "/meta/versionId",
    "/~0", "/~2", "name", "/name/99999999999999999999", "/é", "/\0", "/" * 2_000, "/text/div",
)  # fmt: skip
FHIRPATHS = (
    "Patient", "Patient.name", "Patient.name[0]", "Patient.name[0].family", "Patient.birthDate", "Patient.active", "Patient.nothing", "Patient.name.where(family = 'Martin')",
    "Patient.name.where(", "Patient.name.where(true).family", "Patient.descendants()", "Patient.name.where(%resource.exists())", "Patient.name[99999999999]", "'x'", "1 + 1", "", " ",
    "Patient." + "name." * 300 + "x", "(" * 500, "Observation.status", "Patient.name.first().given", "Patient.text.div", "Patient.extension('http://a.org/e').value", "Patient.deceased",
    "Patient.name.where(family = 1 / 0)", "Patient.name.where('a'.matches('(a+)+$'))", "é", "Patient.name.single()", "Patient.id", "Patient.meta", "$this", "Patient.name.repeat(name)",
)  # fmt: skip
_operation = st.dictionaries(
    st.sampled_from(("op", "path", "value", "from", "x")), st.one_of(st.sampled_from(("add", "remove", "replace", "move", "copy", "test", "x")), st.sampled_from(POINTERS), _odd), max_size=4
)  # fmt: skip
_right_operation = st.fixed_dictionaries(
    {"op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test")), "path": st.sampled_from(POINTERS)},
    optional={"value": _odd, "from": st.sampled_from(POINTERS)},
)
_part = st.one_of(
    st.builds(lambda value: {"name": "type", "valueCode": value}, st.sampled_from(("add", "insert", "delete", "replace", "move", "x"))),
    st.builds(lambda value: {"name": "path", "valueString": value}, st.sampled_from(FHIRPATHS)),
    st.builds(lambda value: {"name": "name", "valueString": value}, st.sampled_from(("family", "name", "birthDate", "deceased", "x", "", "id", "resourceType"))),
    st.builds(lambda name, value: {"name": name, "valueInteger": value}, st.sampled_from(("index", "source", "destination")), st.sampled_from((0, 1, -1, 2**31 - 1))),
    st.sampled_from(
        (
            {"name": "value", "valueString": "x"}, {"name": "value", "valueBoolean": True}, {"name": "value", "valueDate": "2023-02-30"}, {"name": "value", "valueHumanName": {"family": "N"}},
            {"name": "value", "part": [{"name": "family", "valueString": "x"}]}, {"name": "value"}, {"name": "value", "resource": {"resourceType": "Basic"}}, {"name": "x", "valueString": "y"}, {},
        )
    ),
)  # fmt: skip
_fhirpath_patch = st.lists(st.lists(_part, max_size=5), max_size=3).map(
    lambda operations: {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": one} for one in operations]}
)


@st.composite
def patches(draw: st.DrawFn) -> Asked:
    """A JSON Patch or FHIRPath Patch of one resource, named or found, in some media type."""
    fhirpath = draw(st.booleans())
    content = draw(
        _fhirpath_patch
        if fhirpath
        else st.lists(
            st.sampled_from((_right_operation, _right_operation, _right_operation, _operation)).flatmap(lambda one: one),
            min_size=1,
            max_size=3,
        )
    )
    body = in_json(content) if draw(st.integers(0, 3)) else draw(spoilt(in_json(draw(damaged(content))), JSON_BYTES))
    usual = FHIR_JSON if fhirpath else "application/json-patch+json"
    kind = draw(
        st.sampled_from(
            (usual,) * 8 + ("application/merge-patch+json", "application/json", "", FHIR_XML, "text/plain; charset=latin-1")
        )
    )
    target = draw(st.sampled_from(("Patient/p1", "Patient/p1", "Patient/p2", "Patient?identifier=urn:oid:1.2|1", "Patient?name=nobody", "Patient?", "Patient", "Patient/nobody", "Observation/o1", "Wizard/1", "Patient/p1?x=y")))  # fmt: skip
    return Asked("PATCH", b"/fhir/" + target.encode(), (("content-type", kind),), body)


URLS = (
    "Patient", "Patient/p1", "Patient/nobody", "Patient?identifier=urn:oid:1.2|1", "Patient?name=x", "Patient?", "Observation/o1", "Patient/p1/_history/1", "Patient/p1/_history/x", "_history", "?_type=Patient",
    "Patient/$everything", "Patient/p1/$everything", "Patient/p1/Observation", "Patient/p1/*", "metadata", "", "/", "//", "Wizard", "Wizard/1", "Patient/a b", "http://maillage.test/fhir/Patient/p1", "http://elsewhere.test/Patient/p1",
    "Patient?_has:Observation:subject:code=x", "Patient?birthdate=2023-02-30", "Patient?_count=x", "Observation?code=%zz", "Patient?name=%00", "Patient/p1?x=y", "../Patient", "Patient#x", "urn:uuid:1", "Patient/$validate", "Observation/$lastn?patient=p1&category=x", "Observation/$lastn?patient=p1&code=8867-4&max=0", "Patient/p1/$meta", "Patient/p1/$meta-add", "Patient/p1/$validate?mode=delete",
    "Composition/c/$document?persist=true", "Patient/$x", "$validate", "Wizard/1/$meta", "Patient/p1/$meta/$meta", "Patient/a b/$meta", "Patient/$validate?mode=create&mode=create", "Patient/p1/$",
)  # fmt: skip
LINKS = (
    "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10",
    "urn:uuid:x",
    "urn:oid:1.2.3",
    "http://maillage.test/fhir/Patient/p1",
    "Patient/p1",
    "x",
    "",
    "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10#a",
)
_request = st.fixed_dictionaries(
    {
        "method": st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "x")),
        "url": st.sampled_from(URLS),
    },
    optional={
        "ifMatch": st.sampled_from(('W/"1"', 'W/"99"', "1", "x", "", '"1"', "*", 'W/"' + "9" * 40 + '"')),
        "ifNoneMatch": st.sampled_from(("*", 'W/"1"', "x")),
        "ifNoneExist": st.sampled_from(
            ("identifier=urn:oid:1.2|1", "?identifier=x", "", "name", "x=y", "_count=1", "birthdate=2023-02-30", "_filter=(")
        ),
        "ifModifiedSince": st.sampled_from(DATES),
        "x": _odd,
    },
)
_referring = st.sampled_from(
    (
        {"resourceType": "Observation", "status": "final", "code": CODE, "subject": {"reference": LINKS[0]}},
        {"resourceType": "Observation", "status": "final", "code": CODE, "subject": {"reference": "Patient?identifier=urn:oid:1.2|1"}},
        {"resourceType": "Observation", "status": "final", "code": CODE, "subject": {"reference": "Patient?name="}},
        {"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient", "name": [{"family": "x"}]}, {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="},
        {"resourceType": "Patient", "link": [{"other": {"reference": LINKS[0]}, "type": "seealso"}], "meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]}},
        *VALID,
    )
)  # fmt: skip
_entry = st.fixed_dictionaries({}, optional={"request": _request, "resource": _referring, "fullUrl": st.sampled_from(LINKS)})
_right_entry = st.fixed_dictionaries({"request": _request, "resource": _referring}, optional={"fullUrl": st.sampled_from(LINKS)})
_right_read = st.builds(lambda url: {"request": {"method": "GET", "url": url}}, st.sampled_from(URLS))


@st.composite
def bundles(draw: st.DrawFn) -> Asked:
    """A batch or transaction, its entries right or wrong, now and then within each other."""
    entries = draw(
        st.lists(
            st.sampled_from((_right_entry, _right_entry, _right_read, _right_read, _right_read, _entry)).flatmap(lambda one: one),
            min_size=1,
            max_size=4,
        )
    )
    bundle = {
        "resourceType": "Bundle",
        "type": draw(st.sampled_from((*("batch", "transaction") * 4, "collection", "x"))),
        "entry": entries,
    }
    if draw(st.integers(0, 9)) == 0:
        bundle = {**bundle, "entry": [*entries, {"request": {"method": "POST", "url": "Bundle"}, "resource": bundle}]}
    body = draw(spoilt(in_json(draw(damaged(bundle, 1))), JSON_BYTES)) if draw(st.integers(0, 3)) == 0 else in_json(bundle)
    prefer = draw(st.sampled_from(((), (("prefer", "return=representation"),), (("prefer", "return=OperationOutcome"),))))
    return Asked("POST", draw(st.sampled_from((b"/fhir", b"/fhir/"))), (("content-type", FHIR_JSON), *prefer), body)


HEADERS = {
    "if-match": ('W/"1"', 'W/"99"', '"1"', "1", "x", "", "*", 'W/"1", W/"2"', 'W/"' + "9" * 40 + '"', 'W/"-1"', 'W/"é"', "\0"),
    "if-none-match": ('W/"1"', "*", "x", "", 'W/"1", W/"2"', 'W/"' + "9" * 40 + '"'),
    "if-none-exist": ("identifier=urn:oid:1.2|1", "identifier=x", "", "?", "x=y", "birthdate=2023-02-30", "_filter=(", "identifier=%00", "%zz", "name=é", "_count=1", "identifier=urn:oid:1.2|1&" * 200),
    "if-modified-since": ("Sat, 29 Feb 2025 10:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "2024-01-01", "x", "", "Mon, 01 Jan 2024 00:00:00 +9999", "\0", "Mon, 99 Jan 99999999999 00:00:00 GMT"),
    "prefer": ("return=minimal", "return=representation", "return=OperationOutcome", "return=x", "handling=lenient", "respond-async", ",,;;==", "", "return", "é"),
    "accept": ("*/*", "application/fhir+json", "application/fhir+xml", "text/html", "text/turtle", "", ";", "a/b;q=x", "*/*;q=0", "application/fhir+json;fhirVersion=3.0", "," * 500, "application/fhir+xml;q=0.5, */*;q=0.1", "é", "a/b;q=" + "9" * 400),
    "content-type": (FHIR_JSON, FHIR_XML, "application/json; charset=utf-16", "text/plain", "", ";", "application/json;charset=", "multipart/form-data", "é", "application/fhir+json; fhirVersion=9"),
    "content-length": ("-1", "x", "99999999999999999999", "0", "1e3", ""),
    "x-request-id": ("", "a" * 1000, "é", "\n"),
    "cookie": ("maillage=x", "=", "a;b;c", "maillage=" + "é" * 100),
    "range": ("bytes=0-1", "x"),
    "x-provenance": ("{", '{"resourceType":"Provenance"}'),
}  # fmt: skip
_headers = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]))), max_size=3
)
VERSIONS = ("1", "2", "0", "-1", "01", "1.0", "x", "", "9" * 40, "٣", "2147483648", "a b", "%00")


@st.composite
def headed(draw: st.DrawFn) -> Asked:
    """Any interaction on one resource with any headers, ids and versions."""
    id = draw(st.sampled_from(("p1", "p1", "p2", *SEGMENTS)))
    path = draw(
        st.sampled_from((f"Patient/{id}", f"Patient/{id}", f"Patient/{id}", f"Patient/{id}/_history/{on_the_wire(draw(st.sampled_from(VERSIONS))).decode()}", f"Patient/{id}/_history", "Patient", "_history", "Patient/_history", "metadata", f"Binary/{id}", ""))
    )  # fmt: skip
    method = draw(
        st.sampled_from(("GET", "GET", "GET", "GET", "PUT", "PUT", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "x"))
    )
    body = in_json({"resourceType": "Patient", "id": id}) if method in ("PUT", "POST") and draw(st.integers(0, 9)) else b""
    target = f"/fhir/{path}".rstrip("/").encode("utf-8") + draw(
        st.one_of(st.just(b""), st.just(b""), queries("Patient").map(lambda text: b"?" + text))
    )
    return Asked(method, target, (("content-type", FHIR_JSON), *draw(_headers)), body)


__all__ = ["NUMBERS", "bundles", "headed", "json_bodies", "patches", "xml_bodies"]
