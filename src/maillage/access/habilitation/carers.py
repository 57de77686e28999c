"""What a carer may see of the record of whom they help: four scopes, as data (`carers.csv`).

`types` of a scope are those of resources that it opens (`*` is all, `-X` less one), `documents` the classes of documents (`*` is all). A RelatedPerson says
its scope in an extension; without one it is a contact, and opens nothing.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from maillage.access.habilitation import classes
from maillage.fhir import definitions

CARER_SCOPE = "urn:maillage:carer-scope"
"""URL of the extension of a RelatedPerson that says what they may see."""
REPRESENTATIVE = "representative"
EVERY = "*"


@dataclass(frozen=True, slots=True)
class CarerScope:
    """A scope: its name, what it means in plain words, the types of resources and the classes of documents that it keeps from the carer."""

    code: str
    label: str
    words: str
    kept_types: frozenset[str]
    kept_classes: frozenset[str]

    @property
    def grantee(self) -> str:
        """The name under which carers of this scope stand in `access_member`."""
        return f"carer/{self.code}"


@cache
def carer_scopes() -> Mapping[str, CarerScope]:
    """By code, the narrowest first."""
    with files("maillage.access.habilitation").joinpath("carers.csv").open(encoding="utf-8") as lines:
        return {one.code: one for one in map(_scope, csv.DictReader(lines))}


def scope_of(related: Mapping[str, Any]) -> CarerScope | None:
    """What a RelatedPerson is let see; None for a contact, or where it names a scope that is none."""
    codes = (one.get("valueCode") for one in related.get("extension", []) if one.get("url") == CARER_SCOPE)
    return next((carer_scopes()[code] for code in codes if code in carer_scopes()), None)


def reads_the_trail(related: Mapping[str, Any]) -> bool:
    """Whether a carer sees who looked at the record: it tells of all of it."""
    scope = scope_of(related)
    return scope is not None and not scope.kept_classes


def _scope(row: Mapping[str, str]) -> CarerScope:
    known = frozenset(definitions.resource_types())
    named, sorts = set(row["types"].split()), frozenset(one.code for one in classes())
    opened = (known if EVERY in named else frozenset(named)) - {one[1:] for one in named if one.startswith("-")}
    documents = frozenset(row["documents"].split())
    documented = frozenset({"Binary", "Composition", "DocumentReference"}) if documents else frozenset()
    return CarerScope(
        row["scope"],
        row["label"],
        row["words"],
        known - opened - documented,
        frozenset() if EVERY in documents else sorts - documents,
    )


def carer_rows() -> Iterator[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """(scope, its grantee, types that are kept, audiences that are kept), as the table `access_carer` has them when it is shipped."""
    for one in carer_scopes().values():
        yield one.code, one.grantee, tuple(sorted(one.kept_types)), tuple(f"class:{sort}" for sort in sorted(one.kept_classes))
