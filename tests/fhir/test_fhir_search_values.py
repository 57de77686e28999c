"""Search by numbers, quantities, composites and positions: forms, precision, refusals."""

from decimal import Decimal
from typing import Any

import pytest

from maillage.db import Database
from maillage.errors import Invalid
from maillage.fhir import definitions
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

ALL = Scope.all()
STORE = Store()
UCUM = "http://unitsofmeasure.org"


def quantity(value: str, code: str, **more: Any) -> Resource:
    return {"value": Decimal(value), "unit": code, "system": UCUM, "code": code, **more}


def coded(code: str) -> Resource:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def an_observation(id: str, **more: Any) -> Resource:
    return {"resourceType": "Observation", "id": id, "status": "final", "code": coded("x"), **more}


async def put(database: Database, *resources: Resource) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, resource) for resource in resources], scope=ALL)


async def found(database: Database, kind: str, *params: tuple[str, str], base: str = "") -> list[str]:
    async with database.transaction() as conn:
        page = await STORE.search(conn, parse(kind, list(params), base=base), scope=ALL)
    return sorted(one["id"] for one in page.matches)


@pytest.mark.parametrize(
    ("value", "finds"),
    [
        ("5.4", True),
        ("5.40", False),
        ("5.42", True),
        ("5", True),
        ("5e0", False),
        ("54e-1", True),
        ("0.542E+1", True),
        ("5.4E+1", False),
        ("6", False),
        ("ne5.4", False),
        ("ne5.40", True),
        ("gt5.4", True),
        ("gt5.42", False),
        ("ge5.42", True),
        ("le5.42", True),
        ("lt5.42", False),
        ("sa5.4", True),
        ("eb5.5", True),
        ("ap5", True),
        ("ap6.1", False),
        ("5420||mg", False),
        ("5.42||grams", True),
        ("5.42||g", True),
        (f"5420|{UCUM}|mg", True),
        (f"5.4e3|{UCUM}|mg", True),
        (f"5420|{UCUM}|mL", False),
        (f"gt0.005|{UCUM}|kg", True),
        ("5.42|urn:other|g", False),
        ("1,5.42", True),
    ],
)
async def test_a_quantity_is_found_as_precisely_as_it_is_asked_for(database: Database, value: str, finds: bool) -> None:
    await put(database, an_observation("o", valueQuantity=quantity("5.42", "g", unit="grams")))
    assert await found(database, "Observation", ("value-quantity", value)) == (["o"] if finds else [])


async def test_a_value_below_a_limit_is_only_known_to_be_below(database: Database) -> None:
    await put(database, an_observation("o", valueQuantity=quantity("5", "g", comparator="<")))
    for value, finds in [
        ("lt5", True),
        ("lt4", True),
        ("gt4", True),
        ("ge5", False),
        ("gt5", False),
        ("eb5", True),
        ("4", False),
    ]:
        assert await found(database, "Observation", ("value-quantity", value)) == (["o"] if finds else []), value


async def test_samples_are_an_interval(database: Database) -> None:
    samples = {"origin": {"value": Decimal(10), "system": UCUM, "code": "mm"}, "period": Decimal(1), "dimensions": 1}
    await put(
        database,
        an_observation("o", valueSampledData={**samples, "factor": Decimal(2), "data": "1 2 E 5"}),
        an_observation("open", valueSampledData={**samples, "data": "1 U"}),
    )
    for value, finds in [("ge2|%s|cm", ["o", "open"]), ("gt2|%s|cm", ["open"]), ("eb21|%s|mm", ["o"]), ("lt12|%s|mm", ["open"])]:
        assert await found(database, "Observation", ("value-quantity", value % UCUM)) == finds, value


async def test_money_is_found_by_its_currency(database: Database) -> None:
    invoice = {
        "resourceType": "Invoice",
        "id": "i",
        "status": "issued",
        "totalNet": {"value": Decimal("25.00"), "currency": "EUR"},
    }
    await put(database, invoice)
    assert await found(database, "Invoice", ("totalnet", "25|urn:iso:std:iso:4217|EUR")) == ["i"]
    assert await found(database, "Invoice", ("totalnet", "25||EUR")) == ["i"]
    assert await found(database, "Invoice", ("totalnet", "25|urn:iso:std:iso:4217|USD")) == []


async def test_values_of_a_composite_stand_together(database: Database) -> None:
    pressure = [
        {"code": coded("8480-6"), "valueQuantity": quantity("150", "mm[Hg]")},
        {"code": coded("8462-4"), "valueQuantity": quantity("80", "mm[Hg]")},
    ]
    await put(database, an_observation("o", component=pressure))
    for name in ("component-code-value-quantity", "combo-code-value-quantity"):
        assert await found(database, "Observation", (name, "http://loinc.org|8480-6$gt140")) == ["o"]
        assert await found(database, "Observation", (name, f"8480-6$gt14|{UCUM}|kPa")) == ["o"]
        assert await found(database, "Observation", (name, "8462-4$gt140")) == []
        assert await found(database, "Observation", (name, "8462-4$gt140,8462-4$80")) == ["o"]


