"""Takes the values of search parameters out of a resource: one walk over it, guided by a tree of the paths that are searched."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from maillage.fhir.amounts import READERS, Amount
from maillage.fhir.dates import EARLIEST, LATEST, Span, span
from maillage.fhir.definitions import SearchParameter, resource_types
from maillage.fhir.sounds import PARAMETER as PHONETIC
from maillage.fhir.sounds import sounds
from maillage.fhir.text import fold
from maillage.fhir.tokens import hash64, token, unremembered64

MAX_STRING = 400
"""Characters of a text that are searched: PostgreSQL's lexemes end at 2,046 bytes."""


@dataclass(slots=True)
class IndexRows:
    """The index rows of one resource.

    Times are aware, in UTC, and ranges half-open: [from, to). An open side is `dates.EARLIEST` or `dates.LATEST`.
    """

    type: str
    id: str
    tokens: set[int] = field(default_factory=set)
    """Numbers made by `tokens.token`, of token and uri parameters (and of references that are not edges)."""
    strings: set[tuple[str, str, str]] = field(default_factory=set)
    """(parameter, text folded by `text.fold`, text as it is), one for each value of a string parameter; cut to `MAX_STRING`."""
    texts: set[tuple[str, str]] = field(default_factory=set)
    """(`parameter:text`, what stands beside a code or identifier, folded) and (`parameter:below`, a URL without version), cut likewise."""
    dates: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    """(parameter, from, to), one for each value of a date parameter, the main one included."""
    references: set[tuple[str, str, str]] = field(default_factory=set)
    """(parameter, target type, target id): edges to resources of this store, the compartment patient included."""
    canonicals: set[tuple[str, str]] = field(default_factory=set)
    """(parameter, canonical as it stands, without its fragment): what a reference parameter names by its URL."""
    urls: tuple[str, ...] = ()
    """The canonicals by which the resource itself is named: its URL, and with its version."""
    amounts: dict[Amount, set[int]] = field(default_factory=dict)
    """The values of number and quantity parameters, and the tokens of the codes that composite parameters pair them with."""
    date: Span | None = None
    """The main date of the resource (`main_date(type)`): from the earliest to the latest of its values."""
    hot: set[int] = field(default_factory=set)
    """To be found together with the main date: the any-system and exact tokens of the parameters in `HOT[type]`, or the keys of `QUEUES[type]`."""
    present: set[str] = field(default_factory=set)
    """The parameters of any type that have a value, for `:missing`."""
    patient: str | None = None
    """Id of the Patient whose compartment holds the resource (a Patient: its own id); None when none or several."""


Collect = Callable[[Any, IndexRows], None]
Coded = tuple[str | None, str | None]
"""(system, code), either absent; a system "" cannot be."""


class Node:
    """What to do with the values at one path, and below it."""

    __slots__ = ("children", "collect", "filtered")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.filtered: dict[tuple[str, str], Node] = {}
        self.collect: list[Collect] = []

    def grow(self, kind: str, parameter: SearchParameter, place: dict[str, Any], *, hot: bool) -> None:
        """Add one place of a parameter below this root."""
        collector = _sounds if parameter.code == PHONETIC else COLLECTORS[parameter.type]
        self.at(place["steps"]).collect.append(collector(kind, parameter.code, place, hot))

    def at(self, steps: list[Any]) -> "Node":
        """The node at the end of a path that begins here."""
        node = self
        for step in steps:
            node = node.children.setdefault(step, Node()) if type(step) is str else node.filtered.setdefault(tuple(step), Node())
        return node


def visit(node: Node, value: Any, rows: IndexRows) -> None:
    """Collect from `value`, a JSON value at the path of `node`, and from all below."""
    if type(value) is list:
        for item in value:
            if item is not None:  # its place is kept for what `_name` says of it
                visit(node, item, rows)
        return
    for collect in node.collect:
        collect(value, rows)
    if type(value) is dict:
        children = node.children
        if children:
            for key, below in value.items():
                child = children.get(key)
                if child is not None:
                    visit(child, below, rows)
        for (key, expected), filtered in node.filtered.items():
            if value.get(key) == expected:
                visit(filtered, value, rows)


