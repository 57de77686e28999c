"""Search of a type, the whole record of a patient, and the history of a resource, of a type, of all."""

from datetime import datetime

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import Invalid, Issue
from maillage.fhir.dates import span
from maillage.fhir.search import parse
from maillage.http.fhir import answers, negotiation
from maillage.http.fhir.negotiation import Pairs
from maillage.http.request import Request

HISTORY_PARAMETERS = ("_count", "_since", "_cursor")
HISTORY_COUNT = 50
MOST = 1_000


async def search(request: Request, ctx: Context) -> Response:
    """GET [type]?…"""
    return await _searched(request, ctx, negotiation.pairs_of(request))


async def search_by_form(request: Request, ctx: Context) -> Response:
    """POST [type]/_search: the parameters stay out of logs and caches."""
    return await _searched(request, ctx, await negotiation.sent_form(request))


async def history(request: Request, ctx: Context) -> Response:
    """GET [type]/[id]/_history, [type]/_history or _history."""
    pairs = negotiation.pairs_of(request)
    negotiation.refuse_unknown(pairs, HISTORY_PARAMETERS)
    kind = negotiation.kind_of(request) if "kind" in request.path_params else None
    id = request.path_params.get("id")
    said = dict(pairs)
    page = await ctx.records.history(
        kind,
        id,
        count=_count(said.get("_count")),
        cursor=said.get("_cursor"),
        since=_since(said.get("_since")),
        total=id is not None,
    )
    base = negotiation.base_of(request)
    address = "/".join(part for part in (base, kind, id, "_history") if part)
    return answers.history(page, address, pairs, base=base)


async def _searched(request: Request, ctx: Context, pairs: Pairs) -> Response:
    base = negotiation.base_of(request)
    query = parse(negotiation.kind_of(request), pairs, lenient=negotiation.preferred(request).lenient, base=base)
    return answers.searchset(await ctx.records.search_raw(query), query, base=base)


def _count(text: str | None) -> int:
    if text is None:
        return HISTORY_COUNT
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise _refused("_count", f"{text!r} is not a whole number above 0")
    return min(int(text[:9]), MOST)


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return span(text.replace(" ", "+"))[0]
    except Invalid as fault:
        raise _refused("_since", fault.message) from fault


def _refused(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", issues=[Issue("value", message, name)])
