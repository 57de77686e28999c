"""The tasks of somebody and of their team: listed by deadline, asked for, taken, given, answered, put off, cancelled, done, opened again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from starlette.datastructures import FormData
from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import in_paris
from maillage.errors import Invalid, PreconditionFailed
from maillage.http import Request, action, page, redirect
from maillage.services.coordination import rules
from maillage.services.coordination.forms.task import EVENING, OFFERED, TaskForm, key, moment, task_form
from maillage.services.coordination.resources import work_notices
from maillage.services.coordination.resources.task import Task, task_from
from maillage.services.coordination.rules.tasks import is_call
from maillage.services.coordination.service import absences, colleagues, contacts, task_guard, tasks, work
from maillage.services.coordination.service.meanwhile import Change, meanwhile
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.words import care_date

keep_tasks, words = task_guard.keep_tasks, work_notices.task_words  # declared wherever these pages are served
VIEWS = (
    ("À faire", ""), ("Mes tâches", "mes"), ("L’équipe", "equipe"), ("En retard", "retard"), ("Cette semaine", "semaine"),
    ("Demandées par moi", "demandees"), ("Faites", "faites"),
)  # fmt: skip
SAID = {
    "creee": "Tâche créée. Qui l’a est prévenu.", "prise": "Tâche prise.", "confiee": "Tâche confiée. Qui l’a est prévenu.", "acceptee": "Tâche acceptée.",
    "refusee": "Tâche refusée. Qui l’a demandée est prévenu.", "reportee": "Échéance reportée.", "annulee": "Tâche annulée.", "rouverte": "Tâche rouverte.",
    "modifiee": "Tâche modifiée.", "faite": "Tâche faite.", "etapes": "Étapes enregistrées.",
}  # fmt: skip
NEEDED = "Dites pourquoi, en quelques mots"


async def list_tasks(request: Request, ctx: Context) -> Response:
    """The tasks of one view by deadline, or those done lately."""
    view = request.query_params.get("vue", "")
    view = view if view in {code for _, code in VIEWS} else ""
    found, patients = await work.mine(ctx, view=view)
    return render(
        request, ctx, "coordination/tasks.html", tasks=found, patients=patients, view=view, done=view == "faites", delay=rules.delay,
        views=[(words, f"/taches?vue={code}" if code else "/taches") for words, code in VIEWS],
        said=request.query_params.get("fait", ""), counts={"/taches": len(found)} if view == "" else {},
    )  # fmt: skip


async def new(request: Request, ctx: Context) -> Response:
    """The form of a task for a person."""
    patient = request.query_params.get("patient", "")
    values = {"priorite": "routine", "pour": ctx.actor.reference or ""}
    return await _form(request, ctx, patient, TaskForm(values), str(uuid4()))


async def create(request: Request, ctx: Context) -> Response:
    """Makes the task, once however often its form is sent."""
    sent = _texts(await request.form())
    id, patient = key(sent.get("cle", "")) or str(uuid4()), sent.get("patient", "")
    form = task_form(sent, now=ctx.now)
    if form.asked is None:
        return await _form(request, ctx, patient, form, id)
    await work.create(ctx, id=id, patient=patient, asked=form.asked)
    return redirect(f"/taches/{id}?fait=creee")


async def one(request: Request, ctx: Context) -> Response:
    """A task: what, for whom, by when, whose, and what was done about it."""
    held = await work.one(ctx, task=str(request.path_params["id"]))
    said = SAID.get(request.query_params.get("fait", ""), "")
    return await _one(request, ctx, held, said=said)


async def _one(request: Request, ctx: Context, held: work.Held, *, said: str = "", faults: Mapping[str, str] | None = None,
               values: Mapping[str, str] | None = None, changes: Sequence[Change] = (), status: int = 200) -> Response:  # fmt: skip
    return render(
        request, ctx, "coordination/task.html", status=status, held=held, task=held.task, delay=rules.delay, said_words=said,
        banner=await identity.banner(ctx, held.task.patient), mine=held.task.owner == ctx.actor.reference, call=is_call(held.task.code), priorities=list(OFFERED.items()),
        faults=dict(faults or {}), values=dict(values or values_of(held.task)), changes=changes, last=next(iter(held.steps), None),
    )  # fmt: skip


async def edit(request: Request, ctx: Context) -> Response:
    """Other words, deadline, priority or reminder. Where somebody was faster, both texts are shown."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    held = await work.one(ctx, task=task)
    form = task_form(sent, now=ctx.now, owner=held.task.owner)
    if form.asked is None:
        read = {"version": sent.get("version", "")}  # what it was made of stays, whatever others wrote meanwhile
        return await _one(request, ctx, held, faults=form.faults, values={**form.values, **read}, status=422)
    asked = form.asked
    return await _moved(
        request,
        ctx,
        task,
        "modifiee",
        lambda: work.edit(ctx, task=task, version=sent.get("version", ""), asked=asked),
        form.values,
        version=sent.get("version", ""),
    )


