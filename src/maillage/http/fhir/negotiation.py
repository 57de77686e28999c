"""What a request sends and wants: parameters, bodies, preferences, versions. In which format it is answered, `http.formats` knows."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from maillage.errors import Invalid, Issue, MaillageError, NotFound, Unsupported
from maillage.fhir import json, matching, query_strings, summary, xml
from maillage.fhir.bundle.references import relative
from maillage.fhir.definitions import resource_types
from maillage.fhir.json import Resource
from maillage.http import formats
from maillage.http.formats import GENERAL, JSON_TYPES, XML_TYPES, Pairs
from maillage.http.request import Request

FORM = "application/x-www-form-urlencoded"
_OF_CHANGE = re.compile(r"^change\[0\]\.?")
_OF_ENTRY = re.compile(r"^Bundle\.entry\[0\]\.?")
_OF_RESOURCE = re.compile(r"^Bundle\.entry\[0\]\.resource(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Preference:
    """The Prefer header: what a write answers, and whether a search passes over what it does not know."""

    answer: str = "representation"
    """minimal, representation or OperationOutcome."""
    lenient: bool = False


def base_of(request: Request) -> str:
    """The address of this door, without a slash at its end."""
    return f"{request.app.state.platform.config.base_url.rstrip('/')}/fhir"


def kind_of(request: Request) -> str:
    """The resource type named by the path. NotFound when R4 has none of that name."""
    kind: str = request.path_params["kind"]
    if kind not in resource_types():
        raise NotFound(
            f"FHIR R4 has no resource type {kind!r}", issues=[_issue("not-supported", f"FHIR R4 has no type {kind!r}")]
        )
    return kind


def pairs_of(request: Request) -> Pairs:
    """The query parameters in their order, without the general ones, which `http.formats` reads."""
    return _particular(formats.query_of(request))


def no_parameters(request: Request) -> None:
    """For what takes none: an unknown parameter is refused, as a search does."""
    refuse_unknown(pairs_of(request), ())


def refuse_unknown(pairs: Pairs, known: tuple[str, ...]) -> None:
    """Invalid, naming each parameter that is not among the known ones."""
    if summary.COUNTED in pairs:
        raise Invalid(
            "_summary=count counts the matches of a search: here is none",
            issues=[_issue("invalid", "only a search counts", "_summary")],
        )
    unknown = sorted({name for name, _ in pairs} - set(known))
    if unknown:
        takes = ", ".join((*known, *GENERAL))
        raise Invalid(
            f"unknown parameter {', '.join(unknown)}; this address takes {takes}",
            issues=[_issue("invalid", f"{name}: unknown here; this address takes {takes}", name) for name in unknown],
        )


async def sent_resource(request: Request, kind: str, *others: str) -> Resource:
    """The resource of the body. Unsupported when it is not said to be JSON or XML, Invalid when it is of none of these types."""
    body = await request.body()
    resource = read(media_type(request), body)
    if resource.get("resourceType") not in (kind, *others):
        message = f"a resource of type {' or '.join((kind, *others))} is expected here, not {resource.get('resourceType')!r}"
        raise Invalid(message, issues=[_issue("invalid", message, f"{kind}.resourceType")])
    own = base_of(request)
    return cast(Resource, relative(resource, own)) if own.encode() in body else resource


def read(kind: str, body: bytes) -> Resource:
    """The resource in a body of this media type. Unsupported for what is neither JSON nor XML."""
    if kind in JSON_TYPES:
        return json.loads(body)
    if kind in XML_TYPES:
        return xml.loads(body)
    raise Unsupported(f"send {' or '.join((*JSON_TYPES, *XML_TYPES))}, not {kind or 'a body without Content-Type'}")


async def sent_form(request: Request) -> Pairs:
    """The parameters of a POST _search, in its body and its query."""
    pairs = pairs_of(request)
    sent, body = media_type(request), await request.body()
    if body and sent != FORM:
        raise Unsupported(f"send the parameters of _search as {FORM}, not {sent or 'a body without Content-Type'}")
    form = query_strings.of_form(body.decode("utf-8", "replace"))
    formats.ask(request, form)
    return pairs + _particular(form)


def media_type(request: Request) -> str:
    """The media type of the body, without parameters; a charset other than UTF-8 is Unsupported."""
    return _media_type(request.headers.get("content-type", ""))


@lru_cache(maxsize=256)
def preference(header: str) -> Preference:
    """Reads a Prefer header; what is unknown in it is passed over (RFC 7240 §2)."""
    parts = (part.partition("=") for part in re.split("[,;]", header))
    said = {name.strip().lower(): value.strip().strip('"') for name, _, value in reversed([*parts])}
    answer = said.get("return", "representation")
    known = answer if answer in ("minimal", "representation", "OperationOutcome") else "representation"
    return Preference(known, lenient=said.get("handling") == "lenient")


def preferred(request: Request) -> Preference:
    """The preference of this request, of several headers taken together."""
    return preference(",".join(request.headers.getlist("prefer")))


def expected_version(request: Request) -> int | None:
    """The version that If-Match names; None without the header. Invalid when it is no ETag of ours."""
    return matching.expected_version(request.headers.get("if-match"))


def criteria_of(request: Request) -> str:
    """The query of a conditional interaction as it was sent, without what is about the format of the answer."""
    parts = request.url.query.split("&")
    return "&".join(part for part in parts if part.partition("=")[0] not in GENERAL)


def plain(fault: MaillageError, *, entry_of: str | None = None) -> MaillageError:
    """The same fault of a single write, without the `change[0]` that the store puts before the place.

    `entry_of`: it was carried out as an entry about a resource of this type, whose place in the bundle says nothing either.
    """
    issues = [Issue(i.code, i.diagnostics, _place(i.expression or "", entry_of) or None, i.severity) for i in fault.issues]
    return type(fault)(fault.message, issues=issues)


def _place(expression: str, entry_of: str | None) -> str:
    if entry_of is None:
        return _OF_CHANGE.sub("", expression)
    inside, resource = _OF_RESOURCE.subn(entry_of, expression)
    return inside if resource else _OF_ENTRY.sub("", expression)


def _particular(pairs: Pairs) -> Pairs:
    return [pair for pair in pairs if pair[0] not in GENERAL or pair == summary.COUNTED]


@lru_cache(maxsize=256)
def _media_type(header: str) -> str:
    kind, _, rest = header.lower().partition(";")
    charset = re.search(r"charset=\"?([\w-]+)", rest)
    if charset and charset[1] not in ("utf-8", "utf8"):
        raise Unsupported(f"send UTF-8, not {charset[1]}")
    return kind.strip()


def _issue(code: str, diagnostics: str, expression: str | None = None) -> Issue:
    return Issue(code=code, diagnostics=diagnostics, expression=expression)
