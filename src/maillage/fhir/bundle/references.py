"""References between the entries of a bundle: `urn:uuid:…` becomes `Type/id` wherever it stands, `Type?criteria` what it finds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ATTRIBUTE = re.compile(r"""((?:href|src)\s*=\s*["'])([^"'#]+)""")
_TEXTS = frozenset({"value", "display", "text", "title", "name", "description", "comment", "valueString", "valueMarkdown"})
"""Elements that are words for people or data, whatever they look like."""
_LINK = re.compile(r"reference|ur[il]|value(Ur[il]|Canonical)|instantiates(Canonical|Uri)|library")
"""Elements where a relative `Type/id` is a link; elsewhere it is words."""
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?.+")


def rewritten(value: Any, links: Mapping[str, str]) -> Any:
    """The resource (or a part) with every link that `links` knows replaced; what has none is answered as it is.

    Links stand in references, in URI elements of any name (extensions included), and in `href` and `src` of the narrative. The
    value of an Identifier is data and stays.
    """
    return _walk(value, links) if links else value


def relative(value: Any, base: str) -> Any:
    """The resource with the references to this server's own address made relative; what has none is answered as it is.

    A Bundle kept as a resource stays as it was signed or sent: its references are resolved by its own fullUrls.
    """
    own = f"{base}/"
    if not base or (type(value) is dict and value.get("resourceType") == "Bundle"):
        return value
    ours = {text: text.removeprefix(own) for text in referred(value) if text.startswith(own)}
    return _pointed(value, ours) if ours else value


def conditional(value: Any) -> Iterator[str]:
    """The conditional references (`Patient?identifier=…`) in a resource."""
    return (text for text in referred(value) if "?" in text and _CONDITIONAL.fullmatch(text))


def referred(value: Any) -> list[str]:
    """The text of every reference in a resource (or a part)."""
    found: list[str] = []
    _refer(value, found)
    return found


def _refer(value: Any, found: list[str]) -> None:
    if type(value) is dict:
        text = value.get("reference")
        if type(text) is str:
            found.append(text)
        value = value.values()
    elif type(value) is not list:
        return
    for below in value:
        if type(below) is dict or type(below) is list:
            _refer(below, found)


def _pointed(value: Any, links: Mapping[str, str]) -> Any:
    if type(value) is dict:
        text = value.get("reference")
        pointed = {"reference": links.get(text, text)} if type(text) is str else {}
        return {key: _pointed(below, links) for key, below in value.items()} | pointed
    return [_pointed(item, links) for item in value] if type(value) is list else value


def _walk(value: Any, links: Mapping[str, str]) -> Any:
    """Most texts are no link: they cost one look-up. What has none is not copied."""
    if type(value) is dict:
        changed: dict[str, Any] = {}
        for key, below in value.items():
            kind, new = type(below), below
            if kind is str:
                if below in links or key == "reference" or key == "div":
                    new = _link(key, below, value, links)
            elif kind is list:
                new = _listed(key, below, value, links)
            elif kind is dict:
                new = _walk(below, links)
            if new is not below:
                changed[key] = new
        return {**value, **changed} if changed else value
    return _kept_or(value, [_walk(item, links) for item in value]) if type(value) is list else value


def _listed(key: str, value: list[Any], parent: dict[str, Any], links: Mapping[str, str]) -> list[Any]:
    return _kept_or(value, [_link(key, one, parent, links) if type(one) is str else _walk(one, links) for one in value])


def _kept_or(old: list[Any], new: list[Any]) -> list[Any]:
    return new if any(one is not other for one, other in zip(new, old, strict=True)) else old


def _link(key: str, text: str, parent: dict[str, Any], links: Mapping[str, str]) -> str:
    if key == "div":
        return _narrative(text, links)
    if (
        text in links
        and key not in _TEXTS
        and (":" in text or _LINK.fullmatch(key))
        and not (key == "system" and "value" in parent)
    ):
        return links[text]
    if key == "reference":
        target, mark, rest = text.partition("#") if "#" in text else text.partition("/_history/")
        return links[target] + mark + rest if mark and target in links else text
    return text


def _narrative(div: str, links: Mapping[str, str]) -> str:
    new = _ATTRIBUTE.sub(lambda found: found[1] + links.get(found[2], found[2]), div)
    return new if new != div else div
