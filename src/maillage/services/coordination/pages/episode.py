"""The support of a person by a coordination team: since when, its end, handing over, taking up again."""

import secrets
from datetime import date

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid, Unprocessable
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.pages.support import DESK, access_of
from maillage.services.coordination.resources import episode as resources
from maillage.services.coordination.resources.goal import OUTCOMES
from maillage.services.coordination.resources.support import Asked
from maillage.services.coordination.rules.support import CLOSURES, FEWEST, Delay
from maillage.services.coordination.service import closing, support
from maillage.services.coordination.service.closing import ARCHIVED, KEPT, Ending
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights
from maillage.ui import render
from maillage.ui.places import record_tabs

FAULTS = {
    "motif": "Choisissez le motif de la fin",
    "bilan": "Écrivez le bilan en une phrase au moins",
    "deces": "Vérifiez la date : elle est passée, après la naissance, et le motif est le décès",
    "plan": "Dites ce que devient le plan ; il n’est archivé que si aucun objectif ne continue",
    "objectifs": "Dites ce que devient chaque objectif",
    "taches": "Dites pour chaque tâche ce qu’elle devient ; sans médecin traitant, elle ne peut lui être transmise",
}
GOALS = [*((code, words) for code, (_, _, words) in OUTCOMES.items() if code != "active"), ("active", "Le cercle continue")]
PLAN = [(ARCHIVED, "L’archiver : il reste à lire"), (KEPT, "Le cercle continue avec lui")]
SAID = {"transmis": "Demande de relais envoyée. Votre équipe suit la personne jusqu’à ce que l’autre accepte."}


async def appui(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/appui."""
    return await _page(request, ctx, {}, {})


async def close(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/appui/{episode}/fin: `motif`, `deces`, `bilan`, `plan`, and `tache-<id>`, `objectif-<id>` for each that is open."""
    patient, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    try:
        said = Ending(
            reason=form.get("motif", ""), report=form.get("bilan", "").strip(), tasks=_named(form, "tache-"), goals=_named(form, "objectif-"),
            plan=form.get("plan", ""), died=_day(form.get("deces", "")),
        )  # fmt: skip
        await closing.close(ctx, patient, str(request.path_params["episode"]), said)
    except Invalid as fault:
        place = str(fault.issues[0].expression)
        if place not in FAULTS:
            raise
        return await _page(request, ctx, form, {place: FAULTS[place]}, status=422)
    return redirect(f"{DESK}?fait=clos")


def _named(form: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError:
        raise Invalid.at("deces", "a day is written YYYY-MM-DD") from None


async def hand_over(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/appui/{episode}/relais: `equipe`, `besoin`, `voie` by which the person agreed."""
    patient, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    words, faults = form.get("besoin", "").strip(), {}
    if len(words) < FEWEST:
        faults["besoin"] = "Écrivez pour l’autre équipe une phrase au moins"
    if form.get("voie") not in rights.WAYS:
        faults["voie"] = "Dites comment la personne a donné son accord : sans lui, rien n’est transmis"
    held = next(
        (
            one.episode
            for one in await closing.of_person(ctx, patient)
            if one.own and one.episode["id"] == request.path_params["episode"]
        ),
        None,
    )
    follows = resources.request_of(held) if held else None
    if faults or not follows:
        return await _page(request, ctx, form, faults, status=422)
    person = await support.person_asked_for(ctx, patient)
    asked = Asked(reason="other", words=words, needs=(), delay=Delay.WEEK, gp_informed="")
    try:
        await support.ask(
            ctx,
            access_of(request),
            person,
            asked,
            how=form["voie"],
            team=form.get("equipe", ""),
            key=form.get("cle", ""),
            follows=follows,
        )
    except Unprocessable as fault:
        return await _page(request, ctx, form, {"voie": fault.french or fault.message}, status=422)
    return redirect(f"/patients/{patient}/appui?fait=transmis")


async def reopen(request: Request, ctx: Context) -> Response:
    """POST /demandes-d-appui/{id}/reprise."""
    id = str(request.path_params["id"])
    await closing.reopen(ctx, id)
    return redirect(f"{DESK}/{id}?fait=accepter")


async def _page(request: Request, ctx: Context, values: dict[str, str], faults: dict[str, str], *, status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    held = await closing.of_person(ctx, patient)
    own = next((one for one in held if one.own and one.episode["status"] == "active"), None)
    return render(
        request, ctx, "coordination/episode.html", status=status, patient=patient, banner=await identity.banner(ctx, patient),
        tabs=record_tabs(patient), held=held, own=own, reasons=CLOSURES, outcomes=GOALS, plan_outcomes=PLAN, reason_of=resources.reason_of, ways=rights.WAYS, values=values, faults=faults,
        teams=[(one.reference, one.name) for one in await closing.other_teams(ctx, resources.team_of(own.episode))] if own else [],
        key=values.get("cle") or secrets.token_urlsafe(16), said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page("/patients/{id}/appui", appui, permission=Permission.RECORD_READ),
    action("/patients/{id}/appui/{episode}/fin", close, permission=Permission.SUPPORT_TRIAGE),
    action("/patients/{id}/appui/{episode}/relais", hand_over, permission=Permission.SUPPORT_TRIAGE),
    action(DESK + "/{id}/reprise", reopen, permission=Permission.SUPPORT_TRIAGE),
]
