"""References between the entries of a bundle: `urn:uuid:…` becomes `Type/id` wherever it stands, `Type?criteria` what it finds."""

import re
from collections.abc import Callable, Iterator, Mapping
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
    if not links:
        return value
    return _walk(value, lambda key, text, parent: _link(key, text, parent, links))


def relative(value: Any, base: str) -> Any:
    """The resource with the references to this server's own address made relative; what has none is answered as it is.

    A Bundle kept as a resource stays as it was signed or sent: its references are resolved by its own fullUrls.
    """
    if not base or (type(value) is dict and value.get("resourceType") == "Bundle"):
        return value
    own = f"{base}/"
    return _walk(value, lambda key, text, parent: text.removeprefix(own) if key == "reference" else text)


def conditional(value: Any) -> Iterator[str]:
    """The conditional references (`Patient?identifier=…`) in a resource."""
    if isinstance(value, list):
        for item in value:
            yield from conditional(item)
    elif isinstance(value, dict):
        for key, below in value.items():
            if key == "reference" and isinstance(below, str):
                if _CONDITIONAL.fullmatch(below):
                    yield below
            else:
                yield from conditional(below)


Replace = Callable[[str, str, dict[str, Any]], str]


def _walk(value: Any, replace: Replace) -> Any:
    if type(value) is dict:
        changed: dict[str, Any] = {}
        for key, below in value.items():
            new = _item(key, below, value, replace)
            if new is not below:
                changed[key] = new
        return {**value, **changed} if changed else value
    if type(value) is list:
        items = [_walk(item, replace) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _item(key: str, value: Any, parent: dict[str, Any], replace: Replace) -> Any:
    if type(value) is str:
        return replace(key, value, parent)
    if type(value) is list:
        items = [replace(key, item, parent) if type(item) is str else _walk(item, replace) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return _walk(value, replace)


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
