"""Batch and transaction at the base address."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir import json
from maillage.http.fhir import answers, negotiation
from maillage.http.request import Request


async def process(request: Request, ctx: Context) -> Response:
    """A transaction is done wholly or, with the outcome of its first fault, not at all; a batch entry by entry."""
    negotiation.no_parameters(request)
    bundle = await negotiation.sent_resource(request, "Bundle")
    if _writes(bundle):
        ctx.require(Permission.FHIR_WRITE)
    answer = await ctx.records.transaction(bundle, base=negotiation.base_of(request))
    return answers.fhir(json.dumps(answer))


def _writes(bundle: dict[str, Any]) -> bool:
    entries = bundle.get("entry", [])
    requests = [entry.get("request") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return any(isinstance(request, dict) and request.get("method") != "GET" for request in requests)
