"""The person’s record: found among those whom one follows, and its summary."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.http import Request, page
from maillage.services.coordination.resources import timeline
from maillage.services.coordination.service import records
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs

TIMELINE = 25
CHANGED = 8
CLOSED = "Dossier refermé : vous n’y avez plus accès."


async def search(request: Request, ctx: Context) -> Response:
    """People by birth name, first name, birth date or INS, among those whom the actor may see."""
    text = request.query_params.get("q", "").strip()
    found = await records.search(ctx, text=text) if text else []
    return render(
        request,
        ctx,
        "coordination/search.html",
        q=text,
        in_emergency=permits(ctx.actor, Permission.EMERGENCY_OPEN),
        said_words=CLOSED if request.query_params.get("fait") == "referme" else "",
        found=[(p, identity.banner_of(p, allergies=[], relatives=[], practitioners=[]).ins_status) for p in found],
    )


async def record(request: Request, ctx: Context) -> Response:
    """The summary: what came lately, problems, treatments, measures, thread, circle."""
    patient = str(request.path_params["id"])
    held = await records.read(ctx, patient=patient)
    view = request.query_params.get("fil", "")
    moments = timeline.moments(held.resources)
    return render(
        request,
        ctx,
        "coordination/record.html",
        patient=patient,
        banner=held.banner,
        tabs=record_tabs(patient),
        recent=timeline.last_received(moments)[:CHANGED],
        problems=timeline.problems(held.of("Condition")),
        treatments=timeline.treatments(held.of("MedicationStatement", "MedicationRequest")),
        measures=timeline.measures(held.of("Observation")),
        thread=[m for m in moments if not view or m.kind == view][:TIMELINE],
        view=view,
        coming=timeline.coming(held.of("Appointment"), ctx.now),
        circle=held.circle,
        hidden=max(0, len(moments) - TIMELINE),
    )


routes = [
    page("/patients", search, permission=Permission.PATIENT_SEARCH),
    page("/patients/{id}", record, permission=Permission.RECORD_READ),
]
