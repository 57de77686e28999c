"""What an XML element of FHIR may hold, made from the compiled shapes: its attributes, and its children in the order of R4."""

from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Any

from maillage.fhir import definitions
from maillage.fhir.validation.primitives import primitive

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"


class Content(Enum):
    """What stands in a child: a value, an object, a resource in its own element, or a narrative."""

    PRIMITIVE = auto()
    OBJECT = auto()
    RESOURCE = auto()
    NARRATIVE = auto()


@dataclass(slots=True, eq=False)
class Child:
    """One element that may stand in another. `place` is its rank among its siblings, `model` that of what it holds."""

    name: str
    place: int
    kind: str
    many: bool
    content: Content
    model: "Model"


@dataclass(slots=True, eq=False)
class Model:
    """A type as XML shows it. Children have the name of their JSON key."""

    name: str
    attributes: tuple[str, ...] = ()
    children: dict[str, Child] = field(default_factory=dict)


@cache
def resource_model(kind: str) -> Model:
    """The model of a resource type; those of its backbone elements hang below it."""
    return _models(kind)[kind]


@cache
def data_types() -> dict[str, Model]:
    """The models of the data types by name; `Element` is that of a primitive's own id and extensions."""
    return _models("_datatypes")


def _models(group: str) -> dict[str, Model]:
    shapes = definitions.shapes(group)
    own = {name: Model(name) for name in shapes}
    others = own if group == "_datatypes" else data_types()
    for name, shape in shapes.items():
        _fill(own[name], shape["members"], others | own)
    return own


def _fill(model: Model, members: dict[str, dict[str, Any]], known: dict[str, Model]) -> None:
    model.attributes = tuple(name for name, member in members.items() if "attribute" in member)
    for place, (name, member) in enumerate(members.items()):
        if "attribute" not in member:
            content, inner = _content(member["type"], known)
            model.children[name] = Child(name, place, member["type"], "many" in member, content, inner)


def _content(kind: str, known: dict[str, Model]) -> tuple[Content, Model]:
    if kind in known:
        return Content.OBJECT, known[kind]
    if kind == "xhtml":
        return Content.NARRATIVE, known["Element"]
    return (Content.PRIMITIVE if primitive(kind) else Content.RESOURCE), known["Element"]
