"""Interactions that must first find or read what they change: each is carried out as a transaction of one entry."""

import base64
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import MaillageError, Unsupported
from maillage.fhir import json
from maillage.fhir.patch import JSON_PATCH
from maillage.http.fhir import answers, negotiation
from maillage.http.formats import JSON_TYPES, XML_TYPES
from maillage.http.request import Request

Resource = dict[str, Any]

MERGE_PATCH = "a merge patch (RFC 7396)"
_ANY_JSON = JSON_TYPES[1:]
"""Media types of JSON that need not be FHIR."""

_HEADERS = {"if-match": "ifMatch", "if-none-match": "ifNoneMatch", "if-none-exist": "ifNoneExist"}
"""Preconditions, and how a bundle's entry names them."""


async def create(request: Request, ctx: Context, resource: Resource) -> Response:
    """Creates unless one matches If-None-Exist (then 200 and that one); 412 when several do."""
    return await _carried_out(request, ctx, "POST", resource["resourceType"], resource)


async def update(request: Request, ctx: Context) -> Response:
    """Updates the one that matches the query, creates it when none does; 412 when several do."""
    kind = negotiation.kind_of(request)
    return await _carried_out(request, ctx, "PUT", _searched(request), await negotiation.sent_resource(request, kind))


async def put_new(request: Request, ctx: Context, resource: Resource) -> Response:
    """Creates the resource of this address unless it is there already (If-None-Match: *)."""
    return await _carried_out(request, ctx, "PUT", _named(request), resource)


async def patch(request: Request, ctx: Context) -> Response:
    """Patches the one that matches the query; 404 when none does, 412 when several do."""
    return await _carried_out(request, ctx, "PATCH", _searched(request), await _sent_patch(request))


async def patch_one(request: Request, ctx: Context) -> Response:
    """Patches the resource of this address, whatever others write meanwhile; with If-Match, only that version."""
    negotiation.no_parameters(request)
    return await _carried_out(request, ctx, "PATCH", _named(request), await _sent_patch(request))


async def delete(request: Request, ctx: Context) -> Response:
    """Deletes the one that matches the query; 412 when several do."""
    return await _carried_out(request, ctx, "DELETE", _searched(request), None)


def _named(request: Request) -> str:
    return f"{negotiation.kind_of(request)}/{request.path_params['id']}"


def _searched(request: Request) -> str:
    negotiation.pairs_of(request)
    return f"{negotiation.kind_of(request)}?{negotiation.criteria_of(request)}"


async def _sent_patch(request: Request) -> Resource:
    """A patch as a bundle holds it: Parameters (FHIRPath Patch), or a Binary with a JSON Patch."""
    sent = negotiation.media_type(request)
    if sent == JSON_PATCH:
        return {"resourceType": "Binary", "contentType": sent, "data": base64.b64encode(await request.body()).decode()}
    if sent in (*JSON_TYPES, *XML_TYPES) and not (sent in _ANY_JSON and await _merges(request)):
        return await negotiation.sent_resource(request, "Parameters")
    takes = f"{JSON_PATCH}, or Parameters (FHIRPath Patch) as {' or '.join((*JSON_TYPES, *XML_TYPES))}"
    raise Unsupported(f"send {takes}, not {MERGE_PATCH if sent in _ANY_JSON else sent or 'a body without Content-Type'}")


async def _merges(request: Request) -> bool:
    """Whether the JSON that was sent is no resource: a merge patch, which R4 does not have."""
    return "resourceType" not in json.loads(await request.body())


async def _carried_out(request: Request, ctx: Context, method: str, url: str, resource: Resource | None) -> Response:
    said = {name: request.headers[header] for header, name in _HEADERS.items() if header in request.headers}
    entry = {"request": {"method": method, "url": url, **said}} | ({} if resource is None else {"resource": resource})
    base = negotiation.base_of(request)
    try:
        done = await ctx.records.carry_out(entry, base=base)
    except MaillageError as fault:
        raise negotiation.plain(fault, entry_of=negotiation.kind_of(request)) from fault
    return answers.carried_out(done, base=base, wants=negotiation.preferred(request).answer)
