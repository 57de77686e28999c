"""Interactions whose resource is found by a search: each is carried out as a transaction of one entry."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import MaillageError
from maillage.fhir.change import Operation
from maillage.http.fhir import answers, negotiation
from maillage.http.request import Request


async def create(request: Request, ctx: Context, resource: dict[str, Any]) -> Response:
    """Creates unless one matches If-None-Exist (then 200 and that one); 412 when several do."""
    wanted = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": request.headers["if-none-exist"]}
    return await _carried_out(request, ctx, wanted, resource)


async def update(request: Request, ctx: Context) -> Response:
    """Updates the one that matches the query, creates it when none does; 412 when several do."""
    kind = negotiation.kind_of(request)
    resource = await negotiation.sent_resource(request, kind)
    return await _carried_out(request, ctx, _aimed("PUT", kind, request), resource)


async def delete(request: Request, ctx: Context) -> Response:
    """Deletes the one that matches the query; 412 when several do."""
    kind = negotiation.kind_of(request)
    await _answer(request, ctx, _aimed("DELETE", kind, request), None)
    return Response(status_code=204)


def _aimed(method: str, kind: str, request: Request) -> dict[str, Any]:
    negotiation.pairs_of(request)
    match = request.headers.get("if-match")
    return {"method": method, "url": f"{kind}?{request.url.query}"} | ({"ifMatch": match} if match else {})


async def _answer(request: Request, ctx: Context, wanted: dict[str, Any], resource: dict[str, Any] | None) -> dict[str, Any]:
    entry = {"request": wanted} if resource is None else {"request": wanted, "resource": resource}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    try:
        answer = await ctx.records.transaction(bundle, base=negotiation.base_of(request))
    except MaillageError as fault:
        raise negotiation.plain(fault) from fault
    done: dict[str, Any] = answer["entry"][0]["response"]
    return done


async def _carried_out(request: Request, ctx: Context, wanted: dict[str, Any], resource: dict[str, Any]) -> Response:
    done = await _answer(request, ctx, wanted, resource)
    kind, id = done["location"].split("/_history/")[0].split("/")[-2:]
    stored = await ctx.records.read_raw(kind, id)
    created = done["status"].startswith("201")
    return answers.written(
        answers.as_done(stored, Operation.CREATE if created else Operation.UPDATE),
        base=negotiation.base_of(request),
        wants=negotiation.preferred(request).answer,
    )
