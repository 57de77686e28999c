"""The routes of the FHIR door."""

from maillage.http.fhir.capability import metadata
from maillage.http.fhir.catalogue import OPERATIONS
from maillage.http.fhir.interactions import OF_SYSTEM, OF_TYPE, Interaction
from maillage.http.fhir.operation import Operation
from maillage.http.routes import API_BODY, Declared, api

BASE = "/fhir"


def fhir_routes(*, max_body: int = API_BODY) -> list[Declared]:
    """Every route of the door, in the order in which they are tried. `max_body` is in bytes."""
    capability = api(f"{BASE}/metadata", metadata, public=True)
    invoked = [route for one in OPERATIONS for route in _invoked(one, max_body)]
    system, types = ([_route(one, max_body) for one in some] for some in (OF_SYSTEM, OF_TYPE))
    return [capability, *system, *invoked, *types]


def _route(one: Interaction, max_body: int) -> Declared:
    return api(
        BASE + one.path,
        one.endpoint,
        methods=(one.method,),
        permission=one.permission,
        read_only=one.reads,
        max_body=min(max_body, one.longest),
    )


def _invoked(one: Operation, max_body: int) -> list[Declared]:
    """Every way to invoke an operation (R4 operations.html#3.2.0.1): by GET where that only reads, always by POST."""
    return [
        api(BASE + path, one.endpoint, methods=(method,), permission=one.permission, read_only=reads, max_body=max_body)
        for path in one.paths
        for method, reads in one.methods
    ]
