"""The values of composite parameters: parts joined by `$`, which must stand together in one group (R4 search.html#composite)."""

from dataclasses import replace
from typing import Any

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.amounts import UNIONS, number_key
from maillage.fhir.composites import own_name, pair, referred
from maillage.fhir.definitions import SearchParameter, search_parameters
from maillage.fhir.search import values
from maillage.fhir.search.criteria import Criterion, TokenIs
from maillage.fhir.search.logic import AllOf, AnyByIndex
from maillage.fhir.search.numbers import AmountIs, Wanted, in_digits
from maillage.fhir.search.quantities import quantity
from maillage.fhir.tokens import token

Components = list[dict[str, Any]]


def composite_is(kind: str, parameter: SearchParameter, text: str, *, base: str) -> Criterion:
    """A composite parameter; alternatives between commas. `base` is this server's own address, to be taken off references."""
    names = UNIONS.get(kind, {}).get(parameter.code, (parameter.code,))
    given = values.split(text, ",")
    wanted = [(name, _components(kind, name), value) for name in names for value in given]
    parts = [(name, components, _parts(parameter.code, components, value)) for name, components, value in wanted]
    match parts[0][1][1]["type"]:
        case "quantity" | "number":
            return AmountIs(tuple(_amount(kind, *one) for one in parts))
        case "string" | "date":
            return AnyByIndex(tuple(_text(kind, *one) for one in parts))
    return TokenIs(tuple(_pair(kind, *one, base=base) for one in parts), parameter.code)


def _components(kind: str, name: str) -> Components:
    components: Components = search_parameters(kind)[name].places[0]["components"]
    return components


def _parts(code: str, components: Components, text: str) -> list[str]:
    parts = values.split(text, "$")
    if len(parts) != len(components) or not all(parts):
        raise Invalid(f"{text!r} is not {'$'.join(one['code'] for one in components)}, as {code} asks")
    return parts


def _code(kind: str, components: Components, parts: list[str]) -> int:
    return values.token_number(kind, components[0]["code"], parts[0])


def _amount(kind: str, name: str, components: Components, parts: list[str]) -> Wanted:
    marks = (_code(kind, components, parts),)
    if components[1]["type"] == "quantity":
        return quantity(kind, components[1]["code"], parts[1], marks)
    return Wanted(number_key(kind, name), in_digits(parts[1]), marks, second=in_digits(parts[2]))


def _text(kind: str, name: str, components: Components, parts: list[str]) -> Criterion:
    under = replace(search_parameters(kind)[components[1]["code"]], code=own_name(name, components[1]))
    read = values.READERS[under.type]
    first = TokenIs((_code(kind, components, parts),), components[0]["code"])
    return AllOf((first, read(kind, under, parts[1], None)))


def _pair(kind: str, name: str, components: Components, parts: list[str], *, base: str) -> int:
    code, is_reference = components[1]["code"], components[1]["type"] == "reference"
    second = _reference(kind, code, parts[1], base) if is_reference else values.token_number(kind, code, parts[1])
    return pair(kind, name, _code(kind, components, parts), second)


def _reference(kind: str, code: str, text: str, base: str) -> int:
    value = values.unescape(text)
    value = value.removeprefix(f"{base}/") if base else value
    target, _, id = value.rpartition("/")
    if ids.legal(id) and target in {"", *ids.TYPES}:
        return referred(value)
    if ":" in value:
        return token(kind, code, value)
    raise Invalid(f"{value!r} is not an id, Type/id or an absolute URL")
