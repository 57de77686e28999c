"""The routes of the FHIR door."""

from maillage.http.fhir.capability import metadata
from maillage.http.fhir.interactions import EVERYTHING, OF_SYSTEM, OF_TYPE, Interaction
from maillage.http.routes import API_BODY, Declared, api

BASE = "/fhir"


def fhir_routes(*, max_body: int = API_BODY) -> list[Declared]:
    """Every route of the door, in the order in which they are tried. `max_body` is in bytes."""
    capability = api(f"{BASE}/metadata", metadata, public=True)
    return [capability, *(_route(one, max_body) for one in (*OF_SYSTEM, EVERYTHING, *OF_TYPE))]


def _route(one: Interaction, max_body: int) -> Declared:
    return api(
        BASE + one.path, one.endpoint, methods=(one.method,), permission=one.permission, read_only=one.reads, max_body=max_body
    )
