"""How a client of the FHIR door wants its answers: JSON or XML, indented or not, whole or in part (R4 http.html#parameters).

Endpoints answer the stored JSON; `shown` makes of it what was asked for, and gives it on as it stands when that is plain JSON.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from maillage.errors import MaillageError, NotAcceptable
from maillage.fhir import json, query_strings, summary, xml
from maillage.fhir.definitions import resource_types

FHIR_JSON = "application/fhir+json; charset=utf-8"
FHIR_XML = "application/fhir+xml; charset=utf-8"
JSON_TYPES = ("application/fhir+json", "application/json", "text/json")
XML_TYPES = ("application/fhir+xml", "application/xml", "text/xml")
GENERAL = ("_format", "_pretty", *summary.PARAMETERS)
"""Parameters that every address takes."""

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)
_VIEW = "maillage.view"
_QUERY = "maillage.query"

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class View:
    """What was asked for. `format` is json or xml, None when the client takes neither."""

    format: str | None = "json"
    pretty: bool = False
    much: summary.Asked = summary.WHOLE
    said: tuple[tuple[str, str], ...] = ()
    """The parameters that said so, for the links to other pages."""

    @property
    def plain(self) -> bool:
        """Whether the stored text is the answer."""
        return self.format != "xml" and not self.pretty and self.much.part is None


@dataclass(frozen=True, slots=True)
class Range:
    """One media range of an Accept header, and how much it is wanted (0 to 1)."""

    type: str
    quality: float
    place: int


def query_of(request: Request) -> Pairs:
    """Every parameter of the query, in its order."""
    pairs: Pairs | None = request.scope.get(_QUERY)
    if pairs is None:
        query: bytes = request.scope.get("query_string", b"")
        pairs = request.scope[_QUERY] = query_strings.of_query(query.decode("latin-1")) if query else []
    return pairs


def view_of(request: Request) -> View:
    """What this request asks for. Raises Invalid for a value that none of the parameters takes."""
    view: View | None = request.scope.get(_VIEW)
    if view is None:
        view = request.scope[_VIEW] = _view_of(request, query_of(request))
    return view


def ask(request: Request, pairs: Pairs) -> None:
    """Take these parameters too: those of a form."""
    request.scope[_VIEW] = _view_of(request, [*query_of(request), *pairs])
    refuse_unspoken(request)


def refuse_unspoken(request: Request) -> None:
    """NotAcceptable when the client takes neither JSON nor XML. A Binary is in any media type: `native` tells."""
    if view_of(request).format is None and not _is_binary(request):
        raise _unspoken(request)


def native(request: Request, media_type: str) -> bool:
    """Whether a Binary of this media type is to be given as its bytes rather than as a resource. NotAcceptable when as neither.

    Whoever names FHIR's own types wants the resource, also where the bytes are FHIR.
    """
    own = media_type.partition(";")[0].strip().lower()
    wanted = dict(query_of(request)).get("_format")
    if wanted is not None:
        if view_of(request).format is None and _named(wanted) != own:
            raise _unspoken(request, own)
        return view_of(request).format is None
    ranges = _ranges(request.headers.get("accept", "") or "*/*")
    asked_as_fhir = own in (JSON_TYPES[0], XML_TYPES[0]) and any(one.type == own for one in ranges)
    best = max((JSON_TYPES, XML_TYPES, (own,)), key=lambda types: (_weight(types, ranges), (types == (own,)) != asked_as_fhir))
    if _weight(best, ranges)[0] == 0:
        raise _unspoken(request, own)
    return best == (own,)


def shown(request: Request, response: Response) -> Response:
    """The answer as it was asked for. Only FHIR JSON is ever changed."""
    view = view_of(request)
    if view.plain or response.headers.get("content-type") != FHIR_JSON:
        return response
    return _rendered(view, response, whole="etag" in response.headers)


def shown_fault(request: Request, response: Response) -> Response:
    """The same for an OperationOutcome of a fault; in plain JSON when what was asked for is the fault."""
    try:
        view = view_of(request)
    except MaillageError:
        return response
    return response if view.plain else _rendered(view, response, whole=True)


def _rendered(view: View, response: Response, *, whole: bool) -> Response:
    """`whole`: the answer is one resource, also when it is a Bundle (one that is stored has a version)."""
    body = bytes(response.body)
    resource = json.stored(body) if view.format == "xml" or view.much.part else {}
    if view.much.part and response.status_code < 400:
        resource = summary.parted(resource, view.much.part, whole=whole)
        body = json.dumps(resource)
    if view.format == "xml":
        body = xml.dumps(resource, pretty=view.pretty)
    elif view.pretty:
        body = msgspec.json.format(body, indent=2)
    kept = {name: value for name, value in response.headers.items() if name not in ("content-type", "content-length")}
    media_type = FHIR_XML if view.format == "xml" else FHIR_JSON
    return Response(body, status_code=response.status_code, headers=kept, media_type=media_type)


# What is asked for


def _view_of(request: Request, pairs: Pairs) -> View:
    said = tuple(pair for pair in pairs if pair[0] in GENERAL)
    kind = request.scope.get("path_params", {}).get("kind")
    return _view(request.headers.get("accept", ""), said, kind if said and kind in resource_types() else None)


@lru_cache(maxsize=512)
def _view(accept: str, said: tuple[tuple[str, str], ...], kind: str | None) -> View:
    wanted = summary.said_once(said, "_format")
    return View(
        _spoken(accept) if wanted is None else _format_named(wanted),
        pretty=summary.chosen(said, "_pretty", ("true", "false"), usual="false") == "true",
        much=summary.asked(said, kind),
        said=tuple(pair for pair in said if pair != summary.COUNTED),
    )


def _format_named(wanted: str) -> str | None:
    kind = _named(wanted)
    if kind is None:
        return None
    return "json" if kind in ("json", *JSON_TYPES) else "xml" if kind in ("xml", *XML_TYPES) else None


def _named(wanted: str) -> str | None:
    """The media type that `_format` names (an unescaped `+` is read as a blank); None for another version of FHIR."""
    one = _ranges(wanted.strip().replace(" ", "+").replace(",", ""))[0]
    return one.type if one.quality else None


def _spoken(accept: str) -> str | None:
    ranges = _ranges(accept or "*/*")
    best, weight = max((("json", _weight(JSON_TYPES, ranges)), ("xml", _weight(XML_TYPES, ranges))), key=lambda one: one[1])
    return best if weight[0] else None


@lru_cache(maxsize=512)
def _ranges(header: str) -> tuple[Range, ...]:
    """The media ranges of an Accept header (RFC 9110 §12.5.1); one for another version of FHIR is not wanted."""
    found = []
    for place, part in enumerate(header.split(",")):
        kind, _, rest = part.partition(";")
        parameters = dict(one.strip().lower().partition("=")[::2] for one in rest.split(";"))
        ours = parameters.get("fhirversion", "4.0").strip('"') in ("4.0", "4.0.1")
        found.append(Range(kind.strip().lower(), _quality(parameters.get("q", "1")) if ours else 0.0, place))
    return tuple(found)


def _quality(text: str) -> float:
    return float(text) if _QUALITY.fullmatch(text) else 0.0


def _weight(types: Collection[str], ranges: tuple[Range, ...]) -> tuple[float, int, int]:
    """How much one of these types is wanted: by the range that names it best, then by how well, then by how early."""
    named = [(_nearness(types, one.type), one.quality, -one.place) for one in ranges]
    nearness, quality, place = max(named)
    return (quality, nearness, place) if nearness else (0.0, 0, 0)


def _nearness(types: Collection[str], wanted: str) -> int:
    if wanted in types:
        return 3
    if wanted == "*/*":
        return 1
    return 2 if wanted.endswith("/*") and any(kind.startswith(wanted[:-1]) for kind in types) else 0


def _is_binary(request: Request) -> bool:
    path: str = request.scope.get("path", "")
    return "/Binary/" in path or path.endswith("/Binary")


def _unspoken(request: Request, *besides: str) -> NotAcceptable:
    wanted = dict(query_of(request)).get("_format") or request.headers.get("accept", "")
    return NotAcceptable(f"FHIR R4 is spoken here in {', '.join((*JSON_TYPES, *XML_TYPES, *besides))}, not in {wanted}")
