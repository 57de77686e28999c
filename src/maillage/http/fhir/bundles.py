"""Batch and transaction at the base address."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir import json
from maillage.fhir.bundle.entries import READS, operates
from maillage.fhir.validation import validate
from maillage.http.fhir import answers, negotiation
from maillage.http.fhir.invoked import operating
from maillage.http.request import Request

_ANY = {"resourceType": "Parameters"}
"""A resource that is valid, in the place of one whose turn has not come."""


async def process(request: Request, ctx: Context) -> Response:
    """A transaction is done wholly or, with the outcome of its first fault, not at all; a batch entry by entry."""
    negotiation.no_parameters(request)
    bundle = await negotiation.sent_resource(request, "Bundle")
    validate(_frame(bundle))
    if _writes(bundle):
        ctx.require(Permission.FHIR_WRITE)
    wants = negotiation.preferred(request).answer if "return=" in request.headers.get("prefer", "") else "minimal"
    operate = operating(request, ctx, transaction=bundle.get("type") == "transaction")
    answer = await ctx.records.transaction(bundle, base=negotiation.base_of(request), wants=wants, operate=operate)
    return answers.fhir(json.dumps(answer))


def _frame(bundle: dict[str, Any]) -> dict[str, Any]:
    """The bundle without its resources: each of those is validated when its turn to be written comes."""
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return bundle
    return bundle | {"entry": [_without_resource(entry) if isinstance(entry, dict) else entry for entry in entries]}


def _without_resource(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"resource": _ANY} if isinstance(entry.get("resource"), dict) else entry


def _writes(bundle: dict[str, Any]) -> bool:
    entries = bundle.get("entry", [])
    requests = [entry.get("request") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return any(isinstance(request, dict) and not _left_to_entry(request) for request in requests)


def _left_to_entry(request: dict[str, Any]) -> bool:
    """Whether a request reads, or asks for an operation, which requires its own permission."""
    method, url = request.get("method"), request.get("url")
    return method in READS or operates(str(method), str(url))
