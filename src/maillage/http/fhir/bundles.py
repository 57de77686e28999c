"""Batch and transaction at the base address."""

from collections.abc import Collection
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid, Issue
from maillage.fhir import json
from maillage.fhir.bundle.entries import READS, operates
from maillage.fhir.validation import validate
from maillage.http.fhir import answers, negotiation
from maillage.http.fhir.invoked import operating
from maillage.http.request import Request

_ANY = {"resourceType": "Parameters"}
"""A resource that is valid, in the place of one whose turn has not come."""
_GOOD = {"request": {"method": "GET", "url": "metadata"}}
"""An entry that is valid, in the place of one that is not."""


async def process(request: Request, ctx: Context) -> Response:
    """A transaction is done wholly or, with the outcome of its first fault, not at all; a batch entry by entry."""
    negotiation.no_parameters(request)
    bundle = await negotiation.sent_resource(request, "Bundle")
    faults = _faults(_frame(bundle))
    if _writes(bundle, passing_over=faults):
        ctx.require(Permission.FHIR_WRITE)
    wants = negotiation.preferred(request).answer if "return=" in request.headers.get("prefer", "") else "minimal"
    operate = operating(request, ctx, transaction=bundle.get("type") == "transaction")
    base = negotiation.base_of(request)
    answer = await ctx.records.transaction(bundle, base=base, wants=wants, operate=operate, refused=faults)
    return answers.fhir(json.dumps(answer))


def _faults(frame: dict[str, Any]) -> dict[int, Invalid]:
    """What is wrong with entries of a batch, by their places: each is refused alone. Raises what is wrong with a transaction, or the whole."""
    try:
        validate(frame)
    except Invalid:
        entries = frame.get("entry")
        if frame.get("type") != "batch" or not isinstance(entries, list):
            raise
        faults = {place: fault for place, entry in enumerate(entries) if (fault := _fault(place, entry))}
        validate(frame | {"entry": [_GOOD if place in faults else entry for place, entry in enumerate(entries)]})
        return faults
    return {}


def _fault(place: int, entry: Any) -> Invalid | None:
    try:
        validate({"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    except Invalid as fault:
        issues = [Issue(i.code, i.diagnostics, _at(place, i.expression or ""), i.severity) for i in fault.issues]
        return Invalid(fault.message, issues=issues)
    return None


def _at(place: int, expression: str) -> str:
    """A place inside the one entry that was looked at, or in a bundle of it alone, as one inside its own bundle."""
    return f"Bundle.entry[{place}]{expression.removeprefix('Bundle').removeprefix('.entry[0]')}"


def _frame(bundle: dict[str, Any]) -> dict[str, Any]:
    """The bundle without its resources: each of those is validated when its turn to be written comes."""
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return bundle
    return bundle | {"entry": [_without_resource(entry) if isinstance(entry, dict) else entry for entry in entries]}


def _without_resource(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"resource": _ANY} if isinstance(entry.get("resource"), dict) else entry


def _writes(bundle: dict[str, Any], *, passing_over: Collection[int]) -> bool:
    entries = [entry for place, entry in enumerate(bundle.get("entry", ())) if place not in passing_over]
    return not all(_left_to_entry(entry["request"]) for entry in entries if "request" in entry)


def _left_to_entry(request: dict[str, Any]) -> bool:
    """Whether a request reads, or asks for an operation, which requires its own permission."""
    method, url = request.get("method"), request.get("url")
    return method in READS or operates(str(url))
