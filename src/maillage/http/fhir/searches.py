"""Search of a type, of a compartment, of all; the history of a resource, of a type, of all."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import NotFound
from maillage.fhir.definitions import resource_types
from maillage.fhir.past import past
from maillage.fhir.search import Owner, SearchQuery, SeveralQuery, parse, parse_several
from maillage.http import formats
from maillage.http.fhir import answers, negotiation
from maillage.http.formats import Pairs
from maillage.http.request import Request


async def search(request: Request, ctx: Context) -> Response:
    """GET [type]?…, [type]/[id]/[type]?… for what is in a compartment (`*` for all types), or ?… for everything."""
    return await _searched(request, ctx, negotiation.pairs_of(request))


async def search_by_form(request: Request, ctx: Context) -> Response:
    """POST …/_search: the parameters stay out of logs and caches."""
    return await _searched(request, ctx, await negotiation.sent_form(request))


async def history(request: Request, ctx: Context) -> Response:
    """GET [type]/[id]/_history, [type]/_history or _history."""
    pairs = negotiation.pairs_of(request)
    kind = negotiation.kind_of(request) if "kind" in request.path_params else None
    id = request.path_params.get("id")
    page = await ctx.records.history(kind, id, past(pairs, total=id is not None))
    base = negotiation.base_of(request)
    address = "/".join(part for part in (base, kind, id, "_history") if part)
    return answers.history(page, address, [*pairs, *formats.view_of(request).said], base=base)


async def _searched(request: Request, ctx: Context, pairs: Pairs) -> Response:
    base, lenient = negotiation.base_of(request), negotiation.preferred(request).lenient
    within, kind = _aimed(request)
    query: SearchQuery | SeveralQuery
    if kind is None:
        query = parse_several(pairs, lenient=lenient, base=base, within=within)
    else:
        query = parse(kind, pairs, lenient=lenient, base=base, within=within)
    address = "/".join([base, *(within or ()), *([kind or "*"] if kind or within else [])])
    view = formats.view_of(request)
    view.much.refuse_included(query)
    return answers.searchset(await ctx.records.search_raw(query), query, address, base=base, said=view.said)


def _aimed(request: Request) -> tuple[Owner | None, str | None]:
    """The compartment that the path names, and the one type that is searched."""
    path = request.path_params
    if "member" not in path:
        return None, negotiation.kind_of(request) if "kind" in path else None
    owner, member = (negotiation.kind_of(request), str(path["id"])), str(path["member"])
    if member != "*" and member not in resource_types():
        raise NotFound(f"FHIR R4 has no resource type {member!r}")
    return owner, None if member == "*" else member
