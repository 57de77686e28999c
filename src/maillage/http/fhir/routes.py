"""The routes of the FHIR door."""

from functools import wraps
from itertools import starmap

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir.bundle.entries import operates
from maillage.http.faults import MethodNotAllowed
from maillage.http.fhir.capability import metadata
from maillage.http.fhir.catalogue import asked_for, operations
from maillage.http.fhir.interactions import OF_SYSTEM, OF_TYPE, Interaction
from maillage.http.fhir.operation import Operation
from maillage.http.request import Request
from maillage.http.routes import API_BODY, Declared, Endpoint, api

BASE = "/fhir"

_NOTHING = (("/{kind}/{id}", ("POST",)), ("/{kind}/{id}/{member}", ("POST", "PUT", "PATCH", "DELETE")))
"""Addresses of operations, and the methods that no interaction answers there."""


def fhir_routes(*, max_body: int = API_BODY) -> list[Declared]:
    """Every route of the door, in the order in which they are tried. `max_body` is in bytes."""
    capability = api(f"{BASE}/metadata", metadata, public=True)
    invoked = [route for one in operations() for route in _invoked(one, max_body)]
    system, types = ([_route(one, max_body) for one in some] for some in (OF_SYSTEM, OF_TYPE))
    return [capability, *system, *invoked, *types, *starmap(_nothing, _NOTHING)]


def _route(one: Interaction, max_body: int) -> Declared:
    return api(
        BASE + one.path,
        _of_no_operation(one.endpoint),
        methods=(one.method,),
        permission=one.permission,
        read_only=one.reads,
        max_body=min(max_body, one.longest),
    )


def _nothing(path: str, methods: tuple[str, ...]) -> Declared:
    """What can only be meant for an operation, and is for none, is told which there are."""
    return api(BASE + path, _of_no_operation(_unanswered), methods=methods, permission=Permission.FHIR_READ, read_only=True)


async def _unanswered(request: Request, ctx: Context) -> Response:
    raise MethodNotAllowed("This address does not answer that method.")


def _of_no_operation(endpoint: Endpoint) -> Endpoint:
    """The endpoint, but for addresses of operations: the routes of those that there are come first."""

    @wraps(endpoint)
    async def answer(request: Request, ctx: Context) -> Response:
        path = request.scope["path"].removeprefix(f"{BASE}/")
        if operates(path):
            asked_for(request.method, path)
        return await endpoint(request, ctx)

    return answer


def _invoked(one: Operation, max_body: int) -> list[Declared]:
    """Every way to invoke an operation (R4 operations.html#3.2.0.1): by GET where that only reads, always by POST."""
    return [
        api(BASE + path, one.endpoint, methods=(method,), permission=one.permission, read_only=reads, max_body=max_body)
        for path in one.paths
        for method, reads in one.methods
    ]
