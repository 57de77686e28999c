"""Parts of a resource: `_summary` and `_elements` (R4 search.html#summary, #elements), by what the definitions mark."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from maillage.errors import Invalid, Issue
from maillage.fhir import definitions
from maillage.fhir.json import Resource
from maillage.fhir.search import SearchQuery, SeveralQuery

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
"""Marks a resource that is not whole, so that nobody takes it for the whole one."""

PART_REFUSED = "this is a part of a resource (its tag says SUBSETTED): it would overwrite the whole one"

_KEPT = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
"""What every part has: without the last two the rest could be misread."""

PARAMETERS = ("_summary", "_elements")
COUNTED = ("_summary", "count")

Part = Callable[[Resource], Resource]
"""Takes a resource, gives the part of it that was asked for, marked."""

Pairs = Iterable[tuple[str, str]]

_WRAPPERS = ("searchset", "history", "batch-response", "transaction-response")


@dataclass(frozen=True, slots=True)
class Asked:
    """How much is wanted. `part` is None for whole resources."""

    part: Part | None = None
    counted: bool = False
    """Only the number of matches (`_summary=count`)."""
    text_only: bool = False
    """Only narratives (`_summary=text`), which nothing may be included in."""

    def refuse_included(self, query: SearchQuery | SeveralQuery) -> None:
        """Invalid when a search includes something that the summary cannot have."""
        if self.text_only and (query.includes or query.revincludes):
            raise refused("_summary", "with text nothing can be included (R4 search.html#summary)")


WHOLE = Asked()


def asked(pairs: Pairs, kind: str | None = None) -> Asked:
    """Reads `_summary` and `_elements` among the parameters of a request about this type. Raises Invalid for values that they do not take."""
    said = [pair for pair in pairs if pair[0] in PARAMETERS]
    if not said:
        return WHOLE
    mode = chosen(said, "_summary", ("true", "text", "data", "count", "false"), usual="false")
    listed = [value for name, value in said if name == "_elements"]
    if listed and mode != "false":
        raise refused("_summary", "give _summary or _elements, not both")
    part = elements(",".join(listed), kind) if listed else _SUMMARIES.get(mode)
    return Asked(part, counted=mode == "count", text_only=mode == "text")


def chosen(pairs: Pairs, name: str, known: tuple[str, ...], *, usual: str) -> str:
    """The value of a parameter that takes one of these. Raises Invalid for another, or for several."""
    value = said_once(pairs, name)
    if value is not None and value not in known:
        raise refused(name, f"{value!r} is not one of {', '.join(known)}")
    return usual if value is None else value


def said_once(pairs: Pairs, name: str) -> str | None:
    """The value of a parameter, None without it. Raises Invalid when it has several."""
    values = {value for one, value in pairs if one == name}
    if len(values) > 1:
        raise refused(name, f"given as {' and as '.join(sorted(values))}")
    return values.pop() if values else None


def particular(pairs: Pairs) -> list[tuple[str, str]]:
    """The other parameters, and the wish to count, which is the search's own."""
    return [pair for pair in pairs if pair[0] not in PARAMETERS or pair == COUNTED]


def parted(resource: Resource, part: Part, *, whole: bool) -> Resource:
    """The part of a resource, or of each that a bundle of answers holds; an outcome stays. `whole`: also a Bundle is one resource."""
    if not whole and resource["resourceType"] == "Bundle" and resource.get("type") in _WRAPPERS:
        entries = [_entry(entry, part) for entry in resource.get("entry", ())]
        return resource | ({"entry": entries} if entries else {})
    return resource if resource["resourceType"] == "OperationOutcome" else part(resource)


def _entry(entry: dict[str, Any], part: Part) -> dict[str, Any]:
    held = entry.get("resource")
    return entry if held is None else entry | {"resource": parted(held, part, whole=False)}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What concerns parts in a type: its mandatory keys, the type of each key in the summary, what stays whole, keys by element name."""

    mandatory: frozenset[str]
    summary: Mapping[str, str]
    kept: frozenset[str]
    keys: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements that `_elements` names: for every type, and for some."""

    common: frozenset[str]
    by_type: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def part(self, resource: Resource) -> Resource:
        """The named elements of a resource and its mandatory ones; whole when only elements of other types were named."""
        kind = resource["resourceType"]
        if not self.common and kind not in self.by_type:
            return resource
        shape = _shape(kind, kind)
        named = self.common | self.by_type.get(kind, frozenset())
        return _marked(_only(resource, shape.mandatory.union(*(shape.keys.get(name, frozenset()) for name in named))))


