"""The values of search parameters: splitting, escapes, and one reader for each type of parameter (R4 search.html)."""

import re
from collections.abc import Callable
from uuid import UUID

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.dates import span
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.index import main_date
from maillage.fhir.rows import dated_key, exact
from maillage.fhir.search.criteria import (
    Criterion,
    IdIs,
    MainDate,
    OtherDate,
    RefersTo,
    StringContains,
    StringIs,
    StringStarts,
    Target,
    TokenIs,
    UpdatedAt,
)
from maillage.fhir.search.dates import PREFIXES, DateTest
from maillage.fhir.text import fold
from maillage.fhir.tokens import token

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("not", "missing"),
    "string": ("exact", "contains", "missing"),
    "date": ("missing",),
    "uri": ("missing",),
    "reference": ("identifier", "missing"),
    **dict.fromkeys(("number", "quantity", "composite", "special"), ("missing",)),
}
"""The modifiers that each type of parameter takes (a reference also a resource type)."""

MAX_TEXT = 400
_UNESCAPED = {separator: re.compile(rf"(?<!\\)((?:\\\\)*){re.escape(separator)}") for separator in ",|$"}
_ESCAPE = re.compile(r"\\([,|$\\])")
_PREFIXED = re.compile(r"(?:([a-z]{2}))?(\d.*)")


def split(text: str, separator: str) -> list[str]:
    """The parts of a value between unescaped separators, still escaped; an empty one is Invalid for the comma."""
    parts = _UNESCAPED[separator].sub("\\1\0", text).split("\0")
    if separator == "," and "" in parts:
        raise Invalid(f"an empty value in {text!r}" if text else "a value is missing")
    return parts


def unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


def token_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    parts = split(text, ",")
    values = tuple(token_number(kind, parameter.code, part) for part in parts)
    return TokenIs(values, parameter.code, negated=modifier == "not", coded=not any(part.endswith("|") for part in parts))


def uri_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    return TokenIs(tuple(token(kind, parameter.code, unescape(value)) for value in split(text, ",")), parameter.code)


def string_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    values = [unescape(value) for value in split(text, ",")]
    texts = tuple(fold(value) for value in values)
    if not all(texts) or any(len(value) > MAX_TEXT for value in (*values, *texts)):
        raise Invalid(f"a text of 1 to {MAX_TEXT} characters is expected")
    if modifier == "exact":
        return StringIs(parameter.code, texts, tuple(exact(kind, parameter.code, value) for value in values))
    return (StringContains if modifier == "contains" else StringStarts)(parameter.code, texts)


def date_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    tests = tuple(_date(unescape(value)) for value in split(text, ","))
    if parameter.code == "_lastUpdated":
        return UpdatedAt(tests)
    if parameter.code == main_date(kind):
        return MainDate(tests)
    return OtherDate(dated_key(kind, parameter.code), tests)


def id_is(text: str) -> Criterion:
    return IdIs(tuple(_key(unescape(value)) for value in split(text, ",")))


def refers_to(kind: str, parameter: SearchParameter, text: str, modifier: str | None, *, home: bool, base: str) -> Criterion:
    """`Type/id`, `id`, an absolute URL or canonical; with `:Type` an id of that type; with `:identifier` a token."""
    values = [unescape(value) for value in split(text, ",")]
    if modifier == "identifier":
        return TokenIs(
            tuple(token_number(kind, f"{parameter.code}:identifier", value) for value in split(text, ",")), parameter.code
        )
    targets, tokens = [], []
    for value in values:
        target = _target(parameter, value.removeprefix(f"{base}/") if base else value, modifier)
        if target:
            targets.append(target)
        else:
            tokens.append(token(kind, parameter.code, value))
    return RefersTo(parameter.code, tuple(targets), tuple(tokens), home)


READERS: dict[str, Callable[[str, SearchParameter, str, str | None], Criterion]] = {
    "token": token_is,
    "uri": uri_is,
    "string": string_is,
    "date": date_is,
}


def token_number(kind: str, code: str, text: str) -> int:
    """The number for `code`, `system|code`, `|code` or `system|` of a token parameter; Invalid for another form."""
    match [unescape(part) for part in split(text, "|")]:
        case [value] if value:
            return token(kind, code, value)
        case [system, value] if system or value:
            return token(kind, code, value, system)
    raise Invalid(f"{text!r} is not code, system|code, |code or system|")


def _date(text: str) -> DateTest:
    found = _PREFIXED.fullmatch(text)
    if found is None or (found[1] or "eq") not in PREFIXES:
        raise Invalid(f"{text!r} is not a date with one of the prefixes {' '.join(PREFIXES)} or none")
    return DateTest(found[1] or "eq", *span(found[2]))


def _target(parameter: SearchParameter, value: str, modifier: str | None) -> Target | None:
    parts = value.split("/")
    if len(parts) == 4 and parts[2] == "_history":
        parts = parts[:2]
    if len(parts) == 1 and ids.legal(value):
        only = parameter.targets[0] if len(parameter.targets) == 1 else None
        return Target(ids.key(value), modifier or only)
    if len(parts) == 2 and parts[0] in ids.TYPES and ids.legal(parts[1]):
        if modifier not in {None, parts[0]}:
            raise Invalid(f"{value!r} is no {modifier}")
        return Target(ids.key(parts[1]), parts[0])
    if modifier is not None or ":" not in value:
        raise Invalid(f"{value!r} is not an id, Type/id or an absolute URL")
    return None


def _key(text: str) -> UUID:
    if not ids.legal(text):
        raise Invalid(f"{text!r} is not an id")
    return ids.key(text)