async def check(request: Request, ctx: Context) -> Response:
    """POST /taches/{id}/etapes: the places of the steps that were done (`etape`, several)."""
    task, form = str(request.path_params["id"]), await request.form()
    done = {int(text) for one in form.getlist("etape") if (text := str(one)).isdecimal() and len(text) < 4}
    version = str(form.get("version", ""))
    return await _moved(request, ctx, task, "etapes", lambda: work.check(ctx, task=task, version=version, done=done))


async def take(request: Request, ctx: Context) -> Response:
    """Makes a task one's own."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    return await _moved(request, ctx, task, "prise", lambda: work.take(ctx, task=task, version=sent.get("version", "")))


async def give(request: Request, ctx: Context) -> Response:
    """Gives a task to somebody else."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    to, words = sent.get("a", ""), sent.get("mot", "").strip()
    return await _moved(
        request, ctx, task, "confiee", lambda: work.give(ctx, task=task, version=sent.get("version", ""), to=to, words=words), {"mot": words}
    )  # fmt: skip


async def accept(request: Request, ctx: Context) -> Response:
    """Says yes to a task that was given."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    version = sent.get("version", "")
    return await _moved(request, ctx, task, "acceptee", lambda: work.answer(ctx, task=task, version=version, accepts=True))


async def refuse(request: Request, ctx: Context) -> Response:
    """Says no to a task that was given, and why."""
    return await _with_words(
        request,
        ctx,
        "refusee",
        lambda task, version, words: work.answer(ctx, task=task, version=version, accepts=False, words=words),
    )


async def cancel(request: Request, ctx: Context) -> Response:
    """Says that a task need not be done, and why."""
    return await _with_words(
        request, ctx, "annulee", lambda task, version, words: work.cancel(ctx, task=task, version=version, words=words)
    )


async def postpone(request: Request, ctx: Context) -> Response:
    """Another deadline, and why."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    due, words = moment(sent.get("jusqu", ""), None, EVENING), sent.get("motif", "").strip()
    faults = {} if due else {"jusqu": "Indiquez une date qui existe"}
    if not words:
        faults["motif"] = NEEDED
    if due is None or faults:
        return await _one(request, ctx, await work.one(ctx, task=task), faults=faults, status=422)
    moved = due
    try:
        return await _moved(
            request,
            ctx,
            task,
            "reportee",
            lambda: work.postpone(ctx, task=task, version=sent.get("version", ""), due=moved, words=words),
        )
    except Invalid as fault:
        return await _one(request, ctx, await work.one(ctx, task=task), faults={"jusqu": fault.message}, status=422)


async def do(request: Request, ctx: Context) -> Response:
    """Says that a task is done, with what came of it: from its page, or in one touch from the list. `appel`: it was a call, and the record says so too."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    if "version" not in sent:
        await tasks.mark(ctx, task=task, done=True)
        return redirect(f"/taches?fait={task}")
    words = sent.get("resultat", "").strip()

    async def finish() -> None:
        held = task_from(await work.finish(ctx, task=task, version=sent["version"], words=words))
        if sent.get("appel") and is_call(held.code):
            await contacts.of_task(ctx, held, result=words)

    return await _moved(
        request,
        ctx,
        task,
        "faite",
        finish,
        {"resultat": words},
    )


async def undo(request: Request, ctx: Context) -> Response:
    """Takes « done » back, or opens a task again."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    if "version" not in sent:
        await tasks.mark(ctx, task=task, done=False)
        return redirect("/taches")
    return await _moved(request, ctx, task, "rouverte", lambda: work.reopen(ctx, task=task, version=sent["version"]))


