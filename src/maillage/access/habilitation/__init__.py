"""The matrix of habilitations: which class of records each profession may read, as it is shipped.

Two tables, which a region reads and edits: `professions.csv` (TRE_G15 codes of each) and `matrix.csv` (a class is types of resources, `*` for all
that stand nowhere else, or types of documents of JDV_J07). The national matrix (arrêté of 26 October 2023, dmp.fr/matrice-habilitation) is not
public data here: the default follows what is known of it (physicians nearly all; midwives, dentists, nurses, pharmacists wide; fitters narrow; social workers few).
What is in force is in the database (`access_matrix`), where it is edited; the migration gives it the default.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from maillage.access.actors import CARE_ROLES, Actor, Role
from maillage.fhir import definitions

UNSORTED = "unsorted"
OTHER = "other"
COORDINATION = "coordination"
DOCTOR = "doctor"
BY_ROW = frozenset({"Binary", "Composition", "DocumentReference"})
"""Types of which each resource is of the class of its own `type`, never of one of their type as a whole. A Binary is open by its document only."""

_CARE = {Role.GP: DOCTOR, Role.HOSPITAL: DOCTOR, Role.NURSE: "nurse", Role.PROFESSIONAL: OTHER}
_WITHOUT_CARE = {Role.COORDINATOR: COORDINATION, Role.SOCIAL_WORKER: "social"}


@dataclass(frozen=True, slots=True)
class RecordClass:
    """A row of the matrix. `types` are those of resources, `documents` codes of documents, `readers` the professions that read by default."""

    code: str
    label: str
    types: frozenset[str]
    documents: frozenset[str]
    readers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Profession:
    """A column of the matrix; `codes` are of TRE_G15-ProfessionSante."""

    code: str
    label: str
    codes: frozenset[str]


@cache
def professions() -> tuple[Profession, ...]:
    """The columns, in their order."""
    return tuple(Profession(row["profession"], row["label"], frozenset(row["codes"].split())) for row in _rows("professions.csv"))


@cache
def classes() -> tuple[RecordClass, ...]:
    """The rows, in their order."""
    rows = list(_rows("matrix.csv"))
    known = definitions.resource_types()
    named = {member for row in rows for member in row["members"].split()}
    return tuple(_class(row, known, frozenset(known) - named - BY_ROW) for row in rows)


def class_of_document(resource: Mapping[str, Any]) -> str:
    """The class of a DocumentReference or Composition by the codes of its type; `unsorted` where none is known."""
    by_code = _documents()
    codings = resource.get("type", {}).get("coding", ())
    return next((by_code[coding["code"]] for coding in codings if coding.get("code") in by_code), UNSORTED)


def profession_of(actor: Actor) -> str | None:
    """The column that binds an actor; None for who reads as no professional does: the person, their carers, machines.

    Who coordinates and does not care reads as coordination, whatever they were trained for.
    """
    if actor.has(*CARE_ROLES):
        by_code = _by_code().get(actor.profession or "")
        return by_code or next(_CARE[role] for role in _CARE if actor.has(role))
    return next((_WITHOUT_CARE[role] for role in _WITHOUT_CARE if actor.has(role)), None)


def default_cells() -> Iterator[tuple[str, str, bool]]:
    """(profession, class, whether it reads), for every cell as shipped."""
    for profession in professions():
        for one in classes():
            yield profession.code, one.code, profession.code in one.readers


def _class(row: dict[str, str], known: Iterable[str], others: frozenset[str]) -> RecordClass:
    members = frozenset(row["members"].split())
    types = others if members == {"*"} else members & frozenset(known)
    readers = frozenset(profession.code for profession in professions() if row[profession.code] == "x")
    return RecordClass(row["class"], row["label"], types, members - types - {"*"}, readers)


@cache
def _documents() -> dict[str, str]:
    return {code: one.code for one in classes() for code in one.documents}


@cache
def _by_code() -> dict[str, str]:
    return {code: profession.code for profession in professions() for code in profession.codes}


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("maillage.access.habilitation").joinpath(name).open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)
