"""The values of search parameters: splitting, escapes, and one reader for each type of parameter (R4 search.html)."""

import re
from collections.abc import Callable
from uuid import UUID

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.dates import span
from maillage.fhir.definitions import SearchParameter, resource_types
from maillage.fhir.extraction import BESIDE, of_type
from maillage.fhir.index import main_date
from maillage.fhir.rows import dated_key, exact
from maillage.fhir.search.criteria import (
    Criterion,
    IdIs,
    MainDate,
    OtherDate,
    RefersTo,
    Target,
    TokenIs,
    UpdatedAt,
)
from maillage.fhir.search.dates import PREFIXES, DateTest
from maillage.fhir.search.hierarchies import RefersWithin, part_of
from maillage.fhir.search.lists import InList
from maillage.fhir.search.logic import AllOf, AnyOf
from maillage.fhir.search.texts import StringContains, StringIs, StringStarts, UrlBelow
from maillage.fhir.sounds import PARAMETER as PHONETIC
from maillage.fhir.sounds import sounds
from maillage.fhir.text import fold
from maillage.fhir.tokens import token

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("not", "text", "of-type", "missing"),
    "string": ("exact", "contains", "missing"),
    "date": ("missing",),
    "uri": ("above", "below", "missing"),
    "reference": ("identifier", "above", "below", "missing"),
    **dict.fromkeys(("number", "quantity", "composite", "special"), ("missing",)),
}
"""The modifiers of each type of parameter; `modifiers` says which of them one parameter takes."""

_TERMINOLOGICAL = {"in", "not-in", "above", "below"}
MAX_TEXT = 400
MAX_FORMS = 10_000
"""Ways to write the canonicals that one value asks for: each is looked up."""
_UNESCAPED = {separator: re.compile(rf"(?<!\\)((?:\\\\)*){re.escape(separator)}") for separator in ",|$"}
_ESCAPE = re.compile(r"\\([,|$\\])")
_PREFIXED = re.compile(r"(?:([a-z]{2}))?(\d.*)")


def split(text: str, separator: str) -> list[str]:
    """The parts of a value between unescaped separators, still escaped; an empty one is Invalid for the comma."""
    parts = _UNESCAPED[separator].sub("\\1\0", text).split("\0") if "\\" in text else text.split(separator)
    if separator == "," and "" in parts:
        raise Invalid(f"an empty value in {text!r}" if text else "a value is missing")
    return parts


def unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def alternatives(text: str) -> list[str]:
    """The values between commas."""
    return [unescape(value) for value in split(text, ",")]


def token_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    parts = split(text, ",")
    if modifier == "text":
        return StringStarts(f"{parameter.code}:text", _folded([unescape(part) for part in parts]))
    if modifier == "of-type":
        return TokenIs(tuple(_of_type(kind, parameter, part) for part in parts), f"{parameter.code}:of-type")
    values = tuple(token_number(kind, parameter.code, part) for part in parts)
    return TokenIs(values, parameter.code, negated=modifier == "not", coded=not any(part.endswith("|") for part in parts))


def uri_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    values = alternatives(text)
    if modifier == "below":
        return UrlBelow(parameter.code, tuple(_url(value) for value in values))
    if modifier == "above":
        values = [url for value in values for url in _above(_url(value))]
    return TokenIs(tuple(token(kind, parameter.code, value) for value in values), parameter.code)


def string_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    values = alternatives(text)
    texts = _folded(values)
    if modifier == "exact":
        return StringIs(parameter.code, texts, tuple(exact(kind, parameter.code, value) for value in values))
    return (StringContains if modifier == "contains" else StringStarts)(parameter.code, texts)


def sounds_like(kind: str, parameter: SearchParameter, text: str) -> Criterion:
    """Names in which every word of the value, or of one of the values, is said: in any order."""
    names = [_said(kind, parameter, value) for value in alternatives(text)]
    return names[0] if len(names) == 1 else AnyOf(tuple(names))


def _said(kind: str, parameter: SearchParameter, value: str) -> Criterion:
    if len(value) > MAX_TEXT or not (found := sounds(value)):
        raise Invalid(f"a name of 1 to {MAX_TEXT} characters is expected, with a letter in it")
    said = tuple(TokenIs((token(kind, parameter.code, sound),), parameter.code) for sound in dict.fromkeys(found))
    return said[0] if len(said) == 1 else AllOf(said)


def date_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> Criterion:
    tests = tuple(_date(unescape(value)) for value in split(text, ","))
    if parameter.code == "_lastUpdated":
        return UpdatedAt(tests)
    if parameter.code == main_date(kind):
        return MainDate(tests)
    return OtherDate(dated_key(kind, parameter.code), tests)


def id_is(text: str) -> Criterion:
    return IdIs(tuple(_key(unescape(value)) for value in split(text, ",")))


def on_list(text: str) -> Criterion:
    """`_list`: the id of a List. Lists that only a server knows (`$current-problems` …) are not kept."""
    names = [unescape(value).removeprefix("List/") for value in split(text, ",")]
    if kept := [name for name in names if name.startswith("$")]:
        raise Invalid(f"{kept[0]} is a list by function, and none is kept here: name a List by its id")
    return InList(tuple(_key(name) for name in names))


