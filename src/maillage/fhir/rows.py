"""From a change to the rows that the store writes for it: the spliced body text and the index columns."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

from maillage.errors import Invalid
from maillage.fhir import amounts, ids, index, json, words
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.compartment import home, patient_of
from maillage.fhir.tokens import hash64, unremembered64

# Longest range of a date that is found by where it begins; longer ones get a key of their own (25 h: a day with a clock change).
SHORT = timedelta(hours=25)
NO_DATE = "-infinity"
_NAMED = {"resourceType", "id", "meta"}


@dataclass(slots=True)
class Rows:
    """What one change writes, ready for JSON: the row of `res` with its words (without its place in the write), its edges, dated keys and amounts."""

    type: str
    id: str
    row: dict[str, Any]
    edges: list[dict[str, Any]]
    dated: list[dict[str, Any]]
    amounts: list[dict[str, Any]]


def rows_of(change: Change) -> Rows:
    """Everything that must be known to write `change`. A resource without type or with an illegal id is Invalid."""
    kind, id = _identity(change)
    row: dict[str, Any] = {
        "verb": change.verb.value,
        "rt": ids.number(kind),
        "id": ids.key_text(id),
        "expected": change.expected,
    }
    if change.verb is Verb.DELETE:
        return Rows(kind, id, row, [], [], [])
    resource = change.resource if change.resource.get("id") == id else {**change.resource, "id": id}
    found = index.index(resource)
    row["head"], row["tail"] = _spliced(resource, kind, id)
    patient = patient_of(found)
    row["patient"] = ids.key_text(patient) if patient else None
    row["tok"] = list(found.tokens)
    row["has"] = _has(found)
    row["str"] = _lexemes(found)
    row["d0"], row["d1"] = found.date or (NO_DATE, None)
    row["narrative"], row["content"] = words.found_by(resource)
    return Rows(kind, id, row, _edges(found, patient), _dated(found), amounts.rows(kind, found.amounts))


def present(kind: str, parameter: str) -> int:
    """The mark that a resource has a value for a parameter (`:missing`)."""
    return _mark(kind, parameter, "")


def exact(kind: str, parameter: str, text: str) -> int:
    """The mark of one string value with its case and accents (`:exact`)."""
    return unremembered64(f"{kind}|{parameter}=|{text}")


@lru_cache(maxsize=4_096)
def _mark(kind: str, parameter: str, what: str) -> int:
    return hash64(f"{kind}|{parameter}|!{what}")


def dated_key(kind: str, parameter: str) -> int:
    """The key in `hot` of a date parameter that is not the main date."""
    return _mark(kind, parameter, "date")


@lru_cache(maxsize=16_384)
def long(key: int) -> int:
    """The key in `hot` for the ranges longer than SHORT that would otherwise be under `key`."""
    return hash64(f"long|{key}")


def label(kind: str, parameter: str) -> str:
    """What the values of a string parameter of a type begin with in `res.str`: what one type says slows no search of another."""
    return f"{ids.number(kind)}.{parameter}="


def lexeme(kind: str, parameter: str, folded: str) -> str:
    """One value of a string parameter of a type as it stands in a tsvector or tsquery literal."""
    if "'" in folded or "\\" in folded:
        folded = folded.replace("\\", "\\\\").replace("'", "''")
    return f"'{label(kind, parameter)}{folded}'"


# Names, towns and displays come again and again.
_exact = lru_cache(maxsize=2_048)(exact)
_lexeme = lru_cache(maxsize=2_048)(lexeme)


def _identity(change: Change) -> tuple[str, str]:
    kind = change.resource.get("resourceType")
    if not isinstance(kind, str):
        raise Invalid.at("resourceType", "a resource needs its resourceType")
    id = change.resource.get("id")
    if id is None and change.verb is Verb.CREATE:
        return kind, str(uuid4())
    return kind, legal_id(kind, id)


def legal_id(kind: str, id: object) -> str:
    """The id, where it can be one; Invalid otherwise."""
    if not ids.legal(id):
        raise Invalid.at(f"{kind}.id", f"{kind}.id must be 1 to 64 of A-Z a-z 0-9 - . and not {id!r}")
    return str(id)


def _spliced(resource: Resource, kind: str, id: str) -> tuple[str, str]:
    """The text before the version number and after the time of the write, which the database puts between."""
    meta = {name: value for name, value in (resource.get("meta") or {}).items() if name not in {"versionId", "lastUpdated"}}
    rest = {name: value for name, value in resource.items() if name not in _NAMED}
    head = f'{{"resourceType":"{kind}","id":"{id}","meta":{{"versionId":"'
    return head, f'"{_members(meta)}}}{_members(rest)}}}'


def _members(value: Resource) -> str:
    return "," + json.dumps(value)[1:-1].decode() if value else ""


def _has(found: index.IndexRows) -> list[int]:
    texts = {_exact(found.type, parameter, text) for parameter, _, text in found.strings}
    return [*_presence(found.type, frozenset(found.present)), *texts]


@lru_cache(maxsize=4_096)
def _presence(kind: str, parameters: frozenset[str]) -> tuple[int, ...]:
    return tuple(present(kind, parameter) for parameter in sorted(parameters))


def _lexemes(found: index.IndexRows) -> str | None:
    folded = {_lexeme(found.type, parameter, text) for parameter, text, _ in found.strings}
    return " ".join(folded | {_lexeme(found.type, parameter, text) for parameter, text in found.texts}) or None


def _edges(found: index.IndexRows, patient: str | None) -> list[dict[str, Any]]:
    codes = home(found.type)
    edges = [
        {"p": ids.edge(found.type, parameter), "dt": ids.number(target), "dst": ids.key_text(id)}
        for parameter, target, id in found.references
        if not (parameter in codes and target == "Patient" and id == patient)
    ]
    edges += [_edge_to(found.type, parameter, url, ids.CITES) for parameter, url in found.canonicals]
    return edges + [_edge_to(found.type, "url", url, ids.IS) for url in found.urls]


def _edge_to(kind: str, parameter: str, url: str, how: int) -> dict[str, Any]:
    return {"p": ids.edge(kind, parameter), "dt": how, "dst": str(ids.canonical(url))}


def _dated(found: index.IndexRows) -> list[dict[str, Any]]:
    """Declared tokens with the main date (or without: they are then found last), and every date that is not the main one."""
    main = index.main_date(found.type)
    pairs = [_pair(k, *(found.date or (None, None))) for k in found.hot]
    others = dict.fromkeys(one for one in found.dates if one[0] != main)
    return pairs + [_pair(dated_key(found.type, parameter), start, end) for parameter, start, end in others]


def _pair(k: int, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    if start is None or end is None:
        return {"k": k, "d0": NO_DATE, "d1": None}
    return {"k": k if end - start <= SHORT else long(k), "d0": start, "d1": end}
