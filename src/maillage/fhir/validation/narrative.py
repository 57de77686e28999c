"""The text of a Narrative: a well-formed XHTML `div` of the elements that R4 allows, without script (narrative.html, txt-1, txt-2)."""

import re
from html.entities import html5
from typing import Any

from lxml import etree

from maillage.fhir.validation.faults import Fault, Run

XHTML = "{http://www.w3.org/1999/xhtml}"

_ELEMENTS = """
    a abbr acronym b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li map area
    ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var u"""
ELEMENTS = frozenset(_ELEMENTS.split())
"""HTML 4.0 chapters 7-11 (but 4 of chapter 9), 15 and `a`, `img`; no form, script, style, frame, object, head or body."""

_ATTRIBUTES = """
    title style class id lang dir accesskey tabindex span width align valign char charoff abbr axis headers scope rowspan colspan cellpadding
    cellspacing border frame rules summary start value type name href rel rev charset hreflang src longdesc height alt usemap ismap shape coords
    cite datetime nowrap bgcolor size noshade compact clear color face"""
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
_SCRIPT = re.compile(r"(javascript|vbscript|data:(?!image/))", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20]+")
"""Blanks and control characters, which browsers pass over in the scheme of a link."""
_ENTITY = re.compile(r"&(\w+);")
_PREDEFINED = frozenset({"amp", "lt", "gt", "quot", "apos"})


def narrative(value: Any, holder: Any, run: Run) -> list[Fault] | None:
    """The check of the primitive `xhtml`."""
    message = _fault(value) if type(value) is str else "XHTML text is expected"
    return [Fault("", "value", message)] if message else None


def _fault(text: str) -> str | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(_ENTITY.sub(_character, text), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return f"the XHTML is not well formed: {error}"
    if "<!DOCTYPE" in text:
        return "the XHTML may not declare a document type"
    if root.tag != f"{XHTML}div" or root.getprevious() is not None or root.getnext() is not None or text.startswith("<?"):
        return "the XHTML must be one div in the namespace http://www.w3.org/1999/xhtml"
    filled = False
    for node in root.iter():
        if isinstance(node.tag, str):
            if message := _refused(node):
                return message
            filled = filled or node.tag == f"{XHTML}img" or bool((node.text or "").strip() or (node.tail or "").strip())
        elif not isinstance(node, etree._Comment):
            return "the XHTML may not hold processing instructions or entities"
        else:
            filled = filled or bool((node.tail or "").strip())
    return None if filled else "the XHTML has no content (txt-2)"


def _character(found: re.Match[str]) -> str:
    """The HTML entities that XML does not know, as characters."""
    return str(found[0]) if found[1] in _PREDEFINED else html5.get(f"{found[1]};", str(found[0]))


def _refused(node: Any) -> str | None:
    name = node.tag.removeprefix(XHTML)
    if name not in ELEMENTS:
        return f"the XHTML element <{name}> is not allowed (txt-1)"
    for attribute, value in node.items():
        plain = attribute.rpartition("}")[2]
        if plain not in ATTRIBUTES:
            return f"the XHTML attribute {plain!r} of <{name}> is not allowed (txt-1)"
        if plain in ("href", "src", "longdesc", "cite") and _SCRIPT.match(_IGNORED.sub("", value)):
            return f"the XHTML attribute {plain!r} of <{name}> may not run a script (txt-1)"
    return None
