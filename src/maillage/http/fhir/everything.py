"""Patient/[id]/$everything and Encounter/[id]/$everything."""

from datetime import datetime

from starlette.responses import Response

from maillage.access.context import Context
from maillage.fhir.dates import EARLIEST, LATEST, Span
from maillage.fhir.definitions import resource_types
from maillage.fhir.operations.everything import DEFAULT_COUNT, Everything
from maillage.fhir.past import MOST, counted, spanned
from maillage.http import formats
from maillage.http.fhir import answers, negotiation, operation
from maillage.http.fhir.operation import Level, Operation, Parameter, Sent, refused
from maillage.http.request import Request

PARAMETERS = (
    Parameter("start", "date", "Care from this day on. What has no date of care (an allergy, a person) is in every span."),
    Parameter("end", "date", "Care until this day, the whole of it."),
    Parameter("_since", "instant", "What was written since; it brings what it names, whenever that was written."),
    Parameter("_type", "code", "The types to answer, between commas or repeated; all of them otherwise.", many=True),
    Parameter(
        "_count",
        "integer",
        f"Resources of the record a page: {DEFAULT_COUNT} unless said, {MOST} at most. Follow the links `next`.",
    ),
)


async def of_patient(request: Request, ctx: Context) -> Response:
    """A patient's record and the directory entries that it names."""
    return await _everything(request, ctx, "Patient")


async def of_encounter(request: Request, ctx: Context) -> Response:
    """An encounter, what refers to it, and what those name."""
    return await _everything(request, ctx, "Encounter")


async def _everything(request: Request, ctx: Context, kind: str) -> Response:
    sent = await operation.sent(request, PARAMETERS, paged=True)
    id, base = request.path_params["id"], negotiation.base_of(request)
    wanted = Everything(
        kind, id, _types(sent), _since(sent), _care(sent), counted("_count", sent.get("_count"), DEFAULT_COUNT), sent.get("_cursor")
    )  # fmt: skip
    page = await ctx.records.operations.everything(wanted)
    return answers.pages(page, f"{base}/{kind}/{id}/$everything", [*sent.pairs, *formats.view_of(request).said], base=base)


def _types(sent: Sent) -> tuple[str, ...]:
    named = [kind for name, value in sent.pairs if name == "_type" for kind in value.split(",")]
    if unknown := sorted(set(named) - set(resource_types())):
        raise refused("_type", f"{', '.join(unknown) or 'nothing'}: not a resource type of FHIR R4")
    return tuple(dict.fromkeys(named))


def _since(sent: Sent) -> datetime | None:
    found = spanned("_since", sent.get("_since"))
    return found[0] if found else None


def _care(sent: Sent) -> Span | None:
    start, end = spanned("start", sent.get("start")), spanned("end", sent.get("end"))
    if start is None and end is None:
        return None
    care = (start[0] if start else EARLIEST, end[1] if end else LATEST)
    if care[0] >= care[1]:
        raise refused("end", "is before start")
    return care


_ABOUT = "A page of the record, then what it names outside of any record, each once a page and only what the caller may see."
PATIENT = Operation(
    "everything", "Fetch Patient Record", _ABOUT, "Patient", (Level.INSTANCE,), of_patient, PARAMETERS, "Bundle"
)  # fmt: skip
ENCOUNTER = Operation(
    "everything", "Fetch Encounter Record", _ABOUT, "Encounter", (Level.INSTANCE,), of_encounter, PARAMETERS, "Bundle"
)  # fmt: skip
