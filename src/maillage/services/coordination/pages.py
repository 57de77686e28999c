"""Pages: patient search, the person's record, its circle, the caseload, the tasks."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination import rules
from maillage.services.coordination.resources import timeline
from maillage.services.coordination.service import caseload, records, tasks
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs

TIMELINE = 25
CHANGED = 8
PAGE = 50


async def search(request: Request, ctx: Context) -> Response:
    """People by birth name, first name, birth date or INS, among those whom the actor may see."""
    text = request.query_params.get("q", "").strip()
    found = await records.search(ctx, text=text) if text else []
    return render(
        request,
        ctx,
        "coordination/search.html",
        q=text,
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


async def circle(request: Request, ctx: Context) -> Response:
    """Who is around the person, with what each does."""
    patient = str(request.path_params["id"])
    held = await records.circle(ctx, patient=patient)
    return render(
        request,
        ctx,
        "coordination/circle.html",
        patient=patient,
        banner=held.banner,
        tabs=record_tabs(patient),
        circle=held.circle,
    )


async def people(request: Request, ctx: Context) -> Response:
    """The caseload of the coordination team, the nearest deadline first."""
    view = request.query_params.get("vue", "")
    held = await caseload.read(ctx)
    lines = [line for line in held.people if _kept(line, view)]
    first = _first_line(request)
    return render(
        request, ctx, "coordination/caseload.html", held=held, lines=lines[first : first + PAGE], view=view, delay=rules.delay,
        first=first, found=len(lines), following=first + PAGE if first + PAGE < len(lines) else 0, counts={"/taches": held.open},
    )  # fmt: skip


def _first_line(request: Request) -> int:
    """The `?depuis=` of a long list: a whole number of lines to pass over, anything else is the beginning."""
    text = request.query_params.get("depuis", "0")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _kept(line: rules.Followed, view: str) -> bool:
    return {"change": line.changed is not None, "tache": line.next is not None}.get(view, True)


async def list_tasks(request: Request, ctx: Context) -> Response:
    """The tasks of the team by deadline, or those done lately."""
    done = request.query_params.get("vue") == "faites"
    found, patients = await tasks.of_teams(ctx, done=done)
    return render(
        request, ctx, "coordination/tasks.html", tasks=found, patients=patients, done=done, delay=rules.delay,
        said=request.query_params.get("fait", ""), counts={} if done else {"/taches": len(found)},
    )  # fmt: skip


async def do(request: Request, ctx: Context) -> Response:
    """Says that a task is done."""
    task = str(request.path_params["id"])
    await tasks.mark(ctx, task=task, done=True)
    return redirect(f"/taches?fait={task}")


async def undo(request: Request, ctx: Context) -> Response:
    """Takes « done » back."""
    await tasks.mark(ctx, task=str(request.path_params["id"]), done=False)
    return redirect("/taches")


routes = [
    page("/patients", search, permission=Permission.PATIENT_SEARCH),
    page("/patients/{id}", record, permission=Permission.RECORD_READ),
    page("/patients/{id}/cercle", circle, permission=Permission.RECORD_READ),
    page("/file-active", people, permission=Permission.CASELOAD_READ),
    page("/taches", list_tasks, permission=Permission.TASK_READ),
    action("/taches/{id}/faite", do, permission=Permission.TASK_WRITE),
    action("/taches/{id}/a-faire", undo, permission=Permission.TASK_WRITE),
]
