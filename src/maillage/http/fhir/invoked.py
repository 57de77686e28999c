"""Operations that entries of a bundle ask for: answered by the endpoints of their addresses."""

from typing import Any
from urllib.parse import urlencode

from starlette.types import Message

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid, NotFound
from maillage.fhir import json, query_strings
from maillage.fhir.bundle import Done, Entry, Operate
from maillage.http import formats
from maillage.http.faults import MethodNotAllowed
from maillage.http.fhir import negotiation
from maillage.http.fhir.catalogue import asked_for
from maillage.http.fhir.operation import Operation
from maillage.http.request import Request

_OF_FORMAT = ("_format", "_pretty")


def operating(request: Request, ctx: Context, *, transaction: bool) -> Operate:
    """How the entries of the bundle that this request sent are answered.

    One that writes by itself is refused in a transaction, whose writes are compared and done together.
    """

    async def operate(entry: Entry) -> Done:
        one = _asked_for(entry)
        if transaction and one.permission is Permission.FHIR_WRITE:
            raise Invalid.at("request.url", f"${one.code} writes by itself: send it alone or in a batch, not in a transaction")
        ctx.require(one.permission)
        asked = _request(request, entry, one)
        response = formats.shown(asked, await one.endpoint(asked, ctx))
        status = "201 Created" if response.status_code == 201 else "200 OK"
        location = response.headers.get("location", "").removeprefix(f"{negotiation.base_of(request)}/")
        return Done(status, resource=json.stored(bytes(response.body)), location=location or None)

    return operate


def _asked_for(entry: Entry) -> Operation:
    """The operation of this address; a refusal names the place in the entry."""
    try:
        return asked_for(_method(entry), entry.path)
    except MethodNotAllowed as fault:
        raise MethodNotAllowed.at("request.method", fault.message) from None
    except NotFound as fault:
        raise NotFound.at("request.url", fault.message) from None


def _method(entry: Entry) -> str:
    return "GET" if entry.method == "HEAD" else entry.method


def _request(bundles: Request, entry: Entry, one: Operation) -> Request:
    """The request that this entry would be by itself: JSON, as all of its bundle's answer is rendered at once."""
    kind, *id = entry.path.split("/")[:-1]
    body = b"" if entry.method != "POST" or entry.resource is None else json.dumps(entry.resource)
    headers = [(b"content-type", b"application/fhir+json")]
    if entry.expected is not None:
        headers.append((b"if-match", b'W/"%d"' % entry.expected))
    said = [pair for pair in query_strings.of_query(entry.query) if pair[0] not in _OF_FORMAT]
    scope: dict[str, Any] = {
        "type": "http", "method": _method(entry), "path": f"/fhir/{entry.path}", "query_string": urlencode(said).encode(),
        "headers": headers, "app": bundles.app,
        "path_params": ({} if one.kind else {"kind": kind}) | ({"id": id[0]} if id else {}),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)
