"""Search of a type, the whole record of a patient, and the history of a resource, of a type, of all."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.fhir.past import past
from maillage.fhir.search import parse
from maillage.http import formats
from maillage.http.fhir import answers, negotiation
from maillage.http.formats import Pairs
from maillage.http.request import Request


async def search(request: Request, ctx: Context) -> Response:
    """GET [type]?…"""
    return await _searched(request, ctx, negotiation.pairs_of(request))


async def search_by_form(request: Request, ctx: Context) -> Response:
    """POST [type]/_search: the parameters stay out of logs and caches."""
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
    base = negotiation.base_of(request)
    query = parse(negotiation.kind_of(request), pairs, lenient=negotiation.preferred(request).lenient, base=base)
    view = formats.view_of(request)
    view.much.refuse_included(query)
    return answers.searchset(await ctx.records.search_raw(query), query, base=base, said=view.said)
