"""The person’s record: found among those whom one follows, and its summary."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.resources import changes, dependence, timeline
from maillage.services.coordination.service import alerts, records, seen
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs

SHOWN = 12
"""Changes that stand open; the others are one tap away."""
ALERTS = 2
CLOSED = "Dossier refermé : vous n’y avez plus accès."


async def search(request: Request, ctx: Context) -> Response:
    """People by birth name, first name, birth date or INS, among those whom the actor may see."""
    text = request.query_params.get("q", "").strip()
    found, seen_last = (await records.search(ctx, text=text), False) if text else await records.at_hand(ctx)
    return render(
        request,
        ctx,
        "coordination/search.html",
        q=text,
        seen_last=seen_last,
        in_emergency=permits(ctx.actor, Permission.EMERGENCY_OPEN),
        said_words=CLOSED if request.query_params.get("fait") == "referme" else "",
        found=[(p, identity.banner_of(p, allergies=[], relatives=[], practitioners=[]).ins_status) for p in found],
    )


async def record(request: Request, ctx: Context) -> Response:
    """The summary: what others changed since the last « vu », alerts, at a glance, the beginning of the thread; aside the circle."""
    patient = str(request.path_params["id"])
    held = await records.read(ctx, patient=patient)
    facts = changes.grouped(held.since.facts)
    flags = [one for one in held.of("Flag") if one.get("status") == "active"]
    return render(
        request,
        ctx,
        "coordination/record.html",
        patient=patient,
        banner=held.banner,
        tabs=record_tabs(patient),
        since=held.since,
        changes=facts[:SHOWN],
        further=facts[SHOWN:],
        alerts=await alerts.of_record(ctx, flags, most=ALERTS),
        more_alerts=len(flags[ALERTS:]),
        before_me={ctx.actor.reference, *ctx.actor.organizations},
        marks=held.since.marks,
        clinical=not {"Condition", "MedicationStatement"} & held.kept,
        problems=timeline.problems(held.of("Condition")),
        treatments=timeline.treatments(held.of("MedicationStatement", "MedicationRequest")),
        gir=dependence.gir(held.of("QuestionnaireResponse", "Coverage", "Observation")),
        measures=timeline.measures(held.of("Observation"), held.of("Goal")),
        thread=held.thread.lines,
        following=held.thread.following,
        coming=timeline.coming(held.of("Appointment"), ctx.now),
        own_words=timeline.own_words(held.of("Goal")),
        circle=held.circle,
        contact=held.contact,
        seen_now=request.query_params.get("fait") == "vu",
    )


async def see(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/vu: `jusqua` is the place in the log of the page that was seen: what came since stays new."""
    patient, form = str(request.path_params["id"]), await request.form()
    await seen.mark(ctx, patient=patient, until=str(form.get("jusqua", "")))
    return redirect(f"/patients/{patient}?fait=vu")


async def unsee(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/vu/annuler: takes the last « vu » back."""
    patient = str(request.path_params["id"])
    await seen.take_back(ctx, patient=patient)
    return redirect(f"/patients/{patient}")


routes = [
    page("/patients", search, permission=Permission.PATIENT_SEARCH),
    page("/patients/{id}", record, permission=Permission.RECORD_READ),
    action("/patients/{id}/vu", see, permission=Permission.RECORD_READ),
    action("/patients/{id}/vu/annuler", unsee, permission=Permission.RECORD_READ),
]