async def test_an_update_is_found_by_its_new_value_only(database: Database) -> None:
    for value in ("1", "2"):
        await put(database, an_observation("o", valueQuantity=quantity(value, "g"), component=[{"code": coded("c")}]))
    assert await found(database, "Observation", ("value-quantity", "1")) == []
    assert await found(database, "Observation", ("value-quantity", "2")) == ["o"]
    async with database.transaction() as conn:
        await STORE.write(conn, [Change.delete("Observation", "o")], scope=ALL)
        left = await (await conn.execute(b"select count(*) as n from amount")).fetchone()
    assert left == {"n": 0}


async def test_a_relationship_of_documents_is_found_by_code_and_target(database: Database) -> None:
    relates = [
        {"code": "replaces", "target": {"reference": "DocumentReference/old"}},
        {"code": "signs", "target": {"reference": "http://elsewhere/DocumentReference/1"}},
    ]
    await put(
        database, {"resourceType": "DocumentReference", "id": "d", "status": "current", "content": [], "relatesTo": relates}
    )
    for value, finds in [
        ("replaces$DocumentReference/old", True),
        ("replaces$old", True),
        ("replaces$http://here/fhir/DocumentReference/old", True),
        ("signs$http://elsewhere/DocumentReference/1", True),
        ("signs$DocumentReference/old", False),
    ]:
        assert await found(database, "DocumentReference", ("relationship", value), base="http://here/fhir") == (
            ["d"] if finds else []
        ), value


async def test_two_numbers_of_a_composite_are_those_of_one_variant(database: Database) -> None:
    sequence = {
        "resourceType": "MolecularSequence",
        "id": "m",
        "coordinateSystem": 0,
        "referenceSeq": {"chromosome": coded("7"), "windowStart": 1, "windowEnd": 1000},
        "variant": [{"start": 10, "end": 20}, {"start": 100, "end": 200}],
    }
    await put(database, sequence)
    for value, finds in [("7$ge100$le200", True), ("7$10$20", True), ("7$10$200", False), ("8$10$20", False)]:
        assert await found(database, "MolecularSequence", ("chromosome-variant-coordinate", value)) == (["m"] if finds else [])
    assert await found(database, "MolecularSequence", ("chromosome-window-coordinate", "7$lt5$gt500")) == ["m"]


