"""What a finished response says of the record: Observations (SDC observation-based extraction), and resources by their definitions (definition-based). Pure.

https://hl7.org/fhir/uv/sdc/STU3/extraction.html
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maillage.errors import Invalid
from maillage.fhir import definitions
from maillage.services.assessment.resources.questionnaire import Form
from maillage.services.assessment.resources.response import Node, Nodes, every

Resource = dict[str, Any]
SURVEY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}
STATUS = {"completed": "final", "amended": "amended", "entered-in-error": "entered-in-error"}
"""Of an Observation, by that of the response that it comes from; of another response nothing is extracted."""
EXTRACTED = "urn:maillage:extract"
"""The system of identifiers that name what was extracted: by the response and the place in it."""
_IDS = uuid.UUID("6f1f4a30-4f52-4e0f-9a5c-0f6c5f1f2c61")


def extracted(form: Form, response: Mapping[str, Any], nodes: Nodes) -> list[Resource]:
    """What is to be written, with ids that follow from the response's: extracted twice, it is written once. Invalid where a definition names no element that can be set."""
    status = STATUS.get(response["status"])
    if status is None:
        raise Invalid.at(
            "QuestionnaireResponse.status", f"a response that is {response['status']} says nothing of the record yet"
        )
    observations = [one for node in every(nodes) if node.item.extracts for one in _observations(node, response, status)]
    return observations + [_stamped(one, response, at) for at, one in enumerate(_by_definition(form, nodes))]


def _observations(node: Node, response: Mapping[str, Any], status: str) -> Iterator[Resource]:
    if not node.item.codes:
        raise Invalid.at(f"Questionnaire.item({node.item.link_id}).code", "an item of which an Observation is made says its code")
    for at, answer in enumerate(node.answers):
        ((name, value),) = answer.items()
        yield {
            "resourceType": "Observation",
            **_named(response, f"{node.name}|{at}"),
            "status": status,
            "category": [SURVEY],
            "code": {"coding": [_plain(one) for one in node.item.codes], "text": node.item.text or node.item.link_id},
            **_about(response),
            **_valued(name, value, node),
            "derivedFrom": [{"reference": f"QuestionnaireResponse/{response['id']}"}],
        }


def _about(response: Mapping[str, Any]) -> Resource:
    said: Resource = {"subject": response["subject"]} if "subject" in response else {}
    if "authored" in response:
        said |= {"effectiveDateTime": response["authored"], "issued": response["authored"]}
    if "encounter" in response:
        said["encounter"] = response["encounter"]
    return said | ({"performer": [response["author"]]} if "author" in response else {})


def _valued(name: str, value: Any, node: Node) -> Resource:
    """Observation.value[x] of an answer: a decimal is a quantity there, with the unit of its item, a coding a concept (R4 observation.html)."""
    unit = (
        node.item.units[0] if node.item.units else {"code": "{score}", "display": "points", "system": "http://unitsofmeasure.org"}
    )
    match name:
        case "valueDecimal":
            said = {
                "value": value,
                "unit": unit.get("display") or unit["code"],
                "system": unit.get("system"),
                "code": unit.get("code"),
            }
            return {"valueQuantity": {key: each for key, each in said.items() if each is not None}}
        case "valueCoding":
            return {
                "valueCodeableConcept": {"coding": [_plain(value)], **({"text": value["display"]} if "display" in value else {})}
            }
        case "valueDate":
            return {"valueDateTime": value}
        case "valueUri":
            return {"valueString": value}
        case "valueAttachment" | "valueReference":
            raise Invalid.at(f"Questionnaire.item({node.item.link_id})", "no Observation is made of an attachment or a reference")
        case _:
            return {name: value}


def _plain(coding: Mapping[str, Any]) -> Resource:
    return {key: value for key, value in coding.items() if key != "extension"}


def _by_definition(form: Form, nodes: Nodes) -> Iterator[Resource]:
    if form.context:
        yield from _of_context(form.context, nodes)
    for node in every(nodes):
        if node.item.context and not node.empty:
            yield from _of_context(node.item.context, node.nodes)


def _of_context(kind: str, nodes: Sequence[Node]) -> Iterator[Resource]:
    made: Resource = {}
    for node in nodes:
        _set(made, kind, kind, node)
    if made:
        yield {"resourceType": kind} | made


def _set(into: Resource, shape: str, stem: str, node: Node) -> None:
    """Writes a node, and those in it, where its definition says (`…/StructureDefinition/Patient#Patient.name.given`); `into` is the element at `stem`, of type `shape`."""
    if node.item.context:
        return
    path = node.item.definition.partition("#")[2]
    if path and not path.startswith(f"{stem}."):
        raise Invalid.at(f"Questionnaire.item({node.item.link_id}).definition", f"{path} is no element of {stem}")
    steps = path.removeprefix(f"{stem}.").split(".")
    if path and node.item.kind == "group":
        if not node.empty:
            element: Resource = {}
            type_name = _put(into, shape, steps, element, node)
            for one in node.nodes:
                _set(element, type_name, path, one)
        return
    for answer in node.answers if path else ():
        ((name, value),) = answer.items()
        last = steps[-1].replace("[x]", name.removeprefix("value"))
        _put(into, shape, [*steps[:-1], last], value, node)
    for one in node.nodes:
        _set(into, shape, stem, one)


def _put(into: Resource, shape: str, steps: Sequence[str], value: Any, node: Node) -> str:
    """Puts a value at the end of these steps, and answers the type of the element there. Elements of which there are many get one more, or are gone on with."""
    member = _members(shape).get(steps[0])
    if member is None:
        raise Invalid.at(f"Questionnaire.item({node.item.link_id}).definition", f"{shape} has no element {steps[0]}")
    held, many = into.get(steps[0]), member.get("many", False)
    if len(steps) == 1:
        made = value if node.item.kind == "group" else _said_as(member["type"], value)
        into[steps[0]] = [*(held or ()), made] if many else made
        return str(member["type"])
    inner = (held[-1] if many else held) if held else {}
    type_name = _put(inner, member["type"], steps[1:], value, node)
    if not held:
        into[steps[0]] = [inner] if many else inner
    return type_name


def _members(shape: str) -> Mapping[str, Any]:
    root = shape.partition(".")[0]
    shapes = definitions.shapes(root if root in definitions.resource_types() else "_datatypes")
    members: Mapping[str, Any] = shapes[shape]["members"]
    return members


def _said_as(type_name: str, value: Any) -> Any:
    """A coding as what the element takes: its code, itself, or a concept."""
    if not isinstance(value, Mapping) or "code" not in value or type_name in ("Quantity", "Reference", "Attachment"):
        return value
    if type_name == "Coding":
        return _plain(value)
    if type_name == "CodeableConcept":
        return {"coding": [_plain(value)]} | ({"text": value["display"]} if "display" in value else {})
    return value["code"]


def _stamped(resource: Resource, response: Mapping[str, Any], at: int) -> Resource:
    about = {"Patient": {}, "RelatedPerson": {"patient": response.get("subject")}}.get(
        resource["resourceType"], {"subject": response.get("subject")}
    )
    named = _named(response, f"definition|{at}")
    said = {key: value for key, value in about.items() if value}  # whatever the form says: of nobody else
    return {**resource, **said, "id": named["id"], "identifier": [*named["identifier"], *resource.get("identifier", ())]}


def _named(response: Mapping[str, Any], place: str) -> Resource:
    id = str(uuid.uuid5(_IDS, f"{response.get('id', '')}|{place}"))
    return {"id": id, "identifier": [{"system": EXTRACTED, "value": id}]}
