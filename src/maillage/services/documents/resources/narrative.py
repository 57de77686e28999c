"""Safe HTML of CDA narrative: an allow-list transform; what is not known is shown as its text or not at all.

Nothing is copied from the document but text, row and column spans and http(s)/mailto/tel links, so no script, style, event handler,
form, frame or remote image can reach a page. Source: HL7 CDA R2 §4.3.5 (NarrativeBlock.xsd).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree
from markupsafe import Markup, escape

from maillage.services.documents.resources import cda, markup

INLINE_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif"})
"""Image types shown inside the text; anything else is a link to the file."""

TAGS = frozenset(
    {
        "a",
        "br",
        "caption",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "small",
        "span",
    }
    | {"strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
)
"""Every element that can come out."""

ATTRIBUTES = frozenset(
    {"alt", "aria-label", "class", "colspan", "href", "loading", "rel", "role", "rowspan", "scope", "src", "tabindex"}
)
"""Every attribute that can come out."""

DEEPEST_HEADING = 6
SPAN_LIMIT = 100
_VOID = frozenset({"br", "img"})
_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s\x00-\x1f\"'<>\\]+", re.IGNORECASE)
_SILENT = frozenset(
    {"script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "form", "head", "title"}
    | {"textarea", "select", "xmp"}
)
"""Elements that are no narrative and whose text was never meant to be read: dropped with all they hold."""

_PLAIN = {
    "paragraph": "p", "item": "li", "sub": "sub", "sup": "sup", "thead": "thead", "tbody": "tbody", "tfoot": "tfoot",
    "caption": "caption", "footnote": "small",
}  # fmt: skip
_NOT_SHOWN = frozenset({"footnoteref", "col", "colgroup"})
_STYLES = {"bold": "strong", "emphasis": "em", "italics": "em", "bolditalics": "strong", "underline": "u"}
_TABLE_PARTS = frozenset({"caption", "thead", "tbody", "tfoot", "tr"})


@dataclass(frozen=True, slots=True)
class MediaLink:
    """Where a file carried by the document is read, through our own route, and its type."""

    url: str
    media_type: str


def body(document: cda.ClinicalDocument, links: Mapping[str, MediaLink], *, level: int = 2) -> Markup:
    """The structured body as HTML: each section under its heading, the first ones at `level` (the page's h1 is above).

    `links` gives, by observationMedia/@ID, the routes that serve the files of this document.
    """
    writer = _Writer(links)
    return _trusted("".join(writer.section(section, level) for section in cda.sections(document)))


def fragment(text: etree._Element, links: Mapping[str, MediaLink]) -> Markup:
    """The HTML of one narrative block (`section/text`)."""
    return _trusted(_Writer(links).children(text))


def plain_text(text: str) -> Markup:
    """The body of a document that is only text: its lines as they are."""
    return _trusted(_tag("pre", escape(text), {"class": "m-text"}))


class _Writer:
    """One rendering; counts tables so that each scrolling box has its own name. Every method gives escaped HTML."""

    def __init__(self, links: Mapping[str, MediaLink]) -> None:
        self._links = links
        self._tables = 0
        self._special: dict[str, Callable[[etree._Element], str]] = {
            "content": self._styled,
            "br": lambda _: _tag("br"),
            "list": self._list,
            "table": self._table,
            "tr": self._row,
            "td": self._cell,
            "th": self._cell,
            "linkhtml": self._link,
            "rendermultimedia": self._media,
        }

    def section(self, section: etree._Element, level: int) -> str:
        text = section.find("h:text", cda.NS)
        content = "" if text is None else self.children(text)
        below = "".join(self.section(inner, level + 1) for inner in section.findall("h:component/h:section", cda.NS))
        return _tag("section", _heading(section, level) + content + below, {"class": "m-cda"})

    def children(self, element: etree._Element) -> str:
        return "".join(self._pieces(element))

    def _pieces(self, element: etree._Element) -> Iterator[str]:
        yield escape(element.text or "")
        for child in element:
            yield self._element(child)
            yield escape(child.tail or "")

    def _element(self, element: etree._Element) -> str:
        name = _local(element)
        if name in _SILENT or name in _NOT_SHOWN:
            return ""
        if etree.QName(element).namespace != markup.HL7:
            return self.children(element)
        if special := self._special.get(name):
            return special(element)
        tag = _PLAIN.get(name)
        return _tag(tag, self._styled(element)) if tag else self.children(element)

    def _styled(self, element: etree._Element) -> str:
        inner = self.children(element)
        for code in (element.get("styleCode") or "").lower().split():
            inner = _tag(_STYLES[code], inner) if code in _STYLES else inner
        return inner

    def _list(self, element: etree._Element) -> str:
        lead = "".join(_tag("p", _tag("strong", self._styled(c))) for c in element.iterfind("h:caption", cda.NS))
        items = "".join(_tag("li", self._styled(i)) for i in element.iterfind("h:item", cda.NS))
        return lead + _tag("ol" if (element.get("listType") or "").lower() == "ordered" else "ul", items)

    def _table(self, element: etree._Element) -> str:
        self._tables += 1
        number = self._tables
        rows = "".join(self._element(child) for child in element if _local(child) in _TABLE_PARTS)
        table = _tag("table", rows, {"class": "m-data"})
        return _tag("div", table, {"class": "m-scroll", "role": "group", "tabindex": "0", "aria-label": f"Tableau {number}"})

    def _row(self, element: etree._Element) -> str:
        return _tag("tr", "".join(self._cell(child) for child in element if _local(child) in {"td", "th"}))

    def _cell(self, element: etree._Element) -> str:
        if _local(element) == "td" or not markup.plain(element):
            return _tag("td", self._styled(element), _spans(element))
        return _tag("th", self._styled(element), {"scope": "col" if _in_head(element) else "row", **_spans(element)})

    def _link(self, element: etree._Element) -> str:
        inner = self.children(element)
        target = (element.get("href") or "").strip()
        if not _LINK.fullmatch(target):
            return inner
        return _tag("a", inner or escape(target), {"href": target, "rel": "noopener noreferrer nofollow external"})

    def _media(self, element: etree._Element) -> str:
        return " ".join(self._file(name, markup.plain(element)) for name in (element.get("referencedObject") or "").split())

    def _file(self, name: str, caption: str) -> str:
        link = self._links.get(name)
        if link is None:
            return _tag("span", escape(f"[{caption or 'pièce'} absente du document]"), {"class": "m-quiet"})
        if link.media_type in INLINE_IMAGES:
            return _tag("img", attributes={"src": link.url, "alt": caption or "Image jointe au document", "loading": "lazy"})
        kind = "PDF" if link.media_type == "application/pdf" else link.media_type
        return _tag("a", escape(f"{caption or 'Pièce jointe'} ({kind})"), {"href": link.url})


def _tag(name: str, inner: str = "", attributes: Mapping[str, str] | None = None) -> str:
    """The one place where an element is written: its name and attributes are ours, its values are escaped."""
    pairs = (attributes or {}).items()
    if name not in TAGS or any(key not in ATTRIBUTES for key, _ in pairs):
        raise ValueError(f"<{name} {' '.join(key for key, _ in pairs)}> is not on the allow-list")
    opening = "".join(f' {key}="{escape(value)}"' for key, value in pairs)
    return f"<{name}{opening}>" if name in _VOID else f"<{name}{opening}>{inner}</{name}>"


def _trusted(html: str) -> Markup:
    return Markup(html)  # noqa: S704  # written by _tag and escape only


def _heading(section: etree._Element, level: int) -> str:
    code = section.find("h:code", cda.NS)
    coded = "" if code is None else (code.get("displayName") or "").strip()
    text = markup.plain(section.find("h:title", cda.NS)) or coded
    return _tag(f"h{min(level, DEEPEST_HEADING)}", escape(text)) if text else ""


def _spans(element: etree._Element) -> dict[str, str]:
    given = {name: element.get(name) or "" for name in ("colspan", "rowspan")}
    return {name: value for name, value in given.items() if re.fullmatch(r"[1-9]\d{0,2}", value) and int(value) <= SPAN_LIMIT}


def _in_head(cell: etree._Element) -> bool:
    return any(_local(ancestor) == "thead" for ancestor in cell.iterancestors(f"{{{markup.HL7}}}*"))


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname.lower()
