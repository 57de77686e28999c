"""Reads FHIR XML (R4 xml.html) into the objects of FHIR JSON, by the order and types of the definitions.

A document type, a processing instruction, text outside of values, an element out of its order or given twice are refused where they
stand, before anything after them is read. Whether values are right is for the validator to say: one that has not the form of its
type is left as text. The narrative is taken from the source character by character.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from maillage.errors import Invalid, Issue
from maillage.fhir import definitions
from maillage.fhir.json import MAX_DEPTH, Resource
from maillage.fhir.xml.model import FHIR, XHTML, Child, Content, Model, resource_model

_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance "
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_ENCODINGS = (None, "utf-8", "us-ascii")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_NAME = re.compile(rb"<[^\s/>]+")


def loads(text: bytes) -> Resource:
    """Read one resource. Raises Invalid naming the place (line and column, or FHIRPath) of what is wrong."""
    if text[:2] in _UTF_16 or b"\0" in text:  # the parser would recognise UTF-16 and count its places in those bytes
        raise Invalid("send UTF-8, not UTF-16", issues=[Issue("structure", "send UTF-8, not UTF-16")])
    return _Reader(text.removeprefix(_BYTE_ORDER_MARK)).read()


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _whole(text: str) -> Any:
    return int(text) if _WHOLE.fullmatch(text) else text


def _decimal(text: str) -> Any:
    if text != "-0" and _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


_VALUES: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean, "decimal": _decimal, "integer": _whole, "unsignedInt": _whole, "positiveInt": _whole,
}  # fmt: skip


class _Open:
    """An element that was begun. `value` is the object read so far, of a primitive that of its id and extensions."""

    __slots__ = ("child", "depth", "last", "model", "namespaces", "stated", "value")

    def __init__(self, child: Child | None, model: Model, depth: int, namespaces: dict[str | None, str]) -> None:
        self.child = child
        self.model = model
        self.depth = depth
        self.namespaces = namespaces
        self.value: dict[str, Any] = {}
        self.stated: Any = None
        """The value of a primitive."""
        self.last = -1
        """The place of the child that was last begun."""


class _Reader:
    """One document while it is read."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._open: list[_Open] = []
        self._declared: dict[str | None, str] = {}
        self._in_narrative = 0
        self._narrative_start = 0
        self._narrative_own: frozenset[str | None] = frozenset()
        self._read: Resource = {}
        parser = self._parser = expat.ParserCreate(encoding="UTF-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._document_type
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartNamespaceDeclHandler = self._declared.__setitem__
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def read(self) -> Resource:
        """The resource of the document."""
        try:
            self._parser.Parse(self._source, True)
        except expat.ExpatError as error:
            message = f"not XML: {expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset + 1}"
            raise Invalid(message, issues=[Issue("structure", message)]) from error
        return self._read

    # What may not be there

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if (encoding.lower() if encoding else None) not in _ENCODINGS:
            self._refuse(f"send UTF-8, not {encoding}")

    def _document_type(self, *declared: Any) -> None:
        self._refuse("a document type (DTD) is not allowed in FHIR XML")

    def _instruction(self, target: str, data: str) -> None:
        self._refuse(f"a processing instruction ({target}) is not allowed in FHIR XML")

    def _characters(self, text: str) -> None:
        if not self._in_narrative and not text.isspace():
            self._refuse(f"text is not allowed here ({text.strip()[:40]!r}): values stand in the attribute `value`")

    def _refuse(self, message: str, code: str = "structure") -> NoReturn:
        place = self._place()
        where = f" at line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"
        raise Invalid(message + where, issues=[Issue(code, message + where, place)])

    def _place(self) -> str | None:
        """The FHIRPath of the element that is being read."""
        steps = []
        for holder, one in zip(self._open, self._open[1:], strict=False):
            if one.child is not None:
                rank = f"[{len(holder.value.get(one.child.name, ()))}]" if one.child.many else ""
                steps.append(f".{one.child.name}{rank}")
        return self._open[0].model.name + "".join(steps) if self._open else None

    # Elements

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._in_narrative:
            self._in_narrative += 1
            return
        namespace, _, local = name.rpartition(" ")
        holder = self._open[-1] if self._open else None
        if holder is None or (holder.child is not None and holder.child.content is Content.RESOURCE):
            self._start_resource(holder, namespace, local, attributes)
        else:
            self._start_child(holder, namespace, local, attributes)

    def _start_resource(self, holder: _Open | None, namespace: str, local: str, attributes: dict[str, str]) -> None:
        if namespace != FHIR or local not in definitions.resource_types():
            self._refuse(f"a resource of FHIR R4 in the namespace {FHIR} is expected, not <{local}> in {namespace or 'none'}")
        if holder is not None and holder.value:
            self._refuse("only one resource may stand in an element")
        opened = self._push(None, resource_model(local), holder.depth + 1 if holder else 1)
        opened.value["resourceType"] = local
        self._take_attributes(opened, attributes)

    def _start_child(self, holder: _Open, namespace: str, local: str, attributes: dict[str, str]) -> None:
        child = holder.model.children.get(local)
        if child is None or namespace != (XHTML if child.content is Content.NARRATIVE else FHIR):
            self._refuse(f"{holder.model.name} has no element <{local}> of the namespace {namespace or 'none'} in FHIR R4")
        if child.place < holder.last:
            self._refuse(f"<{local}> stands too late in {holder.model.name}: R4 gives the order of the elements")
        if child.place == holder.last and not child.many:
            self._refuse(f"<{local}> may stand once in {holder.model.name}")
        holder.last = child.place
        if child.content is Content.NARRATIVE:
            self._start_narrative()
            return
        opened = self._push(child, child.model, holder.depth + (2 if child.many else 1))
        if child.content is Content.PRIMITIVE and "value" in attributes:
            text = attributes.pop("value")
            reader = _VALUES.get(child.kind)
            opened.stated = reader(text) if reader else text
        self._take_attributes(opened, attributes)

    def _push(self, child: Child | None, model: Model, depth: int) -> _Open:
        above = self._open[-1].namespaces if self._open else {}
        opened = _Open(child, model, depth, above | self._declared if self._declared else above)
        self._declared.clear()
        self._open.append(opened)
        if depth > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH} levels")
        return opened

    def _take_attributes(self, opened: _Open, attributes: dict[str, str]) -> None:
        for name, text in attributes.items():
            if name in opened.model.attributes:
                opened.value[name] = text
            elif not name.startswith(_SCHEMA_INSTANCE):
                self._refuse(f"the attribute {name.rpartition(' ')[2]!r} is not allowed here")

    def _end(self, name: str) -> None:
        if self._in_narrative:
            self._in_narrative -= 1
            if not self._in_narrative:
                self._open[-1].value["div"] = self._narrative()
            return
        done = self._open.pop()
        if not self._open:
            self._read = done.value
        elif done.child is None:
            self._open[-1].value = done.value
        elif done.child.content is Content.PRIMITIVE:
            _attach_primitive(self._open[-1].value, done.child, done.stated, done.value)
        elif done.child.many:
            self._open[-1].value.setdefault(done.child.name, []).append(done.value)
        else:
            self._open[-1].value[done.child.name] = done.value

    # The narrative

    def _start_narrative(self) -> None:
        self._in_narrative = 1
        self._narrative_start = self._parser.CurrentByteIndex
        self._narrative_own = frozenset(self._declared)

    def _narrative(self) -> str:
        """The source of the div that ends here, with the namespaces that it has from the elements around it."""
        self._declared.clear()
        start, end = self._narrative_start, self._parser.CurrentByteIndex
        name = _NAME.match(self._source, start)[0]  # type: ignore[index]  # a start tag is where the parser says
        closing = b"</" + name[1:]
        if self._source.startswith(closing, end):  # else it was <div/>, whose end is here
            end = self._source.index(b">", end) + 1
        div = self._source[start:end].decode()
        inherited = self._open[-1].namespaces
        declared = "".join(
            _declaration(prefix, inherited[prefix], div) for prefix in inherited if prefix not in self._narrative_own
        )
        length = len(name.decode())
        return div[:length] + declared + div[length:] if declared else div


def _declaration(prefix: str | None, namespace: str, div: str) -> str:
    """The declaration of a namespace from around the div, where the div uses it."""
    if prefix is None:
        return f' xmlns="{XHTML}"' if namespace == XHTML else ""
    return f" xmlns:{prefix}={quoteattr(namespace)}" if f"{prefix}:" in div else ""


def _attach_primitive(holder: dict[str, Any], child: Child, stated: Any, sibling: dict[str, Any]) -> None:
    """Puts the value under its key, and its id and extensions under `_key`. What has neither stays as null, for the validator to refuse."""
    name, beside = child.name, f"_{child.name}"
    if not child.many:
        if stated is not None or not sibling:
            holder[name] = stated
        if sibling:
            holder[beside] = sibling
        return
    values, siblings = holder.get(name), holder.get(beside)
    before: list[Any] = [None] * len(values or siblings or ())
    if values is None and stated is not None:
        values = holder[name] = list(before)
    if values is not None:
        values.append(stated)
    if siblings is None and (sibling or stated is None):
        siblings = holder[beside] = before
    if siblings is not None:
        siblings.append(sibling or None)
