"""« Mes demandes » of the person, « Demandes » of the officer, « Corrections » of who signed what is said to be wrong."""

from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.rights.pages.answering import NONE, Fault, fault_in
from maillage.services.rights.rules import requests as rules
from maillage.services.rights.rules import thing_words
from maillage.services.rights.service import erasing, requests
from maillage.services.rights.service.carers import today
from maillage.services.rights.service.visits import person_of
from maillage.ui import render

OWN, DESK, CORRECTIONS = "/mes-demandes", "/demandes", "/corrections"
ASKED = "Votre demande est enregistrée. Vous aurez une réponse dans le mois."
ANSWERED = "Réponse enregistrée. La personne la lit dans son espace."
FAULTS = {
    "demande": "Choisissez ce que vous demandez",
    "mots": "Écrivez entre 10 et 1 000 caractères",
    "quoi": "Ce document n’est pas dans votre dossier",
    "reponse": "Choisissez une réponse",
}


async def own(request: Request, ctx: Context) -> Response:
    """GET /mes-demandes: what was asked, in what state, and the form; `?quoi=` is the document it is about."""
    return await _own_page(request, ctx, {"quoi": request.query_params.get("quoi", "")})


async def ask(request: Request, ctx: Context) -> Response:
    """POST /mes-demandes: `demande` (of KINDS), `mots`, and `quoi`, a document, where it is about one."""
    sent = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await requests.ask(
            ctx, await person_of(ctx), sent.get("demande", ""), words=sent.get("mots", ""), about=sent.get("quoi", "")
        )
    except Invalid as fault:
        return await _own_page(request, ctx, sent, _faults(fault))
    return redirect(f"{OWN}?fait=1")


async def _own_page(request: Request, ctx: Context, values: dict[str, str], faults: dict[str, str] | None = None) -> Response:
    found = await requests.requests_of(ctx, await person_of(ctx))
    about = values.get("quoi", "")
    named = await requests.titles(ctx, [*found, {"about": about}])
    return render(
        request, ctx, "rights/own_requests.html", status=422 if faults else 200, found=found, values=values, faults=faults or {}, kinds=rules.KINDS, told=await erasing.told(ctx, found), thing_words=thing_words,
        states=rules.STATES, titles=named, about=about if about in named else "", path_here=OWN, said_words=ASKED if request.query_params.get("fait") else "",
    )  # fmt: skip


async def desk(request: Request, ctx: Context) -> Response:
    """GET /demandes: what waits for the officer, the first due first; `?vue=repondues` what was answered, `?apres=` the page after."""
    return await _desk_page(request, ctx)


async def answer(request: Request, ctx: Context) -> Response:
    """POST /demandes/{id}: `reponse` and `mots`."""
    form, id = await request.form(), str(request.path_params["id"])
    try:
        await requests.answer(ctx, id, state=str(form.get("reponse", "")), words=str(form.get("mots", "")))
    except Invalid as fault:
        return await _desk_page(request, ctx, _fault_in(id, fault, form))
    return redirect(f"{DESK}?fait=1")


async def _desk_page(request: Request, ctx: Context, fault: Fault = NONE) -> Response:
    answered = request.query_params.get("vue") == "repondues"
    found = await requests.desk(ctx, answered=answered, after=request.query_params.get("apres", ""))
    view = "vue=repondues&" if answered else ""
    return _answering(request, ctx, found.found, fault, path_here=DESK, answered=answered, officer=True, titles={}, older_href=f"{DESK}?{view}apres={found.next}" if found.next else "")  # fmt: skip


async def corrections(request: Request, ctx: Context) -> Response:
    """GET /corrections: what people say is wrong in what one signed."""
    return await _corrections_page(request, ctx)


async def correct(request: Request, ctx: Context) -> Response:
    """POST /corrections/{id}: `reponse` and `mots`."""
    form, id = await request.form(), str(request.path_params["id"])
    try:
        await requests.answer_mine(ctx, id, state=str(form.get("reponse", "")), words=str(form.get("mots", "")))
    except Invalid as fault:
        return await _corrections_page(request, ctx, _fault_in(id, fault, form))
    return redirect(f"{CORRECTIONS}?fait=1")


async def _corrections_page(request: Request, ctx: Context, fault: Fault = NONE) -> Response:
    found = await requests.mine(ctx)
    named = await requests.titles(ctx, found)
    return _answering(
        request, ctx, found, fault, path_here=CORRECTIONS, answered=False, officer=False, titles=named, older_href=""
    )


def _answering(request: Request, ctx: Context, found: Any, fault: Fault, **values: Any) -> Response:
    return render(
        request, ctx, "rights/requests.html", status=422 if fault.id else 200, found=found, kinds=rules.KINDS, states=rules.STATES, today=today(ctx),
        fault=fault, said_words=ANSWERED if request.query_params.get("fait") else "", **values,
    )  # fmt: skip


def _fault_in(id: str, fault: Invalid, form: FormData) -> Fault:
    (words,) = _faults(fault).values()
    return fault_in(id, words, form, choice="reponse", remark="mots")


def _faults(fault: Invalid) -> dict[str, str]:
    place = str(fault.issues[0].expression)
    return {place: FAULTS[place]}


routes = [
    page(OWN, own, permission=Permission.CHOICES_MAKE),
    action(OWN, ask, permission=Permission.CHOICES_MAKE),
    page(DESK, desk, permission=Permission.REQUESTS_ANSWER),
    action(DESK + "/{id}", answer, permission=Permission.REQUESTS_ANSWER),
    page(CORRECTIONS, corrections, permission=Permission.CORRECTIONS_ANSWER),
    action(CORRECTIONS + "/{id}", correct, permission=Permission.CORRECTIONS_ANSWER),
]
