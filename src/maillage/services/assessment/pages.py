"""The assessments of a person: what was assessed, begun, filled in as one goes, finished, corrected, compared."""

import uuid

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.fhir.dates import span
from maillage.http import Request, action, page, redirect
from maillage.services.assessment.forms import answers as forms
from maillage.services.assessment.resources.assessment import OPEN, RECORDED, compared, is_the_persons
from maillage.services.assessment.resources.questionnaire import Form
from maillage.services.assessment.resources.request import Asked
from maillage.services.assessment.resources.response import every
from maillage.services.assessment.resources.words import shown
from maillage.services.assessment.rules.values import number
from maillage.services.assessment.service import assessments, own
from maillage.services.assessment.service.assessments import Assessment
from maillage.ui import render
from maillage.ui.drawings import curve
from maillage.ui.places import record_tabs

SAID = {
    "fini": "Évaluation enregistrée dans le dossier.",
    "corrige": "Correction enregistrée ; la version d’avant reste dans l’historique.",
    "demande": "C’est demandé : la personne le trouve dans son espace, à « Mes questionnaires ».",
    "annule": "La demande est annulée.",
    "retire": "Évaluation retirée du dossier ; la trace reste.",
}
WHOLE = "Évaluation globale"
AGAIN = {"ajouter", "retirer", "recalculer"}
"""Buttons after which the form is shown again at once."""
STATUSES = {"in-progress": "Brouillon", "completed": "Terminée", "amended": "Corrigée", "entered-in-error": "Saisie par erreur"}


