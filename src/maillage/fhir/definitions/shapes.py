"""Build step: a StructureDefinition becomes shapes, one for its root and one for each backbone element.

A shape is plain JSON, read again by `maillage.fhir.validation`, `fhir.xml` and `fhir.summary`; its members are in the order of R4:
`{"members": {key: member}, "required": [key], "choices": [[required, [keys]]], "rules": [rule]}` where a rule is
`[key, human, expression]` and a member has `type` (a type name or a backbone path) and, when they say something, `many`, `least`,
`codes` (name of a value set), `targets` (types a reference may point to), `rules`, `as` (the type of a choice[x]), `of` (its FHIRPath name),
`attribute` (in XML it is one, not an element), `summary` (it is in the summary of the resource).
"""

import re
from typing import Any

Shape = dict[str, Any]

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = _BASE + "structuredefinition-fhir-type"
_TRACE = re.compile(r"\.trace\('\w+'(, ?\w+)?\)")
"""What R4 left in for debugging: it prints."""
_RESTRICTED = {"SimpleQuantity", "MoneyQuantity"}
EVERYWHERE = {"ele-1"}
"""Rules stated on every element, which the walk itself holds: an element has a value or children."""


def shapes_of(definition: dict[str, Any]) -> dict[str, Shape]:
    """The shapes of one resource type or data type, by path: `Patient`, `Patient.contact`."""
    root, *elements = definition["snapshot"]["element"]
    name = definition["name"] if definition["name"] in _RESTRICTED else definition["type"]
    shapes: dict[str, Shape] = {name: _empty(root)}
    own_rules = {key for key, _, _ in shapes[name]["rules"]}
    for element in elements:
        if element["max"] == "0":
            continue
        path = name + element["path"][len(root["path"]) :]
        if _is_backbone(element):
            shapes[path] = _empty(element)
        parent, _, key = path.rpartition(".")
        _add(shapes[parent], key, path, element, own_rules if parent == name else set())
    if definition["kind"] == "resource":
        shapes[name]["members"]["id"]["type"] = "id"
    return shapes


def _empty(element: dict[str, Any]) -> Shape:
    return {"members": {}, "required": [], "choices": [], "rules": _rules(element)}


def _is_backbone(element: dict[str, Any]) -> bool:
    return any(kind["code"] in ("BackboneElement", "Element") for kind in element.get("type", []))


def _rules(element: dict[str, Any]) -> list[list[str]]:
    return [
        [rule["key"], rule["human"], _TRACE.sub("", rule["expression"])]
        for rule in element.get("constraint", [])
        if rule["severity"] == "error" and rule["key"] not in EVERYWHERE and "expression" in rule
    ]


def _add(shape: Shape, key: str, path: str, element: dict[str, Any], known_rules: set[str]) -> None:
    if "contentReference" in element:
        types: list[tuple[str, dict[str, Any]]] = [(element["contentReference"].rpartition("#")[2], {})]
    else:
        types = [(_type_name(kind), kind) for kind in element["type"]]
    choice = key.removesuffix("[x]")
    members = {}
    for type_name, kind in types:
        member = _member(path if _is_backbone(element) else type_name, kind, element, known_rules)
        if choice == key:
            members[key] = member
        else:
            members[choice + kind["code"][0].upper() + kind["code"][1:]] = member | {"of": choice, "as": kind["code"]}
    shape["members"] |= members
    if choice != key:
        shape["choices"].append([element["min"] > 0, list(members)])
    elif element["min"] > 0:
        shape["required"].append(key)


def _member(type_name: str, kind: dict[str, Any], element: dict[str, Any], known_rules: set[str]) -> dict[str, Any]:
    member: dict[str, Any] = {"type": type_name}
    if element["max"] != "1":
        member["many"] = True
    if element["min"] > 1:
        member["least"] = element["min"]
    binding = element.get("binding", {})
    if binding.get("strength") == "required" and type_name in ("code", "Coding", "CodeableConcept"):
        member["codes"] = binding["valueSet"].split("|")[0]
    targets = [profile.removeprefix(_BASE) for profile in kind.get("targetProfile", [])]
    if type_name == "Reference" and targets and "Resource" not in targets:
        member["targets"] = targets
    rules = [] if _is_backbone(element) else [rule for rule in _rules(element) if rule[0] not in known_rules | {"ext-1"}]
    if rules:
        member["rules"] = rules
    if "xmlAttr" in element.get("representation", []):
        member["attribute"] = True
    if element.get("isSummary"):
        member["summary"] = True
    return member


def _type_name(kind: dict[str, Any]) -> str:
    """The FHIR type of an element; ids and urls of extensions are declared as FHIRPath strings."""
    for extension in kind.get("extension", []):
        if extension["url"] == _FHIR_TYPE:
            return str(extension["valueUrl"])
    for profile in kind.get("profile", []):
        if (restricted := profile.removeprefix(_BASE)) in _RESTRICTED:
            return str(restricted)
    return str(kind["code"])