def refers_to(kind: str, parameter: SearchParameter, text: str, modifier: str | None, *, home: bool, base: str) -> Criterion:
    """`Type/id`, `id`, an absolute URL, or any canonical; with `:Type` an id of that type; with `:identifier` a token."""
    values = alternatives(text)
    if modifier == "identifier":
        return TokenIs(
            tuple(token_number(kind, f"{parameter.code}:identifier", value) for value in split(text, ",")), parameter.code
        )
    if not any(place["type"] == "Reference" for place in parameter.places):
        return _canonical_is(kind, parameter, text, modifier, base)
    values = [value.removeprefix(f"{base}/") if base else value for value in values]
    if modifier in {"above", "below"}:
        return _within(parameter, values, below=modifier == "below")
    targets, tokens = [], []
    for value in values:
        target = _target(parameter, value, modifier)
        if target:
            targets.append(target)
        else:
            tokens.append(token(kind, parameter.code, value))
    return RefersTo(parameter.code, tuple(targets), tuple(tokens), home)


def _canonical_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None, base: str) -> Criterion:
    """Canonicals as they stand: a URI is absolute or relative (R4 datatypes.html#uri), and the official examples have `Library/x`."""
    if modifier in {"above", "below"}:
        return uri_is(kind, parameter, text, modifier)
    forms = dict.fromkeys(form for value in alternatives(text) for form in _written(parameter, value, modifier, base))
    if len(forms) > MAX_FORMS:
        raise Invalid(f"an id may be of {len(_targets(parameter))} types here, and these of too many: say which (Type/id)")
    return RefersTo(parameter.code, (), tuple(token(kind, parameter.code, form) for form in forms), home=False)


def _written(parameter: SearchParameter, value: str, modifier: str | None, base: str) -> list[str]:
    """How a canonical may stand: as it is asked for, or relative to this server; an id with any type that is referred to."""
    relative = value.removeprefix(f"{base}/") if base else value
    if modifier is not None:
        _target(parameter, relative, modifier)
    kinds = (modifier,) if modifier else _targets(parameter)
    typed = [f"{kind}/{relative}" for kind in kinds] if ids.legal(relative) else []
    return [form for form in (value, relative, *typed) if modifier is None or "/" in form]


def _targets(parameter: SearchParameter) -> tuple[str, ...]:
    """The types that a reference may lead to: those that its definition names, or any."""
    return parameter.targets or resource_types()


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


def _of_type(kind: str, parameter: SearchParameter, text: str) -> int:
    match [unescape(part) for part in split(text, "|")]:
        case [system, code, value] if system and code and value:
            return of_type(kind, parameter.code, system, code, value)
    raise Invalid(f"{text!r} is not system|code|value: the type of an identifier, and its value")


def _folded(values: list[str]) -> tuple[str, ...]:
    texts = tuple(fold(value) for value in values)
    if not all(texts) or any(len(value) > MAX_TEXT for value in (*values, *texts)):
        raise Invalid(f"a text of 1 to {MAX_TEXT} characters is expected")
    return texts


def _url(value: str) -> str:
    if "://" not in value or len(value) >= MAX_TEXT:
        raise Invalid(f"{value!r} is not a URL of up to {MAX_TEXT} characters: :above and :below are for those, not for URNs")
    return value.partition("|")[0]


def _above(url: str) -> list[str]:
    """The URL and those that it goes on from, with and without a slash at the end."""
    start = url.index("://") + 3
    ends = [place for place, character in enumerate(url) if character == "/" and place >= start]
    return [url, *(form for end in ends for form in (url[:end], url[: end + 1]))]


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


def _within(parameter: SearchParameter, values: list[str], *, below: bool) -> Criterion:
    targets = [_target(parameter, value, None) for value in values]
    kinds = {target.kind if target else None for target in targets}
    kind = kinds.pop() if len(kinds) == 1 else None
    part = part_of(kind) if kind else None
    if kind is None or part is None:
        raise Invalid(":above and :below take Type/id of one type whose resources are part of each other, as Location/1")
    return RefersWithin(parameter.code, kind, part, tuple(target.key for target in targets if target), below)


def modifiers(parameter: SearchParameter) -> tuple[str, ...]:
    """The modifiers that a parameter takes (a reference also the types it may name)."""
    if parameter.code in {"_id", "_lastUpdated", "_text", "_content"}:
        return ()
    if parameter.code == PHONETIC:
        return ("missing",)
    kinds = {place["type"] for place in parameter.places}
    useless = set()
    if parameter.type == "token" and "Identifier" not in kinds:
        useless.add("of-type")
    if parameter.type == "token" and kinds.isdisjoint(BESIDE):
        useless.add("text")
    if parameter.carried:
        useless |= {"identifier", "above", "below"}
    if parameter.type == "reference" and kinds == {"Reference"} and not any(map(part_of, parameter.targets)):
        useless |= {"above", "below"}
    return tuple(one for one in MODIFIERS[parameter.type] if one not in useless)


def refusal(parameter: SearchParameter, modifier: str) -> str:
    """Why a modifier is not taken."""
    if parameter.type in {"token", "composite"} and modifier in _TERMINOLOGICAL:
        return (
            f"the modifier :{modifier} of {parameter.code} asks for a code system or value set, and no terminology is loaded yet"
        )
    return f"the modifier :{modifier} is not supported; {parameter.code} takes {', '.join(modifiers(parameter)) or 'none'}"


def _key(text: str) -> UUID:
    if not ids.legal(text):
        raise Invalid(f"{text!r} is not an id")
    return ids.key(text)
