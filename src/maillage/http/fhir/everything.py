"""Patient/[id]/$everything and Encounter/[id]/$everything."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.fhir.operations.asking import everything_asked
from maillage.fhir.operations.everything import DEFAULT_COUNT
from maillage.fhir.past import MOST
from maillage.http import formats
from maillage.http.fhir import answers, negotiation, operation
from maillage.http.fhir.operation import Level, Operation, Parameter
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
    wanted = everything_asked(kind, id, sent.pairs)
    page = await ctx.records.operations.everything(wanted)
    return answers.pages(page, f"{base}/{kind}/{id}/$everything", [*sent.pairs, *formats.view_of(request).said], base=base)


_ABOUT = "A page of the record, then what it names outside of any record, each once a page and only what the caller may see."
PATIENT = Operation(
    "everything", "Fetch Patient Record", _ABOUT, "Patient", (Level.INSTANCE,), of_patient, PARAMETERS, "Bundle"
)  # fmt: skip
ENCOUNTER = Operation(
    "everything", "Fetch Encounter Record", _ABOUT, "Encounter", (Level.INSTANCE,), of_encounter, PARAMETERS, "Bundle"
)  # fmt: skip
