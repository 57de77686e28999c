"""Build step: a SearchParameter becomes, for each resource type, the places where its values stand.

A place is `{"steps": [step], "type": leaf type}` with, when they apply, `target` (a reference must be to that type) and `system` (implied by
the required binding of a code); of a composite, with `components` (`definitions.composites`). A step is a JSON key, or `[key, value]`: keep the objects that have that value. The leaf type `truth` is
"there, and not false" (Patient.deceased). The leaf type `carried` is the
first resource of a Bundle (Bundle.composition, Bundle.message), at the Bundle itself.
"""

import re
from typing import Any

from maillage.fhir.definitions.shapes import Shape
from maillage.fhir.definitions.value_sets import ValueSets

Place = dict[str, Any]

_CAST = re.compile(r"^([\w.]+) as (\w+)$")
_METHOD_CAST = re.compile(r"^([\w.]+)\.(?:as|ofType)\((\w+)\)$")
_TARGET = re.compile(r"^([\w.]+)\.where\(resolve\(\) is (\w+)\)$")
_WHERE = re.compile(r"^([\w.]+)\.where\((\w+) ?= ?'([^']+)'\)((?:\.\w+)*)$")
_PART_OF_CAST = re.compile(r"^\(([\w.]+)(?: as |\.ofType\()(\w+)\)+\.(\w+)$")
_TRUTH = re.compile(r"^([\w.]+)\.exists\(\) and \1 != false$")
_CARRIED = "Bundle.entry[0].resource"
_PLAIN = re.compile(r"^\w+(\.\w+)*$")

LEAVES = {
    "token": {
        "Coding",
        "CodeableConcept",
        "Identifier",
        "ContactPoint",
        "code",
        "boolean",
        "string",
        "id",
        "uri",
        "canonical",
        "dateTime",
    },
    "string": {"string", "markdown", "code", "HumanName", "Address", "uri", "xhtml", "Annotation"},
    "date": {"date", "dateTime", "instant", "Period", "Timing"},
    "reference": {"Reference", "canonical", "uri"},
    "uri": {"uri", "url", "canonical", "oid", "uuid"},
    "number": {"decimal", "integer", "positiveInt", "unsignedInt"},
    "quantity": {"Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration", "Money", "Range", "SampledData"},
    "special": {"Location.position"},
}
"""What a parameter of each supported type can be read from; other types of a choice[x] do not feed it."""


class Places:
    """Finds the places of search expressions by walking the shapes."""

    def __init__(self, shapes: dict[str, Shape], value_sets: ValueSets) -> None:
        self._shapes = shapes
        self._value_sets = value_sets

    def of(self, resource_type: str, parameter_type: str, expression: str) -> list[Place]:
        """The places of the alternatives (`a | b`) that concern this resource type."""
        places: list[Place] = []
        for alternative in (_bare(part) for part in expression.split("|")):
            start = re.split(r"\W", alternative.lstrip("("), maxsplit=1)[0]
            if start in (resource_type, "Resource", "DomainResource"):
                places += self._of_one(resource_type, parameter_type, alternative)
            elif start[:1].islower():  # InsurancePlan.name says `name | alias`
                places += self._of_one(resource_type, parameter_type, f"{resource_type}.{alternative}")
        return [{name: value for name, value in place.items() if name != "as"} for place in places]

    def _of_one(self, resource_type: str, parameter_type: str, text: str) -> list[Place]:
        if found := _CAST.match(text) or _METHOD_CAST.match(text):
            return [place for place in self._walk(resource_type, parameter_type, found[1]) if _is(place["as"], found[2])]
        if found := _PART_OF_CAST.match(text):
            return self._walk(resource_type, parameter_type, f"{found[1]}{found[2]}.{found[3]}")
        if found := _TRUTH.match(text):
            return [place | {"type": "truth"} for place in self._walk(resource_type, parameter_type, found[1])]
        if found := _TARGET.match(text):
            return [place | {"target": found[2]} for place in self._walk(resource_type, parameter_type, found[1])]
        if found := _WHERE.match(text):
            filtered = self._walk(resource_type, parameter_type, found[1] + found[4])
            depth = found[1].count(".")
            return [p | {"steps": [*p["steps"][:depth], [found[2], found[3]], *p["steps"][depth:]]} for p in filtered]
        if text == _CARRIED:
            return [{"steps": [], "type": "carried"}]
        if _PLAIN.match(text):
            return self._walk(resource_type, parameter_type, text)
        return []

    def _walk(self, resource_type: str, parameter_type: str, path: str) -> list[Place]:
        """Every way through the shapes that spells this dotted path, choices[x] unfolded."""
        ways: list[tuple[list[str], str, dict[str, Any]]] = [([], resource_type, {})]
        for name in path.split(".")[1:]:
            ways = [
                ([*steps, key], member["type"], member)
                for steps, type_name, _ in ways
                for key, member in self._shapes.get(type_name, {"members": {}})["members"].items()
                if name in (key, member.get("of"))
            ]
        return [
            self._place(steps, type_name, member)
            for steps, type_name, member in ways
            if type_name in LEAVES.get(parameter_type, {type_name})
        ]

    def _place(self, steps: list[str], type_name: str, member: dict[str, Any]) -> Place:
        place: Place = {"steps": steps, "type": type_name, "as": member.get("as", type_name)}
        concepts = self._value_sets.concepts(member["codes"]) if type_name == "code" and "codes" in member else None
        systems = {system for system, _ in concepts or ()}
        return place | {"system": systems.pop()} if len(systems) == 1 else place


def _is(kind: str, wanted: str) -> bool:
    """Whether a type is this one or made from it (`ConceptMap.source as uri` is also a canonical)."""
    return kind == wanted or (wanted == "uri" and kind in LEAVES["uri"])


def _bare(text: str) -> str:
    """Without blanks around, and without parentheses around the whole."""
    text = text.strip()
    return text[1:-1] if (text.startswith("(") and text.endswith("))")) or re.fullmatch(r"\([^()]*\)", text) else text