async def test_a_place_is_found_near_a_point(database: Database) -> None:
    paris = {"latitude": Decimal("48.8566"), "longitude": Decimal("2.3522")}
    fiji = {"latitude": Decimal("-17"), "longitude": Decimal("179.99")}
    await put(
        database, *({"resourceType": "Location", "id": id, "position": at} for id, at in [("paris", paris), ("fiji", fiji)])
    )
    for value, finds in [
        ("48.86|2.35", ["paris"]),
        ("45.764|4.8357|391|km", []),
        ("45.764|4.8357|392|km", ["paris"]),
        ("45.764|4.8357|244|[mi_i]", ["paris"]),
        ("-17|-179.99|5", ["fiji"]),
        ("90|0|4600000|m", ["paris"]),
        ("0|0|30000", ["fiji", "paris"]),
    ]:
        assert await found(database, "Location", ("near", value)) == finds, value


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [
        ("Observation", "value-quantity", "five", "not a number"),
        ("Observation", "value-quantity", "xx5", "eq ne gt lt ge le sa eb ap"),
        ("Observation", "value-quantity", "5|mg", "number|system|code"),
        ("Observation", "value-quantity", "5|http://x|", "number|system|code"),
        ("Observation", "value-quantity", "1e999", "1e±400"),
        ("Observation", "value-quantity", "٥", "not a number"),
        ("Observation", "value-quantity:exact", "5", "missing"),
        ("RiskAssessment", "probability", "5||mg", "not a number"),
        ("Observation", "code-value-quantity", "8480-6", "code$value-quantity"),
        ("Observation", "code-value-quantity", "8480-6$", "code$value-quantity"),
        ("Observation", "code-value-quantity", "a$5$6", "code$value-quantity"),
        ("Observation", "code-value-date", "a$yesterday", "yesterday"),
        ("DocumentReference", "relationship", "replaces$a b", "Type/id"),
        ("Location", "near", "48", "latitude|longitude"),
        ("Location", "near", "91|0", "latitude"),
        ("Location", "near", "0|181", "longitude"),
        ("Location", "near", "0|0|-1", "negative"),
        ("Location", "near", "0|0|1|kg", "unit of length"),
        ("Location", "near", "0|0|ge1", "without prefix"),
    ],
)
def test_a_value_that_is_none_is_refused(kind: str, name: str, value: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(kind, [(name, value)])
    assert says in refused.value.message


@pytest.mark.parametrize("kind", definitions.resource_types())
def test_every_number_quantity_and_composite_parameter_of_r4_is_searched(kind: str) -> None:
    for parameter in definitions.search_parameters(kind).values():
        if parameter.type in ("number", "quantity", "composite"):
            assert parameter.supported, parameter.code
            parts = {"token": "x", "quantity": "1", "number": "1", "string": "x", "date": "2024", "reference": "x"}
            components = parameter.places[0].get("components", [{"type": parameter.type}])
            value = "$".join(parts[component["type"]] for component in components)
            assert parse(kind, [(parameter.code, value)]).criteria


async def test_an_identifier_is_found_by_its_type_and_value_together(database: Database) -> None:
    typed = {"coding": [{"system": "urn:t", "code": "PI"}], "text": "Numéro interne"}
    identifiers = [{"type": typed, "system": "urn:a", "value": "1"}, {"system": "urn:a", "value": "2"}]
    await put(database, {"resourceType": "Patient", "id": "p", "identifier": identifiers})
    assert await found(database, "Patient", ("identifier:of-type", "urn:t|PI|1")) == ["p"]
    assert await found(database, "Patient", ("identifier:of-type", "urn:t|PI|2")) == []
    assert await found(database, "Patient", ("identifier:text", "numero")) == ["p"]


async def test_a_url_is_found_from_above_and_from_below(database: Database) -> None:
    stored = {"resourceType": "ValueSet", "status": "draft"}
    await put(
        database,
        {**stored, "id": "v", "url": "http://acme.org/fhir/ValueSet/1"},
        {**stored, "id": "w", "url": "http://acme.org/fhirs"},
    )
    for name, value, finds in [
        ("url:below", "http://acme.org/fhir", ["v"]),
        ("url:below", "http://acme.org/fhir/", ["v"]),
        ("url:below", "http://acme.org", ["v", "w"]),
        ("url:below", "http://acme.org/fhir/ValueSet/1", ["v"]),
        ("url:below", "http://acme.org/FHIR", []),
        ("url:above", "http://acme.org/fhir/ValueSet/1/_history/5", ["v"]),
        ("url:above", "http://acme.org/fhir/ValueSet/10", []),
    ]:
        assert await found(database, "ValueSet", (name, value)) == finds, (name, value)


async def test_who_is_at_a_place_is_found_by_what_the_place_is_part_of(database: Database) -> None:
    places = [("site", None), ("building", "site"), ("room", "building")]
    location = {"location": [{"location": {"reference": "Location/room"}}]}
    await put(
        database,
        *(
            {"resourceType": "Location", "id": id} | ({"partOf": {"reference": f"Location/{above}"}} if above else {})
            for id, above in places
        ),
        {"resourceType": "Encounter", "id": "e", "status": "planned", "class": {"code": "AMB"}, **location},
    )
    assert await found(database, "Encounter", ("location:below", "Location/site")) == ["e"]
    assert await found(database, "Encounter", ("location:above", "Location/site")) == []
    assert await found(database, "Location", ("partof:below", "Location/site")) == ["building", "room"]
    assert await found(database, "Location", ("partof:above", "Location/room")) == ["building", "room"]


async def test_a_bundle_is_found_by_what_it_carries_first(database: Database) -> None:
    def a_bundle(id: str, kind: str, *resources: Resource, at: str = "http://here/fhir") -> Resource:
        entries = [{"fullUrl": f"{at}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
        return {"resourceType": "Bundle", "id": id, "type": kind, "entry": entries}

    letter, header = {"resourceType": "Composition", "id": "c"}, {"resourceType": "MessageHeader", "id": "m"}
    urn = "urn:uuid:6d9e5b2a-7c55-4a39-9f5e-6d1ab25c7a10"
    nameless = {
        "resourceType": "Bundle",
        "id": "u",
        "type": "document",
        "entry": [{"fullUrl": urn, "resource": {"resourceType": "Composition"}}],
    }
    await put(
        database, a_bundle("d", "document", letter), a_bundle("e", "document", letter | {"id": "c2"}, letter, at="http://elsewhere/fhir"),
        a_bundle("m", "message", header, letter), nameless, {"resourceType": "Bundle", "id": "n", "type": "collection"},
    )  # fmt: skip
    for value in ("Composition/c", "c", "http://here/fhir/Composition/c"):
        assert await found(database, "Bundle", ("composition", value), base="http://here/fhir") == ["d"]
    assert await found(database, "Bundle", ("composition:Composition", "c")) == ["d"]
    assert await found(database, "Bundle", ("composition", "http://elsewhere/fhir/Composition/c2")) == ["e"]
    assert await found(database, "Bundle", ("composition", urn)) == ["u"]
    assert await found(database, "Bundle", ("message", "MessageHeader/m")) == ["m"]
    assert await found(database, "Bundle", ("composition:missing", "true")) == ["m", "n"]
    assert await found(database, "Bundle", ("message", "MessageHeader/c")) == []
