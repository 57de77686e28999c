"""The values of search parameters: splitting, escapes, and one reader for each type of parameter (R4 search.html)."""

import re
from collections.abc import Callable, Sequence
from uuid import UUID

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.dates import span
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.extraction import BESIDE, of_type
from maillage.fhir.index import main_date
from maillage.fhir.rows import dated_key, exact
from maillage.fhir.search.criteria import (
    Criterion,
    IdIs,
    MainDate,
    OtherDate,
    TokenIs,
    UpdatedAt,
)
from maillage.fhir.search.dates import PREFIXES, DateTest
from maillage.fhir.search.hierarchies import part_of
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


def whole(text: str) -> int:
    """A number of up to nine digits."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(f"{text!r} is not a whole number")
    return int(text)


def one_of(text: str, known: tuple[str, ...]) -> str:
    """The text, where it is one of those known."""
    if text not in known:
        raise Invalid(f"{text!r} is not one of {named(known)}")
    return text


def named(names: Sequence[str]) -> str:
    """Names as a refusal says them."""
    return ", ".join(names) or "none"


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
    url = value.partition("|")[0]
    if "://" not in url or len(value) >= MAX_TEXT:
        raise Invalid(f"{value!r} is not a URL of up to {MAX_TEXT} characters: :above and :below are for those, not for URNs")
    return url


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
