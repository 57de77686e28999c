"""Requests for support: the professional who asks, the desk of the team that answers."""

import secrets
from typing import Any

from starlette.responses import Response

from maillage.access.access import Access
from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.errors import Invalid, PreconditionFailed, Unprocessable
from maillage.fhir.dates import ZONE
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.support import SupportForm, support_form
from maillage.services.coordination.rules import support as rules
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import support
from maillage.services.coordination.service.support import Person
from maillage.services.coordination.service.teams import colleagues
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights
from maillage.ui import render

DESK = "/demandes-d-appui"
VIEWS = {
    "nouvelles": State.NEW,
    "analyse": State.ANALYSED,
    "attente": State.WAITING,
    "acceptees": State.ACCEPTED,
    "refusees": State.REFUSED,
}
ALL = "toutes"
WAITING = [state for state in State if state.open]
SENT = "Demande envoyée. Vous en suivez la réponse ici."
DONE = {
    "analyse": "Demande prise en analyse. Le demandeur en est prévenu.",
    "attente": "Question envoyée au demandeur.",
    "accepter": "Demande acceptée. Votre équipe rejoint le cercle de la personne.",
    "orienter": "Réponse envoyée au demandeur.",
    "refuser": "Réponse envoyée au demandeur.",
    "repondre": "Réponse envoyée à l’équipe.",
    "retirer": "Demande retirée.",
    "clos": "Appui terminé. Le bilan est dans le dossier ; votre équipe n’y a plus accès.",
}
ANSWERS = {
    "analyse": (State.ANALYSED, False), "attente": (State.WAITING, False), "accepter": (State.ACCEPTED, False),
    "orienter": (State.REFUSED, True), "refuser": (State.REFUSED, False),
}  # fmt: skip
STALE = "Un collègue a répondu entre-temps : relisez la demande. Ce que vous avez écrit est gardé ci-dessous."
SHORT = "Écrivez une phrase au moins : le demandeur la lit"


async def ask_page(request: Request, ctx: Context) -> Response:
    """GET /demandes-d-appui/nouvelle: the form; `?personne=` is somebody whose record is open to who asks."""
    return await _form_page(
        request, ctx, request.query_params.get("personne", ""), SupportForm({"cle": secrets.token_urlsafe(16)})
    )


async def ask(request: Request, ctx: Context) -> Response:
    """POST /demandes-d-appui/nouvelle."""
    sent = await request.form()
    patient = str(sent.get("personne", ""))
    form = support_form(
        {name: str(value) for name, value in sent.items()}, [str(one) for one in sent.getlist("aide")], named=bool(patient), own=False,
        today=ctx.now.astimezone(ZONE).date(),
    )  # fmt: skip
    if form.faults or form.asked is None:
        return await _form_page(request, ctx, patient, form, status=422)
    person = (
        await support.person_asked_for(ctx, patient)
        if patient
        else Person(patient=None, traits=form.traits, matricule=form.matricule)
    )
    try:
        id = await support.ask(
            ctx, access_of(request), person, form.asked, how=form.how, team=form.values["equipe"], key=form.values["cle"]
        )
    except Unprocessable as fault:
        return await _form_page(request, ctx, patient, form, status=422, refused=fault.french or fault.message)
    return redirect(f"{DESK}/{id}?fait=envoi")


async def _form_page(
    request: Request, ctx: Context, patient: str, form: SupportForm, *, status: int = 200, refused: str = ""
) -> Response:
    teams = await support.teams(ctx)
    return render(
        request, ctx, "coordination/support_new.html", status=status, banner=await identity.banner(ctx, patient) if patient else None,
        patient=patient, values=form.values, needs=form.needs, faults=form.faults, refused=refused, teams=teams, team_options=[("", "Choisir"), *((one.reference, one.name) for one in teams)],
        reasons=rules.REASONS, all_needs=rules.NEEDS, delays=rules.DELAYS, informed=rules.GP_INFORMED, ways=rights.WAYS,
    )  # fmt: skip


async def desk(request: Request, ctx: Context) -> Response:
    """GET /demandes-d-appui: what waits for the team, late first; `?vue=` one state, or `toutes`. Of others, what they asked."""
    if not permits(ctx.actor, Permission.SUPPORT_TRIAGE):
        return render(request, ctx, "coordination/support_mine.html", found=await support.mine(ctx), **_words())
    view = request.query_params.get("vue", "")
    held = await support.desk(ctx, [VIEWS[view]] if view in VIEWS else list(State) if view == ALL else WAITING)
    waiting = held.counts[State.NEW]
    return render(
        request, ctx, "coordination/support_desk.html", held=held, view=view, views=VIEWS, late=rules.late, counts={DESK: waiting},
        said_words=DONE.get(request.query_params.get("fait", ""), ""), **_words()
    )  # fmt: skip


async def sent(request: Request, ctx: Context) -> Response:
    """GET /demandes-d-appui/envoyees: what whoever acts asked for, and where it stands."""
    return render(request, ctx, "coordination/support_mine.html", found=await support.mine(ctx), **_words())


