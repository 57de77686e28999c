"""Places of a resource: an element, the object that holds it, and how it may be changed without losing what stands beside it.

A primitive value has a sibling (`_birthDate` beside `birthDate`) with its id and extensions; both are changed together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from maillage.errors import Invalid, Unprocessable
from maillage.fhir import definitions

Json = dict[str, Any]
Pair = tuple[Any, Any]
"""A value and its sibling."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value to be put somewhere. `kind` is the suffix of its value[x] (`HumanName`), None for an object made of parts."""

    value: Any
    sibling: Any = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One element: `holder[key]`, or `holder[key][index]`. `kind` is its type: a data type, a primitive or a backbone path."""

    holder: Json
    key: str
    index: int | None
    kind: str
    choice: str | None = None
    """The name without its type where this is a choice[x] (`value` of `valueQuantity`)."""

    @property
    def value(self) -> Any:
        return _at(self.holder.get(self.key), self.index)

    @property
    def type(self) -> str:
        """The type, of a contained resource its own."""
        return str(self.value["resourceType"]) if self.kind == "Resource" else self.kind

    def children(self, name: str) -> Iterator["Place"]:
        """The elements of this name below; Invalid where the type has no such element."""
        inside = self._inside() or {}
        for key, member in self._members(name).items():
            if member.get("many"):
                yield from (Place(inside, key, index, member["type"]) for index in range(len(_pairs(inside, key))))
            elif key in inside or f"_{key}" in inside:
                yield Place(inside, key, None, member["type"], member.get("of"))

    def member_type(self, name: str) -> str:
        """The type of the elements of this name; of a choice[x] the first of its types."""
        return str(next(iter(self._members(name).values()))["type"])

    def put(self, name: str, given: Given) -> None:
        """Sets an element that is not there, or adds one to a list."""
        key, member = self._member(name, given)
        if member.get("many"):
            _relist(self._made(), key, [*_pairs(self._made(), key), (given.value, given.sibling)])
            return
        if next(self.children(name), None) is not None:
            raise Unprocessable(f"{self.type}.{name} is there already: replace it")
        _set(self._made(), key, given)

    def insert(self, name: str, index: int, given: Given) -> None:
        """Puts an element into a list, before the one at `index`."""
        pairs = self._list(name)
        if not 0 <= index <= len(pairs):
            raise Unprocessable(f"{index} is no place in {self.type}.{name}, which has {len(pairs)} elements")
        _relist(self._made(), name, [*pairs[:index], (given.value, given.sibling), *pairs[index:]])

    def move(self, name: str, source: int, destination: int) -> None:
        """Moves an element of a list; `destination` is its place afterwards."""
        pairs = self._list(name)
        for index in (source, destination):
            if not 0 <= index < len(pairs):
                raise Unprocessable(f"{index} is no place in {self.type}.{name}, which has {len(pairs)} elements")
        pairs.insert(destination, pairs.pop(source))
        _relist(self._made(), name, pairs)

    def replace(self, given: Given) -> None:
        """Another value in this place; a choice[x] may change its type."""
        if self.index is not None:
            pairs = _pairs(self.holder, self.key)
            pairs[self.index] = (given.value, given.sibling)
            _relist(self.holder, self.key, pairs)
            return
        self.remove()
        _set(self.holder, f"{self.choice}{given.kind}" if self.choice and given.kind else self.key, given)

    def remove(self) -> None:
        """Takes the element away with its sibling, and a list with its last element."""
        if self.index is None:
            self.holder.pop(self.key, None)
            self.holder.pop(f"_{self.key}", None)
            return
        pairs = _pairs(self.holder, self.key)
        del pairs[self.index]
        _relist(self.holder, self.key, pairs)

    def _list(self, name: str) -> list[Pair]:
        key, member = next(iter(self._members(name).items()))
        if not member.get("many"):
            raise Unprocessable(f"{self.type}.{name} is no list")
        return _pairs(self._inside() or {}, key)

    def _member(self, name: str, given: Given) -> tuple[str, Json]:
        members = self._members(name)
        key = next(iter(members)) if name in members else f"{name}{given.kind or ''}"
        if key not in members:
            raise Invalid(f"{self.type}.{name} may not be of the type {given.kind or 'of an object made of parts'}")
        return key, members[key]

    def _members(self, name: str) -> dict[str, Json]:
        """The JSON keys of an element: one, or one for each type of a choice[x]."""
        known = (shape(self.type) or shape("Element"))["members"]
        found = {key: member for key, member in known.items() if member.get("of", key) == name}
        if not found:
            raise Invalid(f"{self.type} has no element {name!r}")
        return found

    def _inside(self) -> Json | None:
        """The object that holds the elements below: of a primitive its sibling."""
        inside = self.value if shape(self.type) else _at(self.holder.get(f"_{self.key}"), self.index)
        return inside if type(inside) is dict else None

    def _made(self) -> Json:
        """As `_inside`, made where a primitive has no sibling yet."""
        inside = self._inside()
        if inside is not None:
            return inside
        made: Json = {}
        if self.index is None:
            self.holder[f"_{self.key}"] = made
        else:
            pairs = _pairs(self.holder, self.key)
            pairs[self.index] = (pairs[self.index][0], made)
            self.holder[f"_{self.key}"] = [sibling for _, sibling in pairs]
        return made


def without_empty(value: Any, *, aligned: bool = False) -> Any:
    """A resource without the objects that a deletion left empty, and those that are empty without them (R4 ele-1).

    `aligned`: a list whose places mean something, as that of the siblings of primitive values.
    """
    if type(value) is dict:
        parts = {name: without_empty(part, aligned=name[0] == "_") for name, part in value.items()}
        return {name: part for name, part in parts.items() if part is not None} or None
    if type(value) is list:
        items = [without_empty(item) for item in value]
        kept = items if aligned or None in value else [item for item in items if item is not None]
        return kept if any(item is not None for item in kept) else None
    return value


def shape(kind: str) -> Json:
    """The shape of a type (`definitions.shapes`), empty for a primitive."""
    root = kind.partition(".")[0]
    found: Json = _shapes(root if root in definitions.resource_types() else "_datatypes").get(kind, {})
    return found


@lru_cache(maxsize=16)
def _shapes(name: str) -> Json:
    return definitions.shapes(name)


def _at(value: Any, index: int | None) -> Any:
    if index is None:
        return value
    return value[index] if type(value) is list and index < len(value) else None


def _pairs(inside: Json, key: str) -> list[Pair]:
    values, siblings = inside.get(key), inside.get(f"_{key}")
    return [(_at(values, i), _at(siblings, i)) for i in range(max(len(values or ()), len(siblings or ())))]


def _relist(inside: Json, key: str, pairs: list[Pair]) -> None:
    """Writes a list and its siblings; an array without any value is left out, as R4 asks (json.html#null)."""
    for name, items in ((key, [value for value, _ in pairs]), (f"_{key}", [sibling for _, sibling in pairs])):
        if any(item is not None for item in items):
            inside[name] = items
        else:
            inside.pop(name, None)


def _set(inside: Json, key: str, given: Given) -> None:
    for name, value in ((key, given.value), (f"_{key}", given.sibling)):
        if value is not None:
            inside[name] = value
