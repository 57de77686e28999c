"""What an expression finds on its way: a value with its type, found by the R4 definitions where the type is known."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from maillage.fhir import definitions
from maillage.fhir.fhirpath.values import Measure, Temporal, TimeOfDay, measure_of, read_time

QUANTITIES = frozenset({"Quantity", "SimpleQuantity", "MoneyQuantity", "Age", "Count", "Distance", "Duration"})
DATES = frozenset({"date", "dateTime", "instant"})
NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})
STRINGS = frozenset({"string", "uri", "code", "id", "markdown", "oid", "uuid", "url", "canonical", "base64Binary", "xhtml"})
PRIMITIVES = DATES | NUMBERS | STRINGS | {"boolean", "time"}
_PARENTS = {
    "url": "uri", "canonical": "uri", "uuid": "uri", "oid": "uri", "code": "string", "id": "string", "markdown": "string", "positiveInt": "integer", "unsignedInt": "integer",
    "Age": "Quantity", "Count": "Quantity", "Distance": "Quantity", "Duration": "Quantity", "SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity",
}  # fmt: skip
_NOT_DOMAIN = frozenset({"Bundle", "Binary", "Parameters"})
_SYSTEM = {bool: "Boolean", int: "Integer", Decimal: "Decimal", str: "String", TimeOfDay: "Time", Measure: "Quantity"}
_FIRST_UPPER = {name[0].upper() + name[1:]: name for name in PRIMITIVES}


class Item:
    """One value: as JSON has it, or as `values.py` does. `kind` is its FHIR type or backbone path, "" for what no definition names (a literal, what was computed, a value
    of a variable); `extra` the object beside a primitive (`_birthDate`)."""

    __slots__ = ("extra", "kind", "value")

    def __init__(self, value: Any, kind: str = "", extra: Any = None) -> None:
        self.value, self.kind, self.extra = value, kind, extra


Items = list[Item]


def items_of(value: Any, kind: str = "") -> Items:
    """A value of JSON, a list of them, or what was found before, as items."""
    if isinstance(value, Item):
        return [value]
    if isinstance(value, list | tuple):
        return [item for one in value for item in items_of(one, kind)]
    return [] if value is None else [_item(value, kind)]


def _item(value: Any, kind: str, extra: Any = None) -> Item:
    if type(value) is dict and "resourceType" in value:
        kind = value["resourceType"]
    elif isinstance(value, float):
        value = Decimal(str(value))
    return Item(value, kind, extra)


def children(item: Item, name: str) -> Items:
    """The elements of this name; of a choice, whichever is there."""
    value = item.value
    if type(value) is not dict:
        value = item.extra
        if type(value) is not dict or name not in ("extension", "id"):
            return []
        return items_of(value.get(name), "Extension" if name == "extension" else "string")
    found: Items = []
    for key, kind in _steps(item.kind, name) or _guessed(value, name):
        held, beside = value.get(key), value.get(f"_{key}")
        if held is None and beside is None:
            continue
        if isinstance(held, list) or isinstance(beside, list):
            found += _many(held or [], beside or [], kind)
        else:
            found.append(_item(held, kind, beside))
    return found


def _many(held: Sequence[Any], beside: Sequence[Any], kind: str) -> Iterator[Item]:
    for at in range(max(len(held), len(beside))):
        one, extra = held[at] if at < len(held) else None, beside[at] if at < len(beside) else None
        if one is not None or extra is not None:
            yield _item(one, kind, extra)


@lru_cache(maxsize=8_192)
def _steps(kind: str, name: str) -> tuple[tuple[str, str], ...]:
    """The keys that an element may have in JSON, each with its type; nothing where the definitions do not know the type."""
    members = members_of(kind)
    if members is None:
        return ()
    if name in members and "of" not in members[name]:
        return ((name, members[name]["type"]),)
    choice = tuple((key, member["type"]) for key, member in members.items() if member.get("of") == name)
    return choice or ((name, ""),)  # resourceType, or what no definition names: it is not there in a valid resource


def members_of(kind: str) -> dict[str, Any] | None:
    """The elements of a type, by their key in JSON; None for a primitive or a type that is not known."""
    if not kind or kind in PRIMITIVES:
        return None
    root = kind.partition(".")[0]
    shapes = definitions.shapes(root if root in definitions.resource_types() else "_datatypes")
    members: dict[str, Any] | None = shapes.get(kind, {}).get("members")
    return members


def _guessed(value: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Of an element whose type is not known: its key, or those of a choice by how they begin."""
    if name in value or f"_{name}" in value:
        yield name, "Extension" if name == "extension" else ""
        return
    for key in value:
        rest = key.removeprefix(name)
        if rest != key and rest[:1].isupper():
            yield key, _FIRST_UPPER.get(rest, rest)


def all_children(item: Item) -> Items:
    """Every element of it."""
    if type(item.value) is not dict:
        return children(item, "id") + children(item, "extension")
    names = dict.fromkeys(_name_of(item.kind, key.removeprefix("_")) for key in item.value if key != "resourceType")
    return [one for name in names for one in children(item, name)]


def _name_of(kind: str, key: str) -> str:
    members = members_of(kind) or {}
    return str(members.get(key, {}).get("of", key))


def typed(item: Item) -> Any:
    """The value as FHIRPath reckons with it: a date of its text, a measure of a Quantity; None for a primitive without value."""
    value, kind = item.value, item.kind
    if type(value) is str:
        if kind in DATES:
            return Temporal.read(value)
        if kind == "time":
            return read_time(value)
    elif type(value) is dict and (
        kind in QUANTITIES or (not kind and "value" in value and ("code" in value or "unit" in value or len(value) == 1))
    ):
        return measure_of(value)
    return value


def plain(item: Item) -> Any:
    """The value as JSON has it: what was computed as its FHIR text, a measure as a Quantity."""
    value = item.value
    if isinstance(value, Measure):
        code = (
            {
                "year": "a",
                "month": "mo",
                "week": "wk",
                "day": "d",
                "hour": "h",
                "minute": "min",
                "second": "s",
                "millisecond": "ms",
            }.get(value.unit, value.unit)
            if value.calendar
            else value.unit
        )
        return {"value": value.value, "unit": value.unit, "system": "http://unitsofmeasure.org", "code": code}
    return str(value) if isinstance(value, Temporal | TimeOfDay) else value


def type_of(item: Item) -> tuple[str, str]:
    """The namespace and the name of its type."""
    if item.kind:
        return "FHIR", item.kind
    if isinstance(item.value, Temporal):
        return "System", "Date" if item.value.is_date else "DateTime"
    return ("System", _SYSTEM[type(item.value)]) if type(item.value) in _SYSTEM else ("FHIR", "Element")


def is_a(item: Item, name: str) -> bool:
    """Whether it is of this type, or of one that is made from it (`System.String`, `FHIR.Quantity`, `Patient`)."""
    space, _, wanted = name.rpartition(".")
    mine, kind = type_of(item)
    if space and space not in ("FHIR", "System"):
        wanted, space = name, ""
    if mine == "System":
        return wanted == kind and space != "FHIR"
    return space != "System" and wanted in ancestors(kind)


@lru_cache(maxsize=2_048)
def ancestors(kind: str) -> frozenset[str]:
    """A type and all that it is made from."""
    found = {kind}
    if kind in definitions.resource_types():
        return frozenset(found | {"Resource"} | (set() if kind in _NOT_DOMAIN else {"DomainResource"}))
    while kind in _PARENTS:
        kind = _PARENTS[kind]
        found.add(kind)
    return frozenset(found | {"Element"} | ({"BackboneElement"} if "." in kind else set()))
