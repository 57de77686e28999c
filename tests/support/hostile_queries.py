"""Queries that nobody means: every parameter, modifier, prefix and chain of R4, with values from right to absurd (hypothesis strategies)."""

from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from maillage.fhir.definitions import resource_types, search_parameters
from tests.support.asgi import Asked

Pair = tuple[str, str]

KINDS = (
    "Patient",
    "Observation",
    "Location",
    "List",
    "Condition",
    "RiskAssessment",
    "MolecularSequence",
    "Encounter",
    "ValueSet",
    "Bundle",
)
MODIFIERS = (
    "exact", "contains", "text", "not", "above", "below", "in", "not-in", "of-type", "identifier", "missing", "iterate", "Patient",
    "Observation", "Location", "Wizard", "recurse", "", "é", "exact:exact",
)  # fmt: skip
PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "xx", "GT", "e")
JUNK = (
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufffe", "\U0001f600", "é" * 3_000, "e\u0301", "%", "_", "\\", "\\\\", "\\,", ",", ",,", "|", "$",
    "'", '"', "';--", ":*", "& | !", "<->", "()", "\u202e", "\u00a0", "\n\r\t", "-", "+", "null", "*", "a" * 70_000, "İ", "ß", "ﬁ", "\u0000|\u0000",
)  # fmt: skip
NUMBERS = (
    "0", "5", "-5", "5.0", "05", "1e2", "5.4e-3", "1e400", "1e-400", "-1e308", "1e999999999", "1e-999999999", "9" * 400, "0." + "0" * 400 + "1", ".5",
    "5.", "--5", "+5", "NaN", "Infinity", "-inf", "0x10", "1_000", "٣", "５", "1e", "e5", "1,5", "",
)  # fmt: skip
DATES = (
    "2023-02-30", "2024", "2024-02-29", "2023-10-30", "2023-13", "2023-00-01", "0000", "0001", "9999", "9999-12-31", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00", "2024-02-29T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01T10:00", "2024-01-01T10:00+99:99", "2024-1-1", "10000-01-01",
    "2024-01-01T10:00:00.1234567890123Z", "2024-03-31T02:30:00", "-2024", "+2024", "２０２４", "2024-01-01T", "20240101", "now", "",
)  # fmt: skip
UNITS = (
    "", "|", "||", "|||", "||mg", "|urn:x|mg", "|http://unitsofmeasure.org|mg", "|http://unitsofmeasure.org|[degF]", "|http://unitsofmeasure.org|",
    "|http://unitsofmeasure.org|10*999999999", "|http://unitsofmeasure.org|m" + "99", "|http://unitsofmeasure.org|" + "(" * 500,
    "|http://unitsofmeasure.org|" + "m." * 500 + "m", "|http://unitsofmeasure.org|m/0", "|http://unitsofmeasure.org|{", "|http://unitsofmeasure.org|[pH]",
    "|http://unitsofmeasure.org|Ym9999999", "|http://unitsofmeasure.org|1/1/1", "|http://unitsofmeasure.org|%\0",
)  # fmt: skip
TOKENS = (
    "final",
    "http://loinc.org|8867-4",
    "|8867-4",
    "http://loinc.org|",
    "|",
    "||",
    "a|b|c",
    "male",
    "true",
    "x\\|y",
    "urn:oid:1.2|1",
)
REFERENCES = (
    "p1", "Patient/p1", "Patient/", "/", "Patient", "Wizard/1", "Patient/p1/_history/1", "Patient/p1/_history/x", "#a", "http://maillage.test/fhir/Patient/p1",
    "http://elsewhere.test/fhir/Patient/p1", "urn:uuid:0", "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10", "Patient/" + "a" * 65, "Location/l1", "Patient/p1?x",
)  # fmt: skip
URLS = (
    "http://a.org/p",
    "http://a.org/p|1.0",
    "urn:oid:1.2",
    "http://",
    "://",
    "a b",
    "http://a.org/" + "p/" * 2_000,
    "http://a.org/p|",
)
NEAR = (
    "48.8|2.3", "48.8|2.3|5", "48.8|2.3|5|km", "48.8|2.3|5|[mi_i]", "48.8|2.3|5|parsec", "91|0", "90|180|20038", "-90|-180|1", "48.8|2.3|-5", "48.8|2.3|1e400",
    "NaN|NaN", "|", "||||", "48.8", "1e5|1", "48.8|2.3|0",
)  # fmt: skip
RESULTS = {
    "_sort": ("_id", "-_id", "_lastUpdated", "birthdate", "-date,_id", "status,code,-value-quantity", "nothing", "", ",", "--date", "_id," * 60, "near"),
    "_count": ("0", "1", "5", "-1", "1e3", "99999999999999999999", "x", "", "٣", " 5", "5.0"),
    "_total": ("none", "accurate", "estimate", "x", ""),
    "_include": ("*", "Observation:subject", "Observation:*", "Observation:subject:Patient", "Observation:subject:Wizard", "Wizard:x", ":", "a:b:c:d", ""),
    "_include:iterate": ("*", "Patient:link", "Observation:has-member", "Location:partof", ""),
    "_revinclude": ("*", "Observation:subject", "Provenance:target", "Observation:*", "Observation:code", "*:*", ""),
    "_revinclude:iterate": ("Observation:has-member", "*", ""),
    "_summary": ("true", "text", "data", "count", "false", "x", ""),
    "_elements": ("id", "name,birthDate", "Patient.name", "name.family", "-name", "", ",", "nothing", "é", "*"),
    "_format": ("json", "xml", "application/fhir+xml", "application/fhir json", "text/html", "ttl", "", "*/*"),
    "_pretty": ("true", "false", "x"),
    "_list": ("l1", "l1,l2", "List/l1", "$current-problems", "", "a b"),
    "_type": ("Patient", "Patient,Observation", "Wizard", "", ",", "Patient,Patient"),
    "_lastUpdated": DATES,
    "_id": ("p1", "p1,o1", "a b", "", "a" * 65, "../x"),
    "_has:Observation:subject:code": TOKENS,
    "_has:Observation:subject:_has:Observation:has-member:status": TOKENS,
    "_has:Wizard:subject:code": ("x",),
    "_has:Observation:code:code": ("x",),
    "_has:": ("x",),
    "_has": ("x",),
    "_tag": TOKENS, "_profile": URLS, "_security": TOKENS, "_source": URLS,
    "_text": JUNK, "_content": JUNK, "_contained": ("true", "both", "x"), "_containedType": ("container",), "_query": ("x",),
}  # fmt: skip
CURSORS = (
    "", "x", "AAAA", "////", "é", "A" * 5_000, "=", "\0", "WyIxIl0", "eyJhIjoxfQ==", "1~2024-01-01T00:00:00~1", "9~0001-01-01T00:00:00+14:00~1",
    "99999999999999999999~2024-01-01T00:00:00Z~99999999999999999999", "-1~9999-12-31T23:59:59-14:00~-1", "1~2~3", "~~", "95~20240101~0", "999999~-infinity~6d9e5b2a7c554a399f5e6d1ab25c7a10",
    "95~20240101~6d9e5b2a7c554a399f5e6d1ab25c7a10", "1~x~6d9e5b2a7c554a399f5e6d1ab25c7a10",
)  # fmt: skip
CHAINS = (
    "subject.name", "subject:Patient.name", "subject:Patient.general-practitioner.name", "subject:Patient.link.link.link.birthdate", "patient.identifier",
    "has-member.has-member.has-member.has-member.code", "subject:Wizard.name", "subject.", "subject..name", "code.name", "subject:Patient._has:Observation:subject:code",
    "patient." + "link." * 40 + "name", "partof.partof.near", "focus.code", "encounter.subject:Patient._id", "performer:Practitioner.name:exact",
)  # fmt: skip
WORDS = (
    "name", "eq", "ne", "co", "sw", "ew", "pr", "po", "gt", "re", "in", "and", "or", "not", "(", ")", "[", "]", '"', '"a"', "true", "birthdate", "2023-02-30",
    "2024", "subject.name", "subject[name eq x].birthdate", "subject:Patient.name", "code", "http://loinc.org|8867-4", "value-quantity", "5||mg", "1e999999", "\\",
    "\0", "_id", "p1", "_lastUpdated", "near", "48.8|2.3", "()", "not(",
)  # fmt: skip