async def figures(request: Request, ctx: Context) -> Response:
    """GET /demandes-d-appui/chiffres: by month, origin, reason and outcome."""
    return render(request, ctx, "coordination/support_figures.html", tables=await support.figures(ctx), spoken=_spoken)


async def one(request: Request, ctx: Context) -> Response:
    """GET /demandes-d-appui/{id}: the request, its answers, and what whoever reads may do."""
    return await _one_page(request, ctx)


async def _one_page(
    request: Request, ctx: Context, *, values: dict[str, str] | None = None, fault: str = "", status: int = 200
) -> Response:
    found = await support.one(ctx, str(request.path_params["id"]))
    answering = permits(ctx.actor, Permission.SUPPORT_TRIAGE) and await support.may_answer(ctx, found)
    return render(
        request, ctx, "coordination/support_one.html", status=status, one=found, answering=answering and found.task is not None,
        mine=found.requester in {ctx.actor.reference, ctx.actor.situation}, late=rules.late(found, ctx.now),
        others=await support.accepted_by_others(ctx, found) if answering else [], opened=await support.opened(ctx, found), referents=[(one.reference, one.name) for one in (await colleagues(ctx, found.team) if answering else [])], step_words=_step_words, fault=fault,
        written=values or {}, said_words=SENT if request.query_params.get("fait") == "envoi" else DONE.get(request.query_params.get("fait", ""), ""),
        **_words(),
    )  # fmt: skip


async def answer(request: Request, ctx: Context) -> Response:
    """POST /demandes-d-appui/{id}: `reponse` (of ANSWERS), `mots`, `referent`, `version` of what was read."""
    id, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    chosen = form.get("reponse", "")
    if chosen not in ANSWERS:
        raise Invalid.at("reponse", f"the answer is one of {', '.join(ANSWERS)}")
    state, directed = ANSWERS[chosen]
    words = form.get("mots", "").strip()
    if state in (State.WAITING, State.REFUSED) and not rules.FEWEST <= len(words) <= rules.MOST:
        return await _one_page(request, ctx, values=form, fault=SHORT, status=422)
    try:
        await support.move(
            ctx, id, state, words=words, version=form.get("version", ""), directed=directed, referent=form.get("referent", "")
        )
    except PreconditionFailed:
        return await _one_page(request, ctx, values=form, fault=STALE, status=409)
    return redirect(f"{DESK}/{id}?fait={chosen}")


async def reply(request: Request, ctx: Context) -> Response:
    """POST /demandes-d-appui/{id}/reponse: the requester says what was missing (`mots`)."""
    id, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    words = form.get("mots", "").strip()
    if not rules.FEWEST <= len(words) <= rules.MOST:
        return await _one_page(request, ctx, values=form, fault=SHORT, status=422)
    await support.reply(ctx, access_of(request), id, words=words)
    return redirect(f"{DESK}/{id}?fait=repondre")


async def take_back(request: Request, ctx: Context) -> Response:
    """POST /demandes-d-appui/{id}/retrait."""
    id = str(request.path_params["id"])
    await support.take_back(ctx, access_of(request), id)
    return redirect(f"{DESK}/{id}?fait=retirer")


def access_of(request: Request) -> Access:
    """The way in, of the running application."""
    access: Access = request.app.state.platform.access
    return access


def _words() -> dict[str, Any]:
    return {
        "states": rules.STATES, "delays": rules.DELAYS, "reasons": rules.REASONS, "all_needs": rules.NEEDS, "informed": rules.GP_INFORMED,
        "sources": rules.SOURCES, "outcome": rules.outcome_words, "ways": {**rights.WAYS, "online": "En ligne, par la personne"}, "State": State,
    }  # fmt: skip


def _step_words(words: str) -> str:
    """What somebody said of a request; where they said nothing, the state that they led it to."""
    return rules.STATES[State(words)] if words in set(State) else words


def _spoken(tally: rules.Tally) -> str:
    """« 2 jours », « 5 h », or that nothing was decided yet."""
    if tally.delay is None:
        return "aucune réponse encore"
    hours = round(tally.delay.total_seconds() / 3600)
    return f"{round(hours / 24)} jours" if hours >= 48 else f"{hours} h" if hours else "moins d’une heure"


routes = [
    page(f"{DESK}/nouvelle", ask_page, permission=Permission.SUPPORT_ASK),
    action(f"{DESK}/nouvelle", ask, permission=Permission.SUPPORT_ASK),
    page(f"{DESK}/envoyees", sent, permission=Permission.SUPPORT_ASK),
    page(f"{DESK}/chiffres", figures, permission=Permission.SUPPORT_TRIAGE),
    page(DESK, desk, permission=Permission.SUPPORT_ASK),
    page(f"{DESK}/{{id}}", one, permission=Permission.SUPPORT_ASK),
    action(f"{DESK}/{{id}}", answer, permission=Permission.SUPPORT_TRIAGE),
    action(f"{DESK}/{{id}}/reponse", reply, permission=Permission.SUPPORT_ASK),
    action(f"{DESK}/{{id}}/retrait", take_back, permission=Permission.SUPPORT_ASK),
]
