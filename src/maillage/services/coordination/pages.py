"""Pages: patient search, the person's record, its circle, the caseload, the tasks."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.errors import Forbidden, Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.coordination import rules
from maillage.services.coordination.forms import OPENING_REASONS, EmergencyForm, call_form, emergency_form
from maillage.services.coordination.resources import timeline
from maillage.services.coordination.service import caseload, emergencies, records, tasks
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights
from maillage.ui import render
from maillage.ui.places import record_tabs

TIMELINE = 25
CHANGED = 8
PAGE = 50
COLLECTED = "Choix de la personne enregistré. Il s’applique dès maintenant."
KEPT = "C’est noté : ni les représentants légaux ni les aidants ne le voient, dès maintenant."
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
        chosen=await rights.choices_of(ctx, patient),
        may_keep=permits(ctx.actor, Permission.SECRETS_KEEP),
        purposes=rights.CHOICES,
        named=[(code, purpose.title) for code, purpose in rights.CHOICES.items()],
        ways=rights.WAYS,
        said_words=COLLECTED if request.query_params.get("fait") == "choix" else "",
    )


async def collect(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/choix: what the person said to whoever cares for them. `choix` is a purpose, `reponse` oui or non, `voie` how they said it."""
    patient, form = str(request.path_params["id"]), await request.form()
    answer = form.get("reponse")
    if answer not in ("oui", "non"):
        raise Invalid.at("reponse", "the answer is oui or non")
    await rights.choose(ctx, patient, str(form.get("choix", "")), denied=answer == "non", how=str(form.get("voie", "")))
    return redirect(f"/patients/{patient}/cercle?fait=choix")


async def secrets(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/secrets: what is kept from legal representatives, and what could be."""
    patient = str(request.path_params["id"])
    return render(
        request, ctx, "coordination/secrets.html", patient=patient, banner=await identity.banner(ctx, patient), tabs=record_tabs(patient),
        kept=await rights.secrets_of(ctx, patient), said_words=KEPT if request.query_params.get("fait") else "",
    )  # fmt: skip


async def keep_secret(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/secrets: `quoi` is the reference of a stay or a document."""
    patient, form = str(request.path_params["id"]), await request.form()
    await rights.mark_secret(ctx, patient, str(form.get("quoi", "")))
    return redirect(f"/patients/{patient}/secrets?fait=secret")


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


async def emergency(request: Request, ctx: Context) -> Response:
    """GET /urgence: the form that opens the record of somebody one does not follow."""
    return _emergency_page(request, ctx, EmergencyForm({}))


async def open_in_emergency(request: Request, ctx: Context) -> Response:
    """POST /urgence: opens it and leads there, or says what is missing or that nobody was found."""
    form = emergency_form({name: str(value) for name, value in (await request.form()).items()})
    if form.faults or form.reason is None:
        return _emergency_page(request, ctx, form, status=422)
    try:
        record = await emergencies.open_for(
            ctx, form.traits, matricule=form.matricule, reason=form.reason, words=form.values["explication"]
        )
    except rights.Opposed:
        return _emergency_page(request, ctx, form, status=403, opposed=True)
    except Forbidden:
        return _emergency_page(request, ctx, form, status=403, refused=True)
    return redirect(f"/patients/{record}") if record else _emergency_page(request, ctx, form, status=404, unknown=True)


async def call(request: Request, ctx: Context) -> Response:
    """GET /centre-15: the form that opens the record of whom a call is about."""
    return _call_page(request, ctx, EmergencyForm({}))


async def open_for_call(request: Request, ctx: Context) -> Response:
    """POST /centre-15: the INS or the traits, and `appel`, the number of the call; leads to the record."""
    form = call_form({name: str(value) for name, value in (await request.form()).items()})
    if form.faults:
        return _call_page(request, ctx, form, status=422)
    try:
        record = await emergencies.open_for_call(ctx, form.traits, matricule=form.matricule, number=form.values["appel"])
    except rights.Opposed:
        return _call_page(request, ctx, form, status=403, why="opposed")
    except Forbidden:
        return _call_page(request, ctx, form, status=403, why="refused")
    return redirect(f"/patients/{record}") if record else _call_page(request, ctx, form, status=404, why="unknown")


def _call_page(request: Request, ctx: Context, form: EmergencyForm, *, status: int = 200, why: str = "") -> Response:
    minutes = rights.CALL_LASTS.seconds // 60
    return render(
        request, ctx, "coordination/call.html", status=status, values=form.values, faults=form.faults, why=why, minutes=minutes
    )


async def close_emergency(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/urgence/fermer."""
    await rights.close_emergency(ctx, str(request.path_params["id"]))
    return redirect("/patients?fait=referme")


def _emergency_page(
    request: Request,
    ctx: Context,
    form: EmergencyForm,
    *,
    status: int = 200,
    unknown: bool = False,
    refused: bool = False,
    opposed: bool = False,
) -> Response:
    return render(
        request, ctx, "coordination/emergency.html", status=status, values=form.values, faults=form.faults,
        reasons=list(OPENING_REASONS.items()), hours=rights.LASTS.seconds // 3600, unknown=unknown, refused=refused, opposed=opposed,
    )  # fmt: skip


routes = [
    page("/patients", search, permission=Permission.PATIENT_SEARCH),
    page("/urgence", emergency, permission=Permission.EMERGENCY_OPEN),
    action("/urgence", open_in_emergency, permission=Permission.EMERGENCY_OPEN),
    page("/centre-15", call, permission=Permission.EMERGENCY_CALL),
    action("/centre-15", open_for_call, permission=Permission.EMERGENCY_CALL),
    action("/patients/{id}/urgence/fermer", close_emergency, permission=Permission.EMERGENCY_OPEN, fresh=False),
    page("/patients/{id}", record, permission=Permission.RECORD_READ),
    page("/patients/{id}/cercle", circle, permission=Permission.RECORD_READ),
    page("/patients/{id}/secrets", secrets, permission=Permission.SECRETS_KEEP),
    action("/patients/{id}/secrets", keep_secret, permission=Permission.SECRETS_KEEP),
    action("/patients/{id}/choix", collect, permission=Permission.CHOICES_COLLECT),
    page("/file-active", people, permission=Permission.CASELOAD_READ),
    page("/taches", list_tasks, permission=Permission.TASK_READ),
    action("/taches/{id}/faite", do, permission=Permission.TASK_WRITE),
    action("/taches/{id}/a-faire", undo, permission=Permission.TASK_WRITE),
]