def elements(text: str, kind: str | None = None) -> Part:
    """Reads the value of `_elements`: names of root elements, `Type.name` for those of one type.

    A name without a type is one of `kind`'s where that is known. Raises Invalid for what is no such element.
    """
    common: set[str] = set()
    by_type: dict[str, frozenset[str]] = {}
    for said in text.split(","):
        type_name, _, name = said.strip().rpartition(".")
        _check(said, type_name or kind, name)
        if type_name:
            by_type[type_name] = by_type.get(type_name, frozenset()) | {name}
        else:
            common.add(name)
    return Elements(frozenset(common), by_type).part


def summary(resource: Resource) -> Resource:
    """`_summary=true`: what the definitions mark as summary, and what is mandatory."""
    return _marked(_summarised(resource, resource["resourceType"], resource["resourceType"]))


def narrative(resource: Resource) -> Resource:
    """`_summary=text`: the narrative and the mandatory elements."""
    kind = resource["resourceType"]
    return _marked(_only(resource, _shape(kind, kind).mandatory | {"text"}))


def data(resource: Resource) -> Resource:
    """`_summary=data`: all but the narrative."""
    return _marked({name: value for name, value in resource.items() if name != "text"})


_SUMMARIES: dict[str, Part] = {"true": summary, "text": narrative, "data": data}


def is_part(resource: Resource) -> bool:
    """Whether a resource is marked as not whole."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return isinstance(tags, list) and any(isinstance(tag, dict) and SUBSETTED.items() <= tag.items() for tag in tags)


def _check(said: str, kind: str | None, name: str) -> None:
    if kind is not None and kind not in definitions.resource_types():
        raise refused(
            "_elements",
            f"{said!r}: FHIR R4 has no resource type {kind!r}; name elements of the root, as `name` or `Patient.name`",
        )
    if not name.isidentifier():
        raise refused("_elements", f"{said!r} is not the name of an element")
    if kind is not None and name not in _shape(kind, kind).keys:
        raise refused("_elements", f"{kind} has no element {name!r}; it has {', '.join(sorted(_shape(kind, kind).keys))}")


def refused(name: str, message: str) -> Invalid:
    """Invalid, about one parameter."""
    return Invalid(f"{name}: {message}", issues=[Issue("invalid", f"{name}: {message}", name)])


def _only(resource: Resource, keys: frozenset[str]) -> Resource:
    return {name: value for name, value in resource.items() if name in _KEPT or name.removeprefix("_") in keys}


def _marked(part: Resource) -> Resource:
    if is_part(part):
        return part
    meta = part.get("meta", {})
    tagged = meta | {"tag": [*meta.get("tag", ()), SUBSETTED]}
    head = {name: part[name] for name in ("resourceType", "id") if name in part}
    return head | {"meta": tagged} | {name: value for name, value in part.items() if name not in ("resourceType", "id", "meta")}


def _summarised(value: dict[str, Any], group: str, kind: str) -> dict[str, Any]:
    """An object with the members that its type has in the summary. Ids and extensions of values stay with what they belong to."""
    shape = _shape(group, kind)
    found = {}
    for key, item in value.items():
        if key in shape.kept or (key[0] == "_" and key[1:] in shape.summary):
            found[key] = item
        elif key in shape.summary:
            found[key] = _value(item, group, shape.summary[key])
    return found


def _value(item: Any, group: str, kind: str) -> Any:
    if type(item) is list:
        return [_value(one, group, kind) for one in item]
    if type(item) is not dict:
        return item
    if "resourceType" in item:
        return _summarised(item, item["resourceType"], item["resourceType"])
    return _summarised(item, group if kind in _shapes(group) else "_datatypes", kind)


def _shape(group: str, kind: str) -> _Shape:
    return _shapes(group)[kind]


@cache
def _shapes(group: str) -> dict[str, _Shape]:
    """The shapes of a resource type and its backbone elements, or of the data types (`_datatypes`)."""
    return {name: _compiled(shape, values=group == "_datatypes") for name, shape in definitions.shapes(group).items()}


def _compiled(shape: dict[str, Any], *, values: bool) -> _Shape:
    """`values`: of a data type, whose extensions stay in a summary."""
    mandatory = set(shape["required"])
    for needed, keys in shape["choices"]:
        mandatory |= set(keys) if needed else set()
    named: dict[str, frozenset[str]] = {}
    for key, member in shape["members"].items():
        for name in {key, member.get("of", key)}:
            named[name] = named.get(name, frozenset()) | {key}
    marked = {key: member["type"] for key, member in shape["members"].items() if "summary" in member or key in mandatory}
    return _Shape(frozenset(mandatory), marked, _KEPT | {"extension"} if values else _KEPT, named)
