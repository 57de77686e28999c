"""Build step: a composite SearchParameter becomes the places of its groups, each with the places of its components.

A group is `{"steps": [step], "type": "composite", "components": [component]}`; a component `{"code", "type", "places"}` names the search
parameter it is a value of, and its places begin at the group, or at the resource where it has `"root": true` (R4 search.html#composite).
"""

from collections.abc import Mapping
from typing import Any

from maillage.fhir.definitions.parameters import Place, Places

ROOT = "%resource."


def groups(
    resource_type: str, parameter: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], places: Places
) -> list[Place]:
    """The groups of one composite parameter on a type. `known` holds the definition of every search parameter by its url."""
    alternatives = [text.strip() for text in parameter["expression"].split("|")]
    paths = [text for text in alternatives if text.split(".")[0] == resource_type]
    components = parameter["component"]
    return [
        _group(resource_type, path, components, known, places)
        or _group(resource_type, path, _exchanged(components), known, places)
        or {}
        for path in paths
    ]


def _group(
    resource_type: str, path: str, components: list[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]], places: Places
) -> Place | None:
    """The group at one path; None where an expression has no value of the type that its definition says."""
    steps = path.split(".")[1:]
    found = [_component(resource_type, path, len(steps), known[c["definition"]], c["expression"], places) for c in components]
    return {"steps": steps, "type": "composite", "components": found} if all(one["places"] for one in found) else None


def _exchanged(components: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """R4 gives the definitions of DocumentReference.relationship (`code$target`) the wrong way round."""
    definitions = [one["definition"] for one in reversed(components)]
    return [{**one, "definition": definition} for one, definition in zip(components, definitions, strict=True)]


def _component(
    resource_type: str, path: str, depth: int, parameter: Mapping[str, Any], expression: str, places: Places
) -> dict[str, Any]:
    described = {"code": parameter["code"], "type": parameter["type"]}
    if expression.startswith(ROOT):
        whole = f"{resource_type}.{expression.removeprefix(ROOT)}"
        return described | {"root": True, "places": places.of(resource_type, parameter["type"], whole)}
    ways = [f"{path}.{_real_type(way.strip())}" for way in expression.split("|")]
    found = [place for way in ways for place in places.of(resource_type, parameter["type"], way)]
    return described | {"places": [place | {"steps": place["steps"][depth:]} for place in found]}


def _real_type(expression: str) -> str:
    """R4 writes `DateTime` in one expression; the type is `dateTime`."""
    return expression.replace("ofType(DateTime)", "ofType(dateTime)")
