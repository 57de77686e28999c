"""Patches: what JSON Patch and FHIRPath Patch leave of a resource, and what they refuse."""

from decimal import Decimal
from typing import Any

import pytest

from maillage.errors import Invalid, MaillageError, PreconditionFailed, Unprocessable
from maillage.fhir import json
from maillage.fhir.patch import fhirpath_patch, json_patch
from maillage.fhir.patch.patched import patched

Resource = dict[str, Any]


def a_patient(**more: Any) -> Resource:
    return {"resourceType": "Patient", "id": "p", "name": [{"family": "Pat-Trois", "given": ["Dominique", "Claude"]}]} | more


def operation(kind: str, path: str, **parts: Any) -> Resource:
    """One operation; a part that is a dict says its own value[x] or parts."""
    listed = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        given = value if isinstance(value, dict) else {"valueInteger" if isinstance(value, int) else "valueString": value}
        listed.append({"name": name, **given})
    return {"name": "operation", "part": listed}


def by_path(resource: Resource, *operations: Resource) -> Resource:
    return fhirpath_patch.applied(resource, {"resourceType": "Parameters", "parameter": list(operations)})


def by_json(resource: Resource, *operations: Any) -> Resource:
    return json_patch.applied(resource, list(operations))


# JSON Patch


@pytest.mark.parametrize(
    ("operations", "left"),
    [
        ([{"op": "add", "path": "/b", "value": [1]}], {"a": [1, 2], "b": [1]}),
        ([{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ([{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 9]}),
        ([{"op": "add", "path": "/a/2", "value": 9}], {"a": [1, 2, 9]}),
        ([{"op": "add", "path": "", "value": {"c": 1}}], {"c": 1}),
        ([{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ([{"op": "replace", "path": "/a", "value": None}], {"a": None}),
        ([{"op": "move", "from": "/a/0", "path": "/b"}], {"a": [2], "b": 1}),
        ([{"op": "move", "from": "/a/0", "path": "/a/1"}], {"a": [2, 1]}),
        ([{"op": "copy", "from": "/a", "path": "/b"}, {"op": "add", "path": "/b/-", "value": 3}], {"a": [1, 2], "b": [1, 2, 3]}),
        ([{"op": "test", "path": "/a", "value": [Decimal("1.0"), 2]}], {"a": [1, 2]}),
        ([{"op": "add", "path": "/x~1y~0z", "value": 1}, {"op": "test", "path": "/x~1y~0z", "value": 1}], {"a": [1, 2], "x/y~z": 1}),
    ],
)  # fmt: skip
def test_json_patch_does_what_rfc_6902_says(operations: list[Resource], left: Resource) -> None:
    assert by_json({"a": [1, 2]}, *operations) == left


@pytest.mark.parametrize(
    ("fault", "bad"),
    [
        (Invalid, "remove"),
        (Invalid, {"op": "erase", "path": "/a"}),
        (Invalid, {"op": ["add"], "path": "/a"}),
        (Invalid, {"op": "add", "path": "/b"}),
        (Invalid, {"op": "add", "path": "b", "value": 1}),
        (Invalid, {"op": "add", "path": 7, "value": 1}),
        (Invalid, {"op": "remove", "path": "/a~2"}),
        (Invalid, {"op": "move", "path": "/a"}),
        (Unprocessable, {"op": "remove", "path": "/a/01"}),
        (Unprocessable, {"op": "remove", "path": "/a/-"}),
        (Unprocessable, {"op": "remove", "path": "/a/²"}),
        (Unprocessable, {"op": "remove", "path": "/a/2"}),
        (Unprocessable, {"op": "remove", "path": "/none"}),
        (Unprocessable, {"op": "replace", "path": "/none", "value": 1}),
        (Unprocessable, {"op": "add", "path": "/none/deeper", "value": 1}),
        (Unprocessable, {"op": "add", "path": "/a/3", "value": 1}),
        (Unprocessable, {"op": "add", "path": "/a/0/x", "value": 1}),
        (Unprocessable, {"op": "move", "from": "/a", "path": "/a/0"}),
        (Unprocessable, {"op": "remove", "path": ""}),
        (Unprocessable, {"op": "replace", "path": "", "value": 1}),
        (PreconditionFailed, {"op": "test", "path": "/t", "value": 1}),
        (PreconditionFailed, {"op": "test", "path": "/none", "value": None}),
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused_with_its_operation(fault: type[MaillageError], bad: Any) -> None:
    with pytest.raises(MaillageError) as refused:
        by_json({"a": [1, 2], "t": True}, {"op": "test", "path": "/a/0", "value": 1}, bad)
    assert type(refused.value) is fault
    if bad not in ({"op": "remove", "path": ""}, {"op": "replace", "path": "", "value": 1}):
        assert refused.value.issues[0].expression == "patch[1]"


def test_copies_that_double_each_other_are_refused_before_they_fill_the_memory() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(60)]
    with pytest.raises(Invalid, match="copies 100000 values"):
        by_json({"a": [1]}, *doubling)
    with pytest.raises(Unprocessable, match="100 levels"):
        by_json({"a": []}, *[{"op": "copy", "from": "/a", "path": "/a" + "/0" * 2**n} for n in range(8)])


def test_a_json_patch_keeps_the_digits_of_decimals() -> None:
    resource = json.loads(b'{"resourceType":"Observation","valueQuantity":{"value":72.500}}')
    operations = json.loads_array(
        b'[{"op":"add","path":"/valueQuantity/code","value":"kg"},{"op":"add","path":"/x","value":1.10}]'
    )
    left = json.dumps(by_json(resource, *operations))
    assert b"72.500" in left
    assert b"1.10" in left
    assert resource["valueQuantity"] == {"value": Decimal("72.500")}


# FHIRPath Patch


def test_elements_are_added_replaced_inserted_moved_and_deleted() -> None:
    left = by_path(
        a_patient(birthDate="1979-03-28"),
        operation("add", "Patient", name="gender", value={"valueCode": "female"}),
        operation("add", "Patient", name="telecom", value={"valueContactPoint": {"system": "phone", "value": "01"}}),
        operation("replace", "Patient.birthDate", value={"valueDate": "1980"}),
        operation("insert", "Patient.name[0].given", value="Camille", index=1),
        operation("move", "Patient.name.given", source=2, destination=0),
        operation("delete", "Patient.name[0].family"),
    )
    assert left == {
        "resourceType": "Patient", "id": "p", "name": [{"given": ["Claude", "Dominique", "Camille"]}], "birthDate": "1980",
        "gender": "female", "telecom": [{"system": "phone", "value": "01"}],
    }  # fmt: skip


def test_a_backbone_element_is_made_of_parts() -> None:
    contact = {"part": [
        {"name": "name", "valueHumanName": {"text": "Sœur"}},
        {"name": "relationship", "valueCodeableConcept": {"text": "sœur"}},
        {"name": "telecom", "part": [{"name": "system", "valueCode": "phone"}, {"name": "value", "valueString": "02"}]},
    ]}  # fmt: skip
    left = by_path(a_patient(), operation("add", "Patient", name="contact", value=contact))
    assert left["contact"] == [
        {"name": {"text": "Sœur"}, "relationship": [{"text": "sœur"}], "telecom": [{"system": "phone", "value": "02"}]}
    ]


def test_a_choice_is_found_by_its_name_and_may_change_its_type() -> None:
    observation = {"resourceType": "Observation", "id": "o", "valueQuantity": {"value": Decimal("1.0")}, "status": "final"}
    assert by_path(observation, operation("replace", "Observation.value", value="cinq"))["valueString"] == "cinq"
    inner = operation("replace", "Observation.value.ofType(Quantity).value", value={"valueDecimal": Decimal("2.50")})
    assert by_path(observation, inner)["valueQuantity"] == {"value": Decimal("2.50")}
    assert "valueQuantity" not in by_path(observation, operation("delete", "(Observation.value as Quantity)"))
    with pytest.raises(Unprocessable, match="already"):
        by_path(observation, operation("add", "Observation", name="value", value={"valueBoolean": True}))
    with pytest.raises(Invalid, match=r"Observation\.value may not be of the type Address"):
        by_path(
            {**observation, "valueQuantity": {}},
            operation("add", "Observation", name="value", value={"valueAddress": {"city": "x"}}),
        )


def test_what_stands_beside_a_primitive_value_goes_with_it() -> None:
    extension = [{"url": "http://x", "valueString": "y"}]
    given = {"family": "A", "given": ["B", "C", "D"], "_given": [None, {"extension": extension}, None]}
    patient = a_patient(name=[given], _birthDate={"extension": extension})
    moved = by_path(patient, operation("move", "Patient.name[0].given", source=1, destination=2))["name"][0]
    assert (moved["given"], moved["_given"]) == (["B", "D", "C"], [None, None, {"extension": extension}])
    without = by_path(patient, operation("delete", "Patient.name[0].given[1]"), operation("delete", "Patient.birthDate"))
    assert without == a_patient(name=[{"family": "A", "given": ["B", "D"]}])
    added = by_path(
        patient, operation("add", "Patient.name[0].given[0]", name="extension", value={"valueExtension": extension[0]})
    )
    assert added["name"][0]["_given"] == [{"extension": extension}, {"extension": extension}, None]
    bare = by_path(patient, operation("delete", "Patient.name.given[1].extension('http://x')"))
    assert "_given" not in bare["name"][0]


def test_a_condition_chooses_an_element() -> None:
    patient = a_patient(telecom=[{"system": "phone", "value": "01"}, {"system": "email", "value": "a@b"}])
    path = "Patient.telecom.where(system = 'phone' and value.exists()).value"
    assert by_path(patient, operation("replace", path, value="09"))["telecom"][0]["value"] == "09"
    assert by_path(patient, operation("delete", "Patient.telecom.where(system = 'fax')")) == patient


def test_what_a_deletion_leaves_empty_goes_too() -> None:
    patient = a_patient(contact=[{"name": {"text": "x"}}], gender="male")
    assert by_path(patient, operation("delete", "Patient.contact[0].name.text")) == a_patient(gender="male")


@pytest.mark.parametrize(
    ("fault", "bad", "said"),
    [
        (Invalid, operation("erase", "Patient.name"), "'erase'"),
        (Invalid, operation("delete", "Patient.nom"), "no element 'nom'"),
        (Invalid, operation("delete", "Patient.name."), "no FHIRPath"),
        (Invalid, operation("delete", "Patient.name.where(use = 'a' andd true)"), "no FHIRPath"),
        (Invalid, operation("delete", "Patient.name.where(family.matches('(a+)+b'))"), "matches()"),
        (Invalid, operation("delete", "Patient.name.where(%resource.exists())"), "%variables"),
        (Invalid, operation("delete", "Patient.name.where(family)"), "neither true nor false"),
        (Invalid, operation("delete", "Patient.name | Patient.telecom"), "UnionExpression"),
        (Invalid, operation("delete", "Patient.descendants()"), "descendants()"),
        (Invalid, operation("delete", "Patient.name", value="x"), "takes the parts path"),
        (Invalid, operation("add", "Patient", name="gender"), "takes the parts"),
        (Invalid, operation("add", "Patient", name="gender", value={}), "no value"),
        (Invalid, operation("insert", "Patient.name[0]", value="x", index=0), "list"),
        (Unprocessable, operation("delete", "Patient.name.given"), "finds 2 elements"),
        (Unprocessable, operation("replace", "Patient.gender", value="x"), "finds nothing"),
        (Unprocessable, operation("insert", "Patient.gender", value="x", index=0), "no list"),
        (Unprocessable, operation("insert", "Patient.name.given", value="x", index=3), "3 is no place"),
        (Unprocessable, operation("move", "Patient.name.given", source=0, destination=2), "2 is no place"),
        (Unprocessable, operation("delete", "Patient"), "no resource"),
    ],
)
def test_a_fhirpath_patch_that_does_not_fit_is_refused_with_the_reason(fault: type[Invalid], bad: Resource, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        by_path(a_patient(), bad)
    assert type(refused.value) is fault
    assert said in refused.value.message


def test_a_patch_may_not_say_who_the_resource_is() -> None:
    with pytest.raises(Unprocessable, match="change id"):
        patched(
            a_patient(), {"resourceType": "Parameters", "parameter": [operation("replace", "Patient.id", value={"valueId": "q"})]}
        )
    with pytest.raises(Invalid, match="application/json-patch"):
        patched(a_patient(), {"resourceType": "Binary", "contentType": "text/plain"})
    with pytest.raises(Invalid, match="Parameters"):
        patched(a_patient(), a_patient())
