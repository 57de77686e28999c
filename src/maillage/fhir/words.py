"""The words that a resource is found by (`_text`, `_content`): those of its narrative, and those of all that is written in it for people to read.

That is every element of type string, markdown or xhtml, in contained resources and extensions too, but not what is there for machines:
ids, versions, units, identifiers and addresses of telecommunication (they are tokens), references, samples.
"""

import html
import re
from functools import cache, lru_cache
from typing import Any

from maillage.fhir import definitions
from maillage.fhir.french import words

_READ = frozenset({"string", "markdown", "xhtml"})
_MACHINE = frozenset({
    "CodeSystem.filter.value", "Coding.version", "ContactPoint.value", "Identifier.value", "Quantity.unit", "Reference.reference", "SampledData.data",
})  # fmt: skip
_MACHINE_NAMES = frozenset({"id", "version", "linkId", "etag", "path", "expression", "xpath", "sliceName"})
_DATA_TYPES = "_datatypes"
_INLINE = "a|abbr|acronym|b|bdo|big|cite|code|del|dfn|em|i|ins|kbd|q|samp|small|span|strong|sub|sup|tt|u|var"
_MARKUP = re.compile(
    rf"<!\[CDATA\[(?P<raw>.*?)\]\]>|<!--.*?-->|</?(?P<inline>(?:{_INLINE})\b)?(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL
)

MOST = 150_000
"""Letters that are searched, of the narrative and of all else: a hundred pages. PostgreSQL keeps a tsvector of 1 MB."""

SHORT = 80
"""Letters of a text whose words are remembered."""

Place = dict[str, Any]
"""By name of a member: None for a text to be read, the place below it, or RESOURCE. What has nothing to be read is left out."""
RESOURCE: Place = {}


def found_by(resource: dict[str, Any]) -> tuple[str, str]:
    """The forms of the words of the narrative, and of all else, each joined by blanks. About 20 µs an Observation."""
    texts: list[str] = []
    own = resource.get("text")
    narrative = plain(own["div"]) if type(own) is dict and "div" in own else ""
    _collect(_places_in(resource), {**resource, "text": None} if own else resource, texts)
    return " ".join(words(narrative))[:MOST], " ".join(filter(None, map(_words_of, texts)))[:MOST]


def _words_of(text: str) -> str:
    return _words_of_short(text) if len(text) <= SHORT else " ".join(words(text))


@lru_cache(maxsize=8_192)
def _words_of_short(text: str) -> str:
    """Names of codes and of units come again and again."""
    return " ".join(words(text))


def plain(div: str) -> str:
    """The text of a narrative: what stands in blocks is apart, what a word is marked with in itself is not."""
    return html.unescape(_MARKUP.sub(_instead, div))


def _instead(found: re.Match[str]) -> str:
    if found["raw"] is not None:
        return html.escape(found["raw"])
    return "" if found["inline"] else " "


def _collect(place: Place, value: dict[str, Any], texts: list[str]) -> None:
    for name, below in value.items():
        if name in place:
            inner = place[name]
            if inner is None and type(below) is str:
                texts.append(plain(below) if name == "div" else below)
            else:
                for one in below if type(below) is list else (below,):
                    if type(one) is dict:
                        _collect(_places_in(one) if inner is RESOURCE else inner, one, texts)
                    elif type(one) is str:
                        texts.append(one)


def _places_in(resource: dict[str, Any]) -> Place:
    kind: str = resource["resourceType"]
    return _places(kind)[kind]


@cache
def _places(group: str) -> dict[str, Place]:
    """Those of a resource type, or of the data types, by shape."""
    shapes = definitions.shapes(group)
    own: dict[str, Place] = {name: {} for name in shapes}
    known = own if group == _DATA_TYPES else {**_places(_DATA_TYPES), **own}
    for shape, place in own.items():
        for name, member in shapes[shape]["members"].items():
            place[f"_{name}"] = known["Element"]
            if member["type"] in _READ and _is_for_people(shape, name):
                place[name] = None
            elif member["type"] == "Resource":
                place[name] = RESOURCE
            elif member["type"] in known:
                place[name] = known[member["type"]]
    return own


def _is_for_people(shape: str, name: str) -> bool:
    return name not in _MACHINE_NAMES and f"{shape}.{name}" not in _MACHINE and not name.endswith("Id")