texts = st.one_of(st.sampled_from(JUNK), st.text(max_size=12), st.text("aeé%_\\,|$:.*()[]\"' \0", max_size=12))
_values = {
    "number": st.builds(str.__add__, st.sampled_from(PREFIXES), st.sampled_from(NUMBERS)),
    "date": st.builds(str.__add__, st.sampled_from(PREFIXES), st.sampled_from(DATES)),
    "quantity": st.builds("{}{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(NUMBERS), st.sampled_from(UNITS)),
    "string": st.one_of(st.sampled_from(("Martin", "le goff", "É")), texts),
    "token": st.sampled_from(TOKENS),
    "reference": st.sampled_from(REFERENCES),
    "uri": st.sampled_from(URLS),
    "special": st.sampled_from(NEAR),
}
_values["composite"] = st.lists(st.one_of(*_values.values()), max_size=3).map("$".join)
_any_value = st.one_of(texts, *_values.values())


@st.composite
def values(draw: st.DrawFn, form: str) -> str:
    """A value of this type of parameter, several with commas between, or something else altogether."""
    one = draw(st.sampled_from((_values[form],) * 9 + (_any_value,)))
    many = draw(st.one_of(one.map(lambda value: [value]), st.lists(one, min_size=1, max_size=3)))
    if draw(st.integers(0, 40)) == 0:
        many *= 900
    return ",".join(many)


@st.composite
def criteria(draw: st.DrawFn, kind: str) -> Pair:
    """A search parameter of this type of resource, with a modifier or without."""
    code, parameter = draw(st.sampled_from(sorted(search_parameters(kind).items())))
    modifier = draw(st.sampled_from((*(None,) * 40, *MODIFIERS)))
    value = draw(st.sampled_from(("true", "false", "x", ""))) if modifier == "missing" else draw(values(parameter.type))
    return (code if modifier is None else f"{code}:{modifier}"), value


filters = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.just("(" * 3_000),
    st.just("not(" * 900 + "a eq b" + ")" * 900),
    texts,
)
_results = st.sampled_from(sorted(RESULTS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(RESULTS[name])))
_chains = st.tuples(st.sampled_from(CHAINS), st.one_of(*_values.values()))
_others = st.one_of(
    st.tuples(st.just("_filter"), filters), st.tuples(st.just("_cursor"), st.sampled_from(CURSORS)), st.tuples(texts, texts), _chains, _results, _results
)  # fmt: skip


