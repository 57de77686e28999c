"""The CapabilityStatement: what is really routed (`interactions`) and really searched (`fhir.search`)."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

from starlette.responses import Response

from maillage.access.audit_events import TYPE as TRAIL
from maillage.access.audit_search import SEARCHED
from maillage.access.context import Context
from maillage.fhir import json
from maillage.fhir.definitions import compartments, resource_types
from maillage.fhir.patch import JSON_PATCH
from maillage.fhir.search import OF_ALL_TYPES, searchable
from maillage.http.fhir import answers, negotiation
from maillage.http.fhir.catalogue import operations
from maillage.http.fhir.interactions import OF_SYSTEM, OF_TYPE
from maillage.http.fhir.operation import refused
from maillage.http.formats import Pairs
from maillage.http.request import Request

_COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition"
_MODES = ("full", "normative", "terminology")
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SERVICES = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_TRIAL_USE = {
    "versioning", "readHistory", "updateCreate", "conditionalCreate", "conditionalRead", "conditionalUpdate", "conditionalDelete",
    "referencePolicy", "searchInclude", "searchRevInclude",
}  # fmt: skip
"""Elements of `rest.resource` that R4 has for trial use, as it has `rest.security`."""


async def metadata(request: Request, ctx: Context | None) -> Response:
    """GET metadata, open to all: it holds no record. Made once in a process."""
    mode = _mode(negotiation.pairs_of(request))
    state = request.app.state
    if not hasattr(state, "capability"):
        full = statement(negotiation.base_of(request), state.platform.clock.now())
        state.capability = {"full": json.dumps(full), "normative": json.dumps(_normative(full))}
    return answers.fhir(state.capability[mode])


def _mode(pairs: Pairs) -> str:
    """What is asked for (R4 http.html#capabilities): full or normative."""
    negotiation.refuse_unknown(pairs, ("mode",))
    modes = [value for _, value in pairs] or ["full"]
    if len(modes) > 1:
        raise refused("mode", "is taken once")
    if modes[0] not in _MODES:
        raise refused("mode", f"{modes[0]!r} is not one of {', '.join(_MODES)}")
    if modes[0] == "terminology":
        raise refused(
            "mode", "terminology is not supported yet: this server states no TerminologyCapabilities", code="not-supported"
        )
    return modes[0]


def statement(base: str, at: datetime) -> dict[str, Any]:
    """The statement of the door at this address, made at that time."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": at.date().isoformat(),
        "kind": "instance",
        "software": {"name": "Maillage", "version": version("maillage")},
        "implementation": {"description": "Maillage, regional digital health platform", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": [JSON_PATCH, "application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "security": _security(base),
                "resource": [_resource(kind, base) for kind in resource_types()],
                "interaction": [{"code": one.code} for one in OF_SYSTEM if one.code],
                "searchParam": [{"name": name, "type": "special"} for name in OF_ALL_TYPES],
                "compartment": [f"{_COMPARTMENT}/{owner[0].lower()}{owner[1:]}" for owner in compartments()],
            }
        ],
    }


def _security(base: str) -> dict[str, Any]:
    """How one is let in: SMART App Launch 2.2 §7, and its extension of version 1 for those who look here."""
    own = base.removesuffix("/fhir")
    places = {name: f"{own}/oauth/{name}" for name in ("authorize", "token", "register", "introspect", "revoke")}
    manage = {"url": "manage", "valueUri": f"{own}/mes-applications"}
    return {
        "extension": [
            {"url": _OAUTH_URIS, "extension": [*({"url": name, "valueUri": address} for name, address in places.items()), manage]}
        ],
        "cors": True,
        "service": [{"coding": [{"system": _SERVICES, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}]}],
        "description": "A bearer token (SMART App Launch 2.2, see .well-known/smart-configuration) or a session; every answer is filtered for "
        "its holder and audited.",
    }


def _normative(full: dict[str, Any]) -> dict[str, Any]:
    """The statement without what R4 has for trial use."""
    rest = full["rest"][0]
    resources = [{name: value for name, value in one.items() if name not in _TRIAL_USE} for one in rest["resource"]]
    kept = {name: value for name, value in rest.items() if name != "security"} | {"resource": resources}
    return full | {"rest": [kept]}


def _resource(kind: str, base: str) -> dict[str, Any]:
    if kind == TRAIL:
        return _trail()
    parameters = searchable(kind)
    includes = ["*", *(f"{kind}:{one.code}" for one in parameters if one.type == "reference" and not one.carried)]
    invoked = [
        {"name": one.code, "definition": f"{base}/OperationDefinition/{one.id}"}
        for one in operations()
        if one.kind in (None, kind)
    ]
    return {
        "type": kind,
        "interaction": [{"code": one.code} for one in OF_TYPE if one.code],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", "local"],
        "searchInclude": includes,
        "searchRevInclude": ["*"],
        "operation": invoked,
        "searchParam": [{"name": one.code, "definition": one.url, "type": one.type} for one in parameters],
    }


def _trail() -> dict[str, Any]:
    """AuditEvents are told by the trail of accesses: read and searched, never written."""
    return {
        "type": TRAIL,
        "documentation": "The trail of accesses: IHE Basic Audit Log Patterns. For the officer, machines with system/AuditEvent.rs, and each person of their own record.",
        "interaction": [{"code": code} for code in ("search-type", "read", "vread")],
        "versioning": "no-version",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchParam": [
            {"name": one.code, "definition": one.url, "type": one.type} for one in searchable(TRAIL) if one.code in SEARCHED
        ],
    }