Step = Callable[[str, str, str], Awaitable[Any]]


async def _with_words(request: Request, ctx: Context, said: str, step: Step) -> Response:
    """A move that says why."""
    task, sent = str(request.path_params["id"]), _texts(await request.form())
    words = sent.get("motif", "").strip()
    if not words:
        return await _one(request, ctx, await work.one(ctx, task=task), faults={"motif": NEEDED}, status=422)
    return await _moved(request, ctx, task, said, lambda: step(task, sent.get("version", ""), words), {"motif": words})


async def _moved(
    request: Request,
    ctx: Context,
    task: str,
    said: str,
    step: Callable[[], Awaitable[Any]],
    written: Mapping[str, str] | None = None,
    version: str = "",
) -> Response:
    """Makes the move; where somebody was faster, the task as it is now with what was written, to be sent again (409). `written` over `version`: the whole form."""
    try:
        async with ctx.savepoint():
            await step()
    except PreconditionFailed:
        held = await work.one(ctx, task=task)
        now = await meanwhile(
            ctx, "Task", task, version=version, mine=written or {}, labels=LABELS if version else {}, shown=_fields, words=_shown
        )
        done = held.steps[0].words if held.steps else held.task.state
        meant = SAID[said] if version else " ".join((SAID[said], *(written or {}).values())).strip()
        return await _one(
            request,
            ctx,
            held,
            changes=now.changes or [("La tâche", done, meant)],
            values={**now.values, "version": now.version} if version else None,
            status=409,
        )
    return redirect(f"/taches/{task}?fait={said}")


LABELS = {
    "priorite": "Priorité", "titre": "À faire", "details": "Précisions", "etapes": "Étapes", "echeance": "Pour le", "heure": "Heure", "rappel": "Rappel",
}  # fmt: skip


def _fields(resource: Mapping[str, Any]) -> Mapping[str, str]:
    return values_of(task_from(dict(resource)))


def _shown(name: str, value: str) -> str:
    if name in ("echeance", "rappel") and (day := moment(value, None, EVENING)):
        return care_date(day)
    return OFFERED.get(value, value) if name == "priorite" else value


def values_of(task: Task) -> dict[str, str]:
    """A task as its form shows it."""
    due, remind = in_paris(task.due), in_paris(task.remind) if task.remind else None
    return {
        "titre": task.title, "details": task.description, "echeance": due.date().isoformat(), "heure": f"{due:%H:%M}",
        "priorite": task.priority, "rappel": remind.date().isoformat() if remind else "",
        "etapes": "\n".join(what for what, _ in task.checks),
    }  # fmt: skip


async def _form(request: Request, ctx: Context, patient: str, form: TaskForm, id: str) -> Response:
    return render(
        request, ctx, "coordination/task_new.html", status=422 if form.faults else 200, patient=patient, banner=await identity.banner(ctx, patient),
        takers=await absences.told(ctx, await colleagues.takers(ctx, patient)), values=form.values, faults=form.faults, key=id, priorities=list(OFFERED.items()),
    )  # fmt: skip


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


routes = [
    page("/taches", list_tasks, permission=Permission.TASK_READ),
    page("/taches/nouvelle", new, permission=Permission.TASK_WRITE),
    action("/taches", create, permission=Permission.TASK_WRITE),
    page("/taches/{id}", one, permission=Permission.TASK_READ),
    action("/taches/{id}/modifier", edit, permission=Permission.TASK_WRITE),
    action("/taches/{id}/etapes", check, permission=Permission.TASK_WRITE),
    action("/taches/{id}/prendre", take, permission=Permission.TASK_WRITE),
    action("/taches/{id}/confier", give, permission=Permission.TASK_WRITE),
    action("/taches/{id}/accepter", accept, permission=Permission.TASK_WRITE),
    action("/taches/{id}/refuser", refuse, permission=Permission.TASK_WRITE),
    action("/taches/{id}/reporter", postpone, permission=Permission.TASK_WRITE),
    action("/taches/{id}/annuler", cancel, permission=Permission.TASK_WRITE),
    action("/taches/{id}/faite", do, permission=Permission.TASK_WRITE),
    action("/taches/{id}/a-faire", undo, permission=Permission.TASK_WRITE),
]
