"""Interactions on one resource: read, vread, create, update, delete."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import Gone, InsufficientScope, Invalid, Issue, MaillageError, NotFound, Unprocessable
from maillage.fhir.change import Change, Stored, Verb
from maillage.fhir.matching import not_at, unchanged
from maillage.fhir.summary import PART_REFUSED, is_part
from maillage.http import formats
from maillage.http.fhir import answers, binary, conditional, negotiation
from maillage.http.request import Request


async def read(request: Request, ctx: Context) -> Response:
    """The current version; 304 when the client has it, 410 when it was deleted."""
    kind = negotiation.kind_of(request)
    negotiation.no_parameters(request)
    return _shown(request, await ctx.records.read_raw(kind, request.path_params["id"]))


async def vread(request: Request, ctx: Context) -> Response:
    """One version, also of a resource that was deleted since."""
    kind = negotiation.kind_of(request)
    negotiation.no_parameters(request)
    wanted: str = request.path_params["version"]
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 10):
        raise NotFound(f"{kind}/{request.path_params['id']} has no version {wanted!r}")
    return _shown(request, await ctx.records.vread_raw(kind, request.path_params["id"], int(wanted)))


async def create(request: Request, ctx: Context) -> Response:
    """A new resource; its id is ours to give. With If-None-Exist, only when nothing matches."""
    kind = negotiation.kind_of(request)
    negotiation.no_parameters(request)
    resource = await _sent(request, kind)
    resource.pop("id", None)
    if "if-none-exist" in request.headers or "if-none-match" in request.headers:
        return await conditional.create(request, ctx, resource)
    return await _write(request, ctx, Change(Verb.CREATE, resource))


async def update(request: Request, ctx: Context) -> Response:
    """The resource as the client says, new or not; with If-Match, only over that version, with If-None-Match: * only when new."""
    kind, id = negotiation.kind_of(request), request.path_params["id"]
    negotiation.no_parameters(request)
    resource = await _sent(request, kind, id=id)
    if resource.get("id") != id:
        message = f"the id of the resource ({resource.get('id')!r}) must be that of the address ({id!r})"
        raise Invalid(message, issues=[Issue("invalid", message, f"{kind}.id")])
    if is_part(resource):
        raise Unprocessable.at(f"{kind}.meta.tag", PART_REFUSED)
    if "if-none-match" in request.headers or "if-none-exist" in request.headers:
        return await conditional.put_new(request, ctx, resource)
    return await _write(request, ctx, Change(Verb.PUT, resource, negotiation.expected_version(request)))


async def delete(request: Request, ctx: Context) -> Response:
    """204, also when nothing is there (R4 http.html#delete); its history stays. One of a version that is not there is refused."""
    kind, id = negotiation.kind_of(request), request.path_params["id"]
    negotiation.no_parameters(request)
    expected = negotiation.expected_version(request)
    try:
        stored = await _written(ctx, Change.delete(kind, id, expected=expected))
    except NotFound:
        await nothing_to_delete(ctx, kind, id, expected)
        return answers.deleted(None, wants=negotiation.preferred(request).answer)
    return answers.deleted(stored, wants=negotiation.preferred(request).answer)


async def nothing_to_delete(ctx: Context, kind: str, id: str, expected: int | None) -> None:
    """Refuses the deletion of what was not found where a version was expected, or where it is there to read and not to delete."""
    try:
        await ctx.records.read_raw(kind, id)
    except (Gone, InsufficientScope, NotFound) as fault:
        if expected is not None:
            raise not_at(kind, id, expected) from fault
        return
    raise NotFound(f"{kind}/{id} is not known")


async def _sent(request: Request, kind: str, *, id: str | None = None) -> dict[str, Any]:
    if kind == "Binary":
        return await binary.sent(request, id)
    return await negotiation.sent_resource(request, kind)


async def _write(request: Request, ctx: Context, change: Change) -> Response:
    stored = await _written(ctx, change)
    return answers.written(stored, base=negotiation.base_of(request), wants=negotiation.preferred(request).answer)


async def _written(ctx: Context, change: Change) -> Stored:
    try:
        return await ctx.records.write_alone(change)
    except MaillageError as fault:
        raise negotiation.plain(fault) from fault


def _shown(request: Request, stored: Stored) -> Response:
    if unchanged(stored, request.headers.get("if-none-match"), request.headers.get("if-modified-since")):
        return Response(status_code=304, headers=answers.headers_of(stored))
    if stored.type == "Binary" and formats.native(request, stored.resource["contentType"]):
        return binary.raw(stored)
    return answers.version(stored)
