"""What a resource is found by: the rows that the store writes beside it, taken from the SearchParameter definitions."""

from functools import cache
from typing import Any
from uuid import UUID

from maillage.fhir import carried, composites, definitions, ids, places
from maillage.fhir.amounts import UNIONS
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.extraction import IndexRows, Node, visit
from maillage.fhir.json import Resource
from maillage.fhir.tokens import hash64, token

__all__ = ["HOT", "QUEUES", "IndexRows", "index", "main_date", "queue"]


HOT: dict[str, tuple[str, ...]] = {
    "Condition": ("code",),
    "DiagnosticReport": ("code",),
    "DocumentReference": ("type",),
    "Observation": ("code",),
    "Procedure": ("code",),
}
"""Token parameters that are searched population-wide in a window of the main date (STORE.md, design D)."""

QUEUES: dict[str, tuple[str, str]] = {"Communication": ("recipient", "status"), "Task": ("owner", "status")}
"""A reference and a plain code that are searched together: someone's inbox, someone's work.
What was dealt with never slows what waits. These types are not in `HOT`."""

_DATES = """
    birthdate authored authored-on authoredon date period sent created recorded recorded-date onset-date start started start-date
    effective-time effective datewritten whenprepared when collected issued"""
_MAIN_DATES = tuple(_DATES.split())
"""The first of these that a type supports is its main date."""

_IN_COLUMNS = {"_id", "_lastUpdated"}
"""Parameters that the primary key and the version columns answer."""


def index(resource: Resource) -> IndexRows:
    """The rows of a valid resource that has its id. About 20-40 µs an Observation."""
    kind = resource["resourceType"]
    rows = IndexRows(kind, resource["id"])
    visit(_tree(kind), resource, rows)
    rows.present |= {code for code, members in UNIONS.get(kind, {}).items() if not rows.present.isdisjoint(members)}
    if kind == "Patient" and not ("deceasedBoolean" in resource or "deceasedDateTime" in resource):
        rows.tokens.add(token(kind, "deceased", "false"))  # the one parameter whose expression has a value where there is none
    if _has_url(kind):
        rows.urls = _urls(resource)
    main = main_date(kind)
    spans = [found for found in rows.dates if found[0] == main]
    if spans:
        rows.date = (min(found[1] for found in spans), max(found[2] for found in spans))
    if kind in QUEUES:
        rows.hot = _queues(kind, rows)
    rows.patient = _patient(kind, rows)
    return rows


@cache
def _has_url(kind: str) -> bool:
    """Whether resources of this type are named by canonicals."""
    url = definitions.search_parameters(kind).get("url")
    return url is not None and url.type == "uri"


def _urls(resource: Resource) -> tuple[str, ...]:
    url, version = resource.get("url"), resource.get("version")
    if not url:
        return ()
    return (url, f"{url}|{version}") if version else (url,)


@cache
def _tree(kind: str) -> Node:
    """Every place of every supported parameter of the type, joined where their paths begin alike."""
    hot = QUEUES[kind][1:] if kind in QUEUES else HOT.get(kind, ())
    tree = Node()
    for parameter in definitions.search_parameters(kind).values():
        if parameter.code not in _IN_COLUMNS and parameter.code not in UNIONS.get(kind, {}):
            for place in parameter.places:
                _grow(tree, kind, parameter, place, hot=parameter.code in hot)
    return tree


def _grow(tree: Node, kind: str, parameter: SearchParameter, place: dict[str, Any], *, hot: bool) -> None:
    if parameter.type == "composite":
        tree.collect.append(composites.collector(kind, parameter.code, place))
    elif parameter.type == "special":
        tree.at(place["steps"]).collect.append(places.collector(parameter.code))
    elif parameter.carried:
        tree.at(place["steps"]).collect.append(carried.collector(kind, parameter))
    else:
        tree.grow(kind, parameter, place, hot=hot)


def queue(kind: str, target: str, key: UUID, code: int) -> int:
    """The key in `hot` of a pair that `QUEUES` declares: type and stored key of the resource referred to, and a token of the code."""
    return hash64(f"{kind}|{target}/{key}|{code}")


def _queues(kind: str, rows: IndexRows) -> set[int]:
    waiting = [(target, ids.key(id)) for parameter, target, id in rows.references if parameter == QUEUES[kind][0]]
    return {queue(kind, target, key, code) for target, key in waiting for code in rows.hot}


@cache
def main_date(kind: str) -> str | None:
    """The date parameter that fills `IndexRows.date` for this type, if it has one."""
    known = definitions.search_parameters(kind)
    return next((code for code in _MAIN_DATES if code in known and known[code].type == "date" and known[code].supported), None)


def _patient(kind: str, rows: IndexRows) -> str | None:
    """The one patient named by the first compartment parameter that names any."""
    if kind == "Patient":
        return rows.id
    for parameter in definitions.compartment().get(kind, ()):
        found = {target for code, to, target in rows.references if code == parameter and to == "Patient"}
        if found:
            return found.pop() if len(found) == 1 else None
    return None