async def of_person(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/evaluations: drafts, finished ones, and what may be begun."""
    patient = str(request.path_params["id"])
    held = await assessments.of_person(ctx, patient=patient)
    return render(
        request, ctx, "assessment/assessments.html", patient=patient, banner=held.banner, tabs=record_tabs(patient), held=held, shown=shown, asked=await own.asked_of(ctx, patient), groups=_by_subject(held.offered),
        may_write=permits(ctx.actor, Permission.RECORD_WRITE), key=str(uuid.uuid4()), said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


def _by_subject(forms: list[Form]) -> list[tuple[str, list[Form]]]:
    """The forms by what they are about: first those of everything, last those that say nothing."""
    subjects = sorted({one.subject for one in forms}, key=lambda subject: (subject != WHOLE, not subject, subject.casefold()))
    return [(subject or "Autres questionnaires", [one for one in forms if one.subject == subject]) for subject in subjects]


async def begin(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/evaluations: `questionnaire` (its url), `cle`."""
    patient, form = str(request.path_params["id"]), await request.form()
    id = await assessments.begin(ctx, patient=patient, url=str(form.get("questionnaire", "")), key=str(form.get("cle", "")))
    return redirect(f"/patients/{patient}/evaluations/{id}")


async def one(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/evaluations/{assessment}: the form of a draft; what a finished one says; with `?corriger` its form again."""
    patient, id = _named(request)
    held = await assessments.read(ctx, patient=patient, id=id)
    correcting = "corriger" in request.query_params
    may_write = permits(ctx.actor, Permission.RECORD_WRITE)
    if (
        may_write
        and not (held.response["status"] == OPEN and is_the_persons(held.response))
        and (held.response["status"] == OPEN or (correcting and held.response["status"] in RECORDED))
    ):
        return _form(request, ctx, held, saved="enregistre" in request.query_params)
    return render(
        request, ctx, "assessment/assessment.html", patient=patient, banner=held.banner, tabs=record_tabs(patient), held=held, shown=shown,
        may_write=may_write and held.response["status"] in RECORDED, status=200, state=STATUSES.get(held.response["status"], held.response["status"]),
        said_words=SAID.get(request.query_params.get("fait", ""), ""), address=held.form.url,
    )  # fmt: skip


async def save(request: Request, ctx: Context) -> Response:
    """POST of that form: `version`, the fields, and the button: `terminer`, `ajouter` or `retirer` a line, else a draft. `recalculer` is that of the page's own script."""
    patient, id = _named(request)
    sent, version = await _sent(request)
    finish = "terminer" in sent
    held, written = await assessments.save(ctx, patient=patient, id=id, version=version, sent=sent, finish=finish)
    if finish and written:
        said = "corrige" if held.response["status"] == "amended" else "fini"
        return redirect(f"/patients/{patient}/evaluations/{id}?fait={said}")
    if held.changes or held.faults or not written or AGAIN & set(sent):
        status = 409 if held.changes else 422 if held.faults else 200
        return _form(request, ctx, held, status=status, saved=written)
    return redirect(f"/patients/{patient}/evaluations/{id}?enregistre=1#resultat")


def _form(request: Request, ctx: Context, held: Assessment, *, status: int = 200, saved: bool = False) -> Response:
    patient, id = _named(request)
    answered, asked = assessments.answered_of(held.done)
    return render(
        request, ctx, "assessment/form.html", status=status, patient=patient, banner=held.banner, tabs=record_tabs(patient), held=held, shown=shown,
        address=f"/patients/{patient}/evaluations/{id}", answered=answered, asked=asked, saved=saved, correcting=held.response["status"] in RECORDED,
        counts=_counts(held), results=_results(held), typed_values=forms.typed, is_chosen=forms.is_chosen,
    )  # fmt: skip


def _counts(held: Assessment) -> dict[str, int]:
    """How often each group that repeats is on the page, by the name of its first."""
    counts: dict[str, int] = {}
    for node in every(held.done.nodes):
        if node.item.kind == "group" and node.item.repeats:
            stem, _, last = node.name.rpartition("r")
            first = stem if stem and last.isdecimal() and "-" not in last else node.name
            counts[first] = counts.get(first, 0) + 1
    return counts


async def withdraw(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/evaluations/{assessment}/erreur: `version`."""
    patient, id = _named(request)
    await assessments.withdraw(ctx, patient=patient, id=id, version=str((await request.form()).get("version", "")))
    return redirect(f"/patients/{patient}/evaluations?fait=retire")


async def compare(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/evaluations/comparer?questionnaire=: one form over time and between those who assessed."""
    patient = str(request.path_params["id"])
    banner, form, held = await assessments.alike(ctx, patient=patient, url=request.query_params.get("questionnaire", ""))
    ordered = list(reversed(held))
    points = [
        (span(one.response["authored"])[0], said)
        for one in ordered
        for node in one.result.scores[:1]
        if (said := number(node.value)) is not None
    ]
    return render(
        request, ctx, "assessment/compared.html", patient=patient, banner=banner, tabs=record_tabs(patient), form=form, held=ordered,
        rows=compared([one.done.nodes for one in ordered], shown=shown), curve=curve(points) if len(points) > 1 else None,
    )  # fmt: skip


def _named(request: Request) -> tuple[str, str]:
    return str(request.path_params["id"]), str(request.path_params["assessment"])


async def ask(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/evaluations/demander: `questionnaire` (its url), `cle`: the person is asked to answer."""
    patient, form = str(request.path_params["id"]), await request.form()
    await own.ask(ctx, patient=patient, url=str(form.get("questionnaire", "")), key=str(form.get("cle", "")))
    return redirect(f"/patients/{patient}/evaluations?fait=demande")


async def take_back(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/evaluations/demander/{asked}: the person need not answer any more."""
    patient = str(request.path_params["id"])
    await own.take_back(ctx, patient=patient, id=str(request.path_params["asked"]))
    return redirect(f"/patients/{patient}/evaluations?fait=annule")


async def mine(request: Request, ctx: Context) -> Response:
    """GET /mes-questionnaires: what the person, or who helps them, is asked."""
    return render(request, ctx, "assessment/mine.html", held=await own.mine(ctx), said_words="")


async def answer(request: Request, ctx: Context) -> Response:
    """GET /mes-questionnaires/{asked}: the form, or what was answered."""
    asked, held = await own.open_(ctx, id=str(request.path_params["asked"]))
    return _own_form(
        request, ctx, asked, held, saved="enregistre" in request.query_params, sent_now="envoye" in request.query_params
    )


async def send(request: Request, ctx: Context) -> Response:
    """POST of that form, as of an assessment."""
    sent, version = await _sent(request)
    finish = "terminer" in sent
    asked, held, written = await own.save(ctx, id=str(request.path_params["asked"]), version=version, sent=sent, finish=finish)
    here = f"/mes-questionnaires/{asked.id}"
    if finish and written:
        return redirect(f"{here}?envoye=1")
    if held.changes or held.faults or not written or AGAIN & set(sent):
        status = 409 if held.changes else 422 if held.faults else 200
        return _own_form(request, ctx, asked, held, status=status, saved=written)
    return redirect(f"{here}?enregistre=1")


def _own_form(
    request: Request,
    ctx: Context,
    asked: Asked,
    held: Assessment,
    *,
    status: int = 200,
    saved: bool = False,
    sent_now: bool = False,
) -> Response:
    return render(
        request, ctx, "assessment/own_form.html", status=status, asked=asked, held=held, shown=shown, saved=saved, sent_now=sent_now,
        own=ctx.actor.reference == f"Patient/{asked.patient}", counts=_counts(held), typed_values=forms.typed, is_chosen=forms.is_chosen, results=_results(held),
    )  # fmt: skip


def _results(held: Assessment) -> set[str]:
    return {node.name for node in (*held.result.scores, *held.result.meanings)}


async def _sent(request: Request) -> tuple[dict[str, list[str]], str]:
    """The fields, and the version that the form was made of."""
    fields = await request.form()
    sent = {name: [str(value) for value in fields.getlist(name)] for name in fields}
    return sent, next(iter(sent.pop("version", [])), "")


routes = [
    page("/mes-questionnaires", mine, permission=Permission.OWN_RECORD_READ),
    page("/mes-questionnaires/{asked}", answer, permission=Permission.OWN_RECORD_READ),
    action("/mes-questionnaires/{asked}", send, permission=Permission.QUESTIONNAIRE_OWN),
    action("/patients/{id}/evaluations/demander", ask, permission=Permission.RECORD_WRITE),
    action("/patients/{id}/evaluations/demander/{asked}", take_back, permission=Permission.RECORD_WRITE),
    page("/patients/{id}/evaluations", of_person, permission=Permission.RECORD_READ),
    action("/patients/{id}/evaluations", begin, permission=Permission.RECORD_WRITE),
    page("/patients/{id}/evaluations/comparer", compare, permission=Permission.RECORD_READ),
    page("/patients/{id}/evaluations/{assessment}", one, permission=Permission.RECORD_READ),
    action("/patients/{id}/evaluations/{assessment}", save, permission=Permission.RECORD_WRITE),
    action("/patients/{id}/evaluations/{assessment}/erreur", withdraw, permission=Permission.RECORD_WRITE),
]
