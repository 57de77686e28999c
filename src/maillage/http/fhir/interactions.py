"""The interactions of the door, each with the address where it is routed: the routes and the CapabilityStatement are made of them."""

from dataclasses import dataclass

from maillage.access.permissions import Permission
from maillage.fhir.query_strings import MAX_FORM
from maillage.http.fhir import bundles, conditional, definitions, instances, searches
from maillage.http.routes import API_BODY, Endpoint


@dataclass(frozen=True, slots=True)
class Interaction:
    """One interaction: `code` is R4's (type-restful-interaction, system-restful-interaction), None for another way to the same."""

    code: str | None
    method: str
    path: str
    endpoint: Endpoint
    permission: Permission
    reads: bool = False
    longest: int = API_BODY
    """Bytes of the body at most."""


def _reads(code: str | None, method: str, path: str, endpoint: Endpoint) -> Interaction:
    return Interaction(code, method, path, endpoint, Permission.FHIR_READ, reads=True)


def _writes(code: str | None, method: str, path: str, endpoint: Endpoint) -> Interaction:
    return Interaction(code, method, path, endpoint, Permission.FHIR_WRITE)


def _by_form(path: str) -> Interaction:
    return Interaction(
        None, "POST", f"{path}/_search", searches.search_by_form, Permission.FHIR_READ, reads=True, longest=MAX_FORM
    )


# The bundle's own entries say whether it needs the right to write.
OF_SYSTEM = (
    Interaction("transaction", "POST", "", bundles.process, Permission.FHIR_READ),
    Interaction("batch", "POST", "/", bundles.process, Permission.FHIR_READ),
    _reads("history-system", "GET", "/_history", searches.history),
    _reads("search-system", "GET", "", searches.search),
    _reads(None, "GET", "/", searches.search),
    _by_form(""),
)

OF_TYPE = (
    _reads("history-type", "GET", "/{kind}/_history", searches.history),
    _by_form("/{kind}"),
    _reads("search-type", "GET", "/{kind}", searches.search),
    _writes("create", "POST", "/{kind}", instances.create),
    _writes(None, "PUT", "/{kind}", conditional.update),
    _writes(None, "PATCH", "/{kind}", conditional.patch),
    _writes(None, "DELETE", "/{kind}", conditional.delete),
    _reads("read", "GET", "/{kind}/{id}", definitions.read),
    _writes("update", "PUT", "/{kind}/{id}", instances.update),
    _writes("patch", "PATCH", "/{kind}/{id}", conditional.patch_one),
    _writes("delete", "DELETE", "/{kind}/{id}", instances.delete),
    _reads("history-instance", "GET", "/{kind}/{id}/_history", searches.history),
    _reads("vread", "GET", "/{kind}/{id}/_history/{version}", instances.vread),
    _reads(None, "GET", "/{kind}/{id}/{member}", searches.search),
    _by_form("/{kind}/{id}/{member}"),
)
