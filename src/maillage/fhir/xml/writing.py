"""Writes a resource as FHIR XML: elements in the order of R4, values with the digits that they have, the narrative as it is."""

import re
from html.entities import html5
from typing import Any

from maillage.errors import Issue, NotAcceptable
from maillage.fhir.json import Resource
from maillage.fhir.xml.model import FHIR, Child, Content, Model, data_types, resource_model

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_CAREFUL = re.compile("[^ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that does not stand for itself in an attribute."""
_WRITTEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_ENTITY = re.compile(r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|&(\w+);", re.DOTALL)
_PREDEFINED = frozenset({"amp", "lt", "gt", "quot", "apos"})


def dumps(resource: Resource, *, pretty: bool = False) -> bytes:
    """The XML document of a valid resource, with line breaks and indents when `pretty`.

    Raises NotAcceptable, naming the element, for what XML 1.0 cannot hold (U+FFFF, an extension of an extension's url).
    """
    out = [_DECLARATION]
    _resource(resource, "\n" if pretty else "", out, declared=f' xmlns="{FHIR}"')
    return "".join(out).encode()


def _resource(resource: Resource, line: str, out: list[str], *, declared: str = "") -> None:
    kind = resource["resourceType"]
    _object(kind, resource, resource_model(kind), line, out, declared)


def _object(name: str, value: dict[str, Any], model: Model, line: str, out: list[str], declared: str = "") -> None:
    """One element; `line` is what a new line at its level begins with, empty when not pretty."""
    attributes = "".join(f' {key}="{_text(value[key], name)}"' for key in model.attributes if key in value)
    out.append(f"{line}<{name}{declared}{attributes}")
    children = _present(value, model)
    if not children:
        out.append("/>")
        return
    out.append(">")
    below = line and line + "  "
    for child in children:
        _child(child, value, below, out)
    out.append(f"{line}</{name}>")


def _present(value: dict[str, Any], model: Model) -> list[Child]:
    found = set()
    for key in value:
        name = key[1:] if key[0] == "_" else key
        child = model.children.get(name)
        if child is not None:
            found.add(child)
        elif key not in model.attributes and key != "resourceType":
            raise _refusal(f"{model.name}.{key}", "XML has no place for it")
    return sorted(found, key=lambda child: child.place)


def _child(child: Child, holder: dict[str, Any], line: str, out: list[str]) -> None:
    if child.content is Content.PRIMITIVE:
        _primitives(child, holder.get(child.name), holder.get(f"_{child.name}"), line, out)
    elif child.content is Content.NARRATIVE:
        out.append(line + _narrative(holder[child.name]))
    else:
        held = holder[child.name]
        for value in held if child.many else (held,):
            _complex(child, value, line, out)


def _complex(child: Child, value: Any, line: str, out: list[str]) -> None:
    if child.content is Content.OBJECT:
        _object(child.name, value, child.model, line, out)
        return
    out.append(f"{line}<{child.name}>")
    _resource(value, line and line + "  ", out)
    out.append(f"{line}</{child.name}>")


def _primitives(child: Child, held: Any, siblings: Any, line: str, out: list[str]) -> None:
    """Each value with the id and extensions that stand beside it; in JSON either list may be the shorter."""
    if not child.many:
        _primitive(child.name, held, siblings, line, out)
        return
    held, siblings = held or [], siblings or []
    for place in range(max(len(held), len(siblings))):
        value = held[place] if place < len(held) else None
        _primitive(child.name, value, siblings[place] if place < len(siblings) else None, line, out)


def _primitive(name: str, value: Any, sibling: dict[str, Any] | None, line: str, out: list[str]) -> None:
    stated = "" if value is None else f' value="{_text(value, name)}"'
    if sibling:
        _object(name, sibling, data_types()["Element"], line, out, stated)
    else:
        out.append(f"{line}<{name}{stated}/>")


def _text(value: Any, name: str) -> str:
    """A value as it stands in an attribute."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    text = str(value)
    return _CAREFUL.sub(lambda found: _escaped(found[0], name), text) if _CAREFUL.search(text) else text


def _escaped(character: str, name: str) -> str:
    if character not in _WRITTEN:
        raise _refusal(name, f"XML cannot hold the character U+{ord(character):04X}")
    return _WRITTEN[character]


def _narrative(div: str) -> str:
    """The div as it is, but for the entities of HTML, which XML does not know."""
    return _ENTITY.sub(_character, div) if "&" in div else div


def _character(found: re.Match[str]) -> str:
    whole, name = found[0], found[1]
    return whole if name is None or name in _PREDEFINED else html5.get(f"{name};", whole)


def _refusal(place: str, message: str) -> NotAcceptable:
    return NotAcceptable(f"{place}: {message}", issues=[Issue("not-supported", f"{place}: {message}; ask for JSON", place)])
