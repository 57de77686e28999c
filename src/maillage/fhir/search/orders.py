"""The order of matches: the keys of `_sort`, their SQL, and what comes after a row.

Where a parameter has several values the first in the wanted order counts: the lowest ascending, the highest descending. A row without a
value comes first ascending, last descending. Texts are compared as they are searched: folded.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from maillage.errors import Invalid
from maillage.fhir.definitions import SearchParameter, search_parameters
from maillage.fhir.index import main_date
from maillage.fhir.rows import dated_key, label, long
from maillage.fhir.search.compose import Composer
from maillage.fhir.search.query import After, SortKey
from maillage.fhir.sounds import PARAMETER as PHONETIC

BY_ID = (SortKey("id", False),)
NEWEST = (SortKey("date", True), SortKey("id", True))
OLDEST = (SortKey("date", False), SortKey("id", False))
WRITTEN = (SortKey("updated", False), SortKey("id", False))
LAST_WRITTEN = (SortKey("updated", True), SortKey("id", True))
BY_PATIENT = (SortKey("patient", False), SortKey("date", False), SortKey("id", False))
BY_AMOUNT = (SortKey("amount", False), SortKey("id", False))

_COLUMNS = {"date": "d0", "updated": "updated", "id": "id", "amount": "amount", "patient": "patient"}
_TYPES = {
    "date": "timestamptz",
    "updated": "timestamptz",
    "id": "uuid",
    "amount": "numeric",
    "patient": "uuid",
    "text": "text",
    "dated": "timestamptz",
    "code": "text",
    "number": "numeric",
}
_CODES = dict.fromkeys(("code", "boolean", "string", "id", "uri", "canonical"), "") | {
    "Coding": ".code", "CodeableConcept": ".coding.code", "Identifier": ".value", "ContactPoint": ".value",
}  # fmt: skip
"""Below a value of these data types, what a token is sorted by."""
_NUMBERS = dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt"), "")


def sort_key(kinds: Sequence[str], text: str) -> SortKey:
    """One key of `_sort`; several types have only `_lastUpdated` and `_id` in common. What cannot be sorted by is Invalid, with what can."""
    code, descending = text.removeprefix("-"), text.startswith("-")
    known = {"_lastUpdated": "updated", "_id": "id"} | (dict(_sortable(kinds[0])) if len(kinds) == 1 else {})
    if code not in known:
        what = kinds[0] if len(kinds) == 1 else "a search of several types"
        raise Invalid(f"{what} is sorted by {', '.join(sorted(known))}, not by {code}")
    if known[code] in _COLUMNS:
        return SortKey(known[code], descending)
    return SortKey(known[code], descending, kinds[0], code)


def order_by(keys: tuple[SortKey, ...], alias: str) -> str:
    """The keys of ORDER BY."""
    return ", ".join(expression(key, alias) + (" desc" if key.descending else "") for key in keys)


def as_text(keys: tuple[SortKey, ...], alias: str) -> str:
    """The keys as the columns `k0`, `k1`… of a result: what a cursor keeps."""
    return ", ".join(f"({expression(key, alias)})::text as k{i}" for i, key in enumerate(keys))


def nothing(keys: tuple[SortKey, ...]) -> str:
    """The columns of `as_text` for what is no match."""
    return ", ".join(f"null as k{i}" for i in range(len(keys)))


def beyond(keys: tuple[SortKey, ...], alias: str, after: After, composer: Composer) -> str:
    """What comes after a row in the order: one comparison of rows where all keys run the same way, else spelled out."""
    equal = "=" if after.at else ""
    places = [
        (expression(key, alias), composer.bind(value, _TYPES[key.column])) for key, value in zip(keys, after.keys, strict=True)
    ]
    if len({key.descending for key in keys}) == 1:
        columns, values = zip(*places, strict=True)
        return f"({', '.join(columns)}) {'<' if keys[0].descending else '>'}{equal} ({', '.join(values)})"
    steps, same = [], ""
    for key, (column, value) in zip(keys, places, strict=True):
        steps.append(f"({same}{column} {'<' if key.descending else '>'} {value})")
        same += f"{column} = {value} and "
    return f"({' or '.join(steps)})"


def expression(key: SortKey, alias: str) -> str:
    """The value of one key for a row."""
    if key.column in _COLUMNS:
        return f"{alias}.{_COLUMNS[key.column]}"
    first = "max" if key.descending else "min"
    match key.column:
        case "text":
            values = f"unnest(tsvector_to_array({alias}.str)) v where starts_with(v, '{label(key.kind, key.parameter)}')"
            return f'coalesce((select {first}(v collate "C") from {values}), \'\') collate "C"'
        case "dated":
            dated = dated_key(key.kind, key.parameter)
            values = f"hot h where h.id = {alias}.id and h.k in ({dated}, {long(dated)})"
            return f"coalesce((select {first}(h.d0) from {values}), '-infinity')"
    values = f"jsonb_path_query({alias}.body::jsonb, '{_path(key)}') v"
    if key.column == "number":
        return f"coalesce((select {first}((v #>> '{{}}')::numeric) from {values}), '-infinity'::numeric)"
    return f"coalesce((select {first}(v #>> '{{}}' collate \"C\") from {values}), '') collate \"C\""


@lru_cache(maxsize=256)
def _sortable(kind: str) -> Mapping[str, str]:
    """How each parameter of a type that has one exact order is sorted."""
    forms = {code: form for code, parameter in search_parameters(kind).items() if (form := _form(parameter))}
    main = main_date(kind)
    return forms | ({main: "date"} if main else {})


def _form(parameter: SearchParameter) -> str | None:
    if not parameter.supported or parameter.code.startswith("_") or parameter.code == PHONETIC:
        return None
    match parameter.type:
        case "string":
            return "text"
        case "date":
            return "dated"
        case "token" if _exact(parameter.places, _CODES):
            return "code"
        case "number" if _exact(parameter.places, _NUMBERS):
            return "number"
    return None


def _exact(places: tuple[dict[str, Any], ...], below: dict[str, str]) -> bool:
    """Whether the values stand in one place, unfiltered, as a data type that has an order."""
    return len(places) == 1 and places[0]["type"] in below and all(isinstance(step, str) for step in places[0]["steps"])


def _path(key: SortKey) -> str:
    place = search_parameters(key.kind)[key.parameter].places[0]
    return ".".join(["$", *(f'"{step}"' for step in place["steps"])]) + (_CODES | _NUMBERS)[place["type"]]