def pairs(kind: str) -> st.SearchStrategy[list[Pair]]:
    """The parameters of a search of this type."""
    return st.lists(st.one_of(criteria(kind), criteria(kind), _others), min_size=1, max_size=3)


def on_the_wire(text: str) -> bytes:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass")).encode()


@st.composite
def queries(draw: st.DrawFn, kind: str) -> bytes:
    """A query string, now and then with percent signs that encode nothing, or bytes that are no UTF-8."""
    asked = b"&".join(on_the_wire(name) + b"=" + on_the_wire(value) for name, value in draw(pairs(kind)))
    if draw(st.integers(0, 9)):
        return asked
    place = draw(st.integers(0, len(asked)))
    return (
        asked[:place]
        + draw(st.sampled_from((b"%", b"%zz", b"%00", b"%ff%fe", b"&&", b"=", b";", b"?", b"#", b"\xc3", b"+", b"%ED%A0%80")))
        + asked[place:]
    )


SEGMENTS = ("p1", "o1", "nobody", "$everything", "$lastn", "$validate", "$meta", "$document", "$x", "_history", "_search", "*", "Observation", "..", "%2e%2e", "a%00b", "%ff", "", "é", "a" * 65, "1", "0", "-1", "99999999999")  # fmt: skip


@st.composite
def searches(draw: st.DrawFn) -> Asked:
    """A search of a type, a compartment or everything, by GET or by a form; or a GET of another address with the same parameters."""
    kind = draw(st.one_of(st.sampled_from(KINDS), st.sampled_from(resource_types())))
    query = draw(queries(kind))
    where = draw(st.integers(0, 11))
    handling = draw(st.sampled_from(((("prefer", "handling=lenient"),), (("prefer", "handling=strict"),), ())))
    if where < 6:
        return Asked("GET", f"/fhir/{kind}?".encode() + query, handling)
    if where == 6:
        return Asked("GET", b"/fhir?" + query, handling)
    if where == 7:
        return Asked("GET", f"/fhir/Patient/p1/{draw(st.sampled_from((kind, '*')))}?".encode() + query, handling)
    if where == 8:
        form = (*handling, ("content-type", "application/x-www-form-urlencoded"))
        return Asked("POST", f"/fhir/{draw(st.sampled_from((kind, 'Patient/p1/Observation')))}/_search".encode(), form, query)
    path = "/".join(["/fhir", kind, *draw(st.lists(st.sampled_from(SEGMENTS), max_size=3))])
    return Asked("GET", f"{path}?".encode() + query, handling)
