"""The CapabilityStatement: what is really routed (`interactions`) and really searched (`fhir.search`)."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.fhir import json
from maillage.fhir.definitions import compartments, resource_types
from maillage.fhir.patch import JSON_PATCH
from maillage.fhir.search import OF_ALL_TYPES, searchable
from maillage.http.fhir import answers, negotiation
from maillage.http.fhir.catalogue import OPERATIONS
from maillage.http.fhir.interactions import OF_SYSTEM, OF_TYPE
from maillage.http.request import Request

_COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition"


async def metadata(request: Request, ctx: Context | None) -> Response:
    """GET metadata, open to all: it holds no record. Made once in a process."""
    negotiation.refuse_unknown(negotiation.pairs_of(request), ("mode",))
    state = request.app.state
    if not hasattr(state, "capability"):
        state.capability = json.dumps(statement(negotiation.base_of(request), state.platform.clock.now()))
    return answers.fhir(state.capability)


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
                "security": {
                    "cors": False,
                    "description": "A bearer token or a session; every answer is filtered for its holder and audited.",
                },
                "resource": [_resource(kind, base) for kind in resource_types()],
                "interaction": [{"code": one.code} for one in OF_SYSTEM if one.code],
                "searchParam": [{"name": name, "type": "special"} for name in OF_ALL_TYPES],
                "compartment": [f"{_COMPARTMENT}/{owner[0].lower()}{owner[1:]}" for owner in compartments()],
            }
        ],
    }


def _resource(kind: str, base: str) -> dict[str, Any]:
    parameters = searchable(kind)
    includes = ["*", *(f"{kind}:{one.code}" for one in parameters if one.type == "reference")]
    operations = [
        {"name": one.code, "definition": f"{base}/OperationDefinition/{one.id}"} for one in OPERATIONS if one.kind in (None, kind)
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
        "operation": operations,
        "searchParam": [{"name": one.code, "definition": one.url, "type": one.type} for one in parameters],
    }
