"""Visits at home: planned, moved, given to somebody else, cancelled, made."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.errors import Conflict, PreconditionFailed
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.agenda import LENGTHS, VisitForm, visit_form
from maillage.services.coordination.resources.home_visit import HomeVisit, home_visit_from
from maillage.services.coordination.service import absences, home_visits
from maillage.services.coordination.service.meanwhile import Change, Resource, meanwhile
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.words import care_date, spoken_time

SAID = {"prevue": "Visite prévue. Elle est dans l’agenda.", "deplacee": "Visite modifiée.", "annulee": "Visite annulée.", "faite": "Visite faite. Le compte rendu est dans les contacts."}  # fmt: skip
LABELS = {"motif": "Pour quoi", "jour": "Le", "heure": "À", "duree": "Durée", "lieu": "Lieu", "qui": "Par qui"}


async def new(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/visites/nouvelle."""
    values = {"qui": ctx.actor.reference or "", "duree": "60", "jour": request.query_params.get("jour", "")}
    return await _form(request, ctx, VisitForm(values))


async def plan(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/visites: `motif`, `jour`, `heure`, `duree` in minutes, `lieu`, `qui`. Where who goes is taken, both are shown (409)."""
    form = visit_form(await _sent(request), now=ctx.now)
    if form.planned is None:
        return await _form(request, ctx, form, status=422)
    try:
        async with ctx.savepoint():
            made = await home_visits.plan(ctx, patient=str(request.path_params["id"]), planned=form.planned)
    except Conflict as taken:
        return await _form(request, ctx, form, taken=taken.french, status=409)
    return redirect(f"/visites/{made.id}?fait=prevue")


async def one(request: Request, ctx: Context) -> Response:
    """GET /visites/{id}."""
    return await _visit(request, ctx)


async def move(request: Request, ctx: Context) -> Response:
    """POST /visites/{id}/deplacer: the fields of a visit, and the version that was read."""
    sent = await _sent(request)
    version = sent.get("version", "")
    form = visit_form(sent, now=ctx.now)
    form = replace(form, values={**form.values, "version": version})  # shown again, it stands on what it read
    if form.planned is None:
        return await _visit(request, ctx, form, status=422)
    planned = form.planned
    return await _changed(
        request, ctx, "deplacee", form,
        lambda: home_visits.move(ctx, visit=str(request.path_params["id"]), version=version, planned=planned), version,
    )  # fmt: skip


async def cancel(request: Request, ctx: Context) -> Response:
    """POST /visites/{id}/annuler: `raison`."""
    return await _with_words(request, ctx, "annulee", "raison", home_visits.cancel)


async def finish(request: Request, ctx: Context) -> Response:
    """POST /visites/{id}/faite: `resultat`."""
    return await _with_words(request, ctx, "faite", "resultat", home_visits.finish)


Step = Callable[..., Awaitable[Any]]


async def _with_words(request: Request, ctx: Context, said: str, name: str, step: Step) -> Response:
    sent = await _sent(request)
    words, visit = sent.get(name, "").strip(), str(request.path_params["id"])
    if not words:
        return await _visit(request, ctx, VisitForm({}, {name: "Écrivez-le en quelques mots"}), status=422)
    form = VisitForm({name: words})
    version = sent.get("version", "")
    return await _changed(request, ctx, said, form, lambda: step(ctx, visit=visit, version=version, words=words), version)


async def _changed(
    request: Request, ctx: Context, said: str, form: VisitForm, step: Callable[[], Awaitable[Any]], version: str
) -> Response:
    """Makes the change; where somebody was faster or who goes is taken, the visit as it is now with what was written (409)."""
    try:
        async with ctx.savepoint():
            await step()
    except PreconditionFailed:
        return await _visit(request, ctx, form, stale=version, status=409)
    except Conflict as taken:
        return await _visit(request, ctx, form, taken=taken.french, status=409)
    return redirect(f"/visites/{request.path_params['id']}?fait={said}")


async def _sent(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


async def _form(request: Request, ctx: Context, form: VisitForm, *, taken: str = "", status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    return render(
        request, ctx, "coordination/visit_new.html", status=status, patient=patient, banner=await identity.banner(ctx, patient),
        values=form.values, faults=form.faults, taken=taken, lengths=list(LENGTHS.items()), goers=await absences.told(ctx, await home_visits.goers(ctx, patient)),
        asked=_words(form, {}),
    )  # fmt: skip


async def _visit(
    request: Request, ctx: Context, form: VisitForm | None = None, *, taken: str = "", stale: str | None = None, status: int = 200
) -> Response:  # fmt: skip
    held = await home_visits.read(ctx, visit=str(request.path_params["id"]))
    now, form = values_of(held.visit), form or VisitForm({})
    names = {one.reference: one.name for one in held.goers}
    conflicts: list[Change] = []
    if stale is not None:
        met = await meanwhile(
            ctx, "Appointment", held.visit.id, version=stale, mine=form.values, labels=LABELS, shown=_fields, words=lambda name, value: _word(name, value, names)
        )  # fmt: skip
        written = _words(form, names) or " ".join(form.values.values())
        form, conflicts = (
            replace(form, values={**met.values, "version": met.version}),
            met.changes or [("La visite", "Modifiée entre-temps", written)],
        )
    return render(
        request, ctx, "coordination/visit.html", status=status, visit=held.visit, banner=held.banner, goers=held.goers, faults=form.faults,
        values={**now, **form.values}, lengths=_lengths(now["duree"]), taken=taken, asked=_words(form, names),
        conflicts=conflicts, said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


def _words(form: VisitForm, names: dict[str, str]) -> str:
    """What was asked for, to stand beside what is there already."""
    if form.planned is None:
        return ""
    start, end = form.planned.start, form.planned.end
    who = names.get(form.planned.who, "")
    return f"{form.planned.what}, le {care_date(start)}, de {spoken_time(start)} à {spoken_time(end)}" + (
        f", {who}" if who else ""
    )


def _word(name: str, value: str, names: dict[str, str]) -> str:
    return {"qui": names.get(value, value), "duree": LENGTHS.get(value, value)}.get(name, value)


def _fields(resource: Resource) -> dict[str, str]:
    return values_of(home_visit_from(resource))


def _lengths(now: str) -> list[tuple[str, str]]:
    """The lengths that are offered, and that of the visit where it is another."""
    return [*LENGTHS.items(), *([] if now in LENGTHS else [(now, f"{now} minutes")])]


def values_of(visit: HomeVisit) -> dict[str, str]:
    """A visit as its form shows it."""
    start = visit.start.astimezone(PARIS)
    return {
        "motif": visit.what, "jour": start.date().isoformat(), "heure": f"{start:%H:%M}", "lieu": visit.place, "qui": visit.owner,
        "duree": str(int((visit.end - visit.start).total_seconds() // 60)),
    }  # fmt: skip


routes = [
    page("/patients/{id}/visites/nouvelle", new, permission=Permission.TASK_WRITE),
    action("/patients/{id}/visites", plan, permission=Permission.TASK_WRITE),
    page("/visites/{id}", one, permission=Permission.TASK_READ),
    action("/visites/{id}/deplacer", move, permission=Permission.TASK_WRITE),
    action("/visites/{id}/annuler", cancel, permission=Permission.TASK_WRITE),
    action("/visites/{id}/faite", finish, permission=Permission.TASK_WRITE),
]