def _tokens(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    numbers = _numbers(f"{kind}|{code}|", repeated=place["type"] not in _UNIQUE)
    coded = _implied(place["system"]) if "system" in place else _CODED[place["type"]]
    beside, typed, label = BESIDE.get(place["type"]), place["type"] == "Identifier", f"{code}:text"

    def collect(value: Any, rows: IndexRows) -> None:
        pairs = coded(value)
        if pairs:
            rows.present.add(code)
        for system, text in pairs:
            found = numbers(system, text)
            rows.tokens.update(found)
            if hot and text is not None:
                rows.hot.update(found[:2])
        if beside is not None:
            for text in beside(value):
                if text:
                    rows.texts.add((label, fold(text)[:MAX_STRING]))
        if typed and "type" in value:
            rows.tokens.update(of_type(kind, code, *one) for one in _typed(value))

    return collect


_UNIQUE = frozenset({"Identifier", "ContactPoint", "id", "uri", "canonical"})
"""Data types whose values seldom come again: remembering their numbers would only push out those of codes."""


def _numbers(prefix: str, *, repeated: bool) -> Callable[[str | None, str | None], tuple[int, ...]]:
    """What makes the numbers of a (system, code): of the code under any system and under its own, then of any code of that system."""

    def numbers(system: str | None, text: str | None) -> tuple[int, ...]:
        found = () if text is None else (unremembered64(prefix + text), unremembered64(f"{prefix}{system or ''}|{text}"))
        return found if system is None else (*found, hash64(f"{prefix}{system}|"))

    return lru_cache(maxsize=1_024)(numbers) if repeated else numbers


def of_type(kind: str, code: str, system: str, kind_of: str, value: str) -> int:
    """The number for an identifier of a type (`system|code` of its type, then its value)."""
    return hash64(f"{kind}|{code}:of-type|{system}|{kind_of}|{value}")


def _typed(identifier: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for system, code in _codings(identifier["type"]):
        if system and code and identifier.get("value"):
            yield system, code, identifier["value"]


def _concept_texts(value: dict[str, Any]) -> Iterator[str | None]:
    yield value.get("text")
    for coding in value.get("coding", ()):
        yield coding.get("display")


BESIDE: dict[str, Callable[[Any], Iterable[str | None]]] = {
    "CodeableConcept": _concept_texts,
    "Coding": lambda value: (value.get("display"),),
    "Identifier": lambda value: (value.get("type", {}).get("text"),),
}
"""The texts that `:text` searches (R4 search.html#modifiers)."""


def _implied(system: str) -> Callable[[Any], tuple[Coded, ...]]:
    return lambda value: ((system, value),)


def _codings(value: dict[str, Any]) -> list[Coded]:
    return [(coding.get("system"), coding.get("code")) for coding in value.get("coding", ())]


_CODED: dict[str, Callable[[Any], Any]] = {
    "Coding": lambda value: ((value.get("system"), value.get("code")),),
    "CodeableConcept": _codings,
    "Identifier": lambda value: ((value.get("system"), value.get("value")),),
    "ContactPoint": lambda value: ((value.get("system"), value.get("value")),),
    "boolean": lambda value: ((None, "true" if value else "false"),),
    "truth": lambda value: ((None, "true" if value else "false"),),
} | dict.fromkeys(("code", "string", "id", "uri", "canonical"), lambda value: ((None, value),))
"""How each data type answers as (system, code) pairs (R4 search.html#token)."""


def _uris(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    prefix = f"{kind}|{code}|"

    def collect(value: Any, rows: IndexRows) -> None:
        rows.present.add(code)
        rows.tokens.update(hash64(prefix + form) for form in _forms(value))
        if "://" in value:
            rows.texts.add((f"{code}:below", value.partition("|")[0][:MAX_STRING]))

    return collect


def _canonicals(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    uris, known = _uris(kind, code, place, hot), frozenset(resource_types())

    def collect(value: Any, rows: IndexRows) -> None:
        uris(value, rows)
        url, _, _ = value.partition("#")
        parts = url.split("/")
        if len(parts) == 2 and parts[0] in known:  # a URI may be relative to this server
            rows.references.add((code, parts[0], parts[1]))
        elif url:
            rows.canonicals.add((code, url))

    return collect


def _forms(url: str) -> set[str]:
    """A canonical is found with its version and without."""
    return {url, url.partition("|")[0]}


def _strings(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    texts = _TEXTS.get(place["type"], _only)

    def collect(value: Any, rows: IndexRows) -> None:
        for text in texts(value):
            rows.strings.add((code, fold(text)[:MAX_STRING], text[:MAX_STRING]))
            rows.present.add(code)

    return collect


def _sounds(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    texts = _TEXTS.get(place["type"], _only)

    def collect(value: Any, rows: IndexRows) -> None:
        for text in texts(value):
            rows.tokens.update(token(kind, code, sound) for sound in sounds(text))
            rows.present.add(code)

    return collect


def _only(value: str) -> Iterator[str]:
    yield value


def _parts(*names: str) -> Callable[[dict[str, Any]], Iterator[str]]:
    def parts(value: dict[str, Any]) -> Iterator[str]:
        for name in names:
            part = value.get(name)
            if type(part) is list:
                yield from (text for text in part if text is not None)
            elif part is not None:
                yield part

    return parts


_TEXTS: dict[str, Callable[[Any], Iterator[str]]] = {
    "HumanName": _parts("family", "given", "text", "prefix", "suffix"),
    "Address": _parts("line", "city", "postalCode", "district", "state", "country", "text"),
    "Annotation": _parts("text"),
}
"""The parts of a data type that a string parameter searches, each on its own (R4 search.html#string)."""


def _dates(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    spans = _SPANS.get(place["type"], span)

    def collect(value: Any, rows: IndexRows) -> None:
        found = spans(value)
        if found is not None:
            rows.present.add(code)
            rows.dates.append((code, *found))

    return collect


def _period(value: dict[str, Any]) -> Span | None:
    start, end = value.get("start"), value.get("end")
    if start is None and end is None:
        return None
    return (span(start)[0] if start else EARLIEST, span(end)[1] if end else LATEST)


def _timing(value: dict[str, Any]) -> Span | None:
    """From the first to the last event, or the bounds of the repetition."""
    events = [span(event) for event in value.get("event", ()) if event]
    if events:
        return min(event[0] for event in events), max(event[1] for event in events)
    return _period(value.get("repeat", {}).get("boundsPeriod", {}))


_SPANS: dict[str, Callable[[Any], Span | None]] = {"Period": _period, "Timing": _timing}


def _references(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    if place["type"] != "Reference":
        return _canonicals(kind, code, place, hot)
    target, known = place.get("target"), frozenset(resource_types())

    def collect(value: Any, rows: IndexRows) -> None:
        reference = value.get("reference", "")
        parts = reference.split("/")
        is_edge = len(parts) in (2, 4) and parts[0] in known and parts[2:3] in ([], ["_history"])
        if target and target != (parts[0] if is_edge else _declared(value, parts)):
            return
        rows.present.add(code)
        if is_edge:
            rows.references.add((code, parts[0], parts[1]))
        elif reference and reference[0] != "#":
            rows.tokens.add(hash64(f"{kind}|{code}|{reference}"))
        if "identifier" in value:
            by_identifier(value["identifier"], rows)

    by_identifier = _tokens(kind, f"{code}:identifier", {"type": "Identifier"}, hot=False)
    return collect


def _declared(value: dict[str, Any], parts: list[str]) -> str | None:
    """The type that a reference to elsewhere says or shows (`https://…/Patient/1`)."""
    said: str | None = value.get("type")
    return said or (parts[-2] if len(parts) > 1 else None)


def _amounts(kind: str, code: str, place: dict[str, Any], hot: bool) -> Collect:
    read = READERS[place["type"]]

    def collect(value: Any, rows: IndexRows) -> None:
        amount = read(code, value)
        if amount is not None:
            rows.present.add(code)
            rows.amounts.setdefault(amount, set())

    return collect


COLLECTORS: dict[str, Callable[[str, str, dict[str, Any], bool], Collect]] = {
    "token": _tokens,
    "uri": _uris,
    "string": _strings,
    "date": _dates,
    "reference": _references,
    "number": _amounts,
    "quantity": _amounts,
}
"""What collects the values of each type of parameter at one place."""
