"""« Mon appui »: the person, or who helps them, asks a coordination team for support in their own words, and reads its answer."""

import secrets

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Unprocessable
from maillage.fhir.dates import ZONE
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.support import SupportForm, support_form
from maillage.services.coordination.pages.support import SHORT, access_of
from maillage.services.coordination.rules import support as rules
from maillage.services.coordination.service import episodes, support
from maillage.services.identity import public as identity
from maillage.ui import render

OWN = "/mon-appui"
DELAYS = {
    "two-days": "Dans les deux jours, je crains que cela s’aggrave",
    "week": "Dans la semaine",
    "none": "Ce n’est pas pressé",
}
NEEDS = {
    "orientation": "Savoir à qui m’adresser",
    "assessment": "Que quelqu’un vienne voir à la maison",
    "link": "Que les professionnels se parlent",
    "plan": "Un plan clair : qui fait quoi",
    "relief": "Du repos pour la personne qui aide",
}
CARER_NEEDS = NEEDS | {"relief": "Du repos pour moi, qui l’aide"}
STATES = {
    "requested": "Envoyée, elle va être lue", "received": "L’équipe l’étudie", "on-hold": "L’équipe vous pose une question",
    "accepted": "Acceptée, l’équipe vous contacte", "rejected": "L’équipe ne peut pas la prendre", "completed": "L’appui est terminé",
    "cancelled": "Vous l’avez retirée",
}  # fmt: skip
SAID = {
    "envoi": "Votre demande est envoyée. L’équipe répond sous 24 à 72 heures.", "repondre": "Votre réponse est envoyée.", "retirer": "Votre demande est retirée.",
}  # fmt: skip


async def own(request: Request, ctx: Context) -> Response:
    """GET /mon-appui."""
    return await _page(request, ctx, SupportForm({"cle": secrets.token_urlsafe(16)}))


async def ask(request: Request, ctx: Context) -> Response:
    """POST /mon-appui."""
    whose = await support.whose(ctx)
    sent = await request.form()
    form = support_form(
        {name: str(value) for name, value in sent.items()}, [str(one) for one in sent.getlist("aide")], named=True, own=True,
        today=ctx.now.astimezone(ZONE).date(),
    )  # fmt: skip
    if form.faults or form.asked is None:
        return await _page(request, ctx, form, status=422)
    how = "online" if ctx.actor.reference == f"Patient/{whose}" else "spoken"
    try:
        person = await support.person_asked_for(ctx, whose)
        await support.ask(
            ctx, access_of(request), person, form.asked, how=how, team=form.values["equipe"], key=form.values["cle"]
        )
    except Unprocessable as fault:
        return await _page(request, ctx, form, status=422, refused=fault.french or fault.message)
    return redirect(f"{OWN}?fait=envoi")


async def reply(request: Request, ctx: Context) -> Response:
    """POST /mon-appui/{id}/reponse: `mots`."""
    words = str((await request.form()).get("mots", "")).strip()
    if not rules.FEWEST <= len(words) <= rules.MOST:
        return await _page(request, ctx, SupportForm({"reponse": words}), status=422, refused=SHORT)
    await support.reply(ctx, access_of(request), str(request.path_params["id"]), words=words)
    return redirect(f"{OWN}?fait=repondre")


async def take_back(request: Request, ctx: Context) -> Response:
    """POST /mon-appui/{id}/retrait."""
    await support.take_back(ctx, access_of(request), str(request.path_params["id"]))
    return redirect(f"{OWN}?fait=retirer")


async def _page(request: Request, ctx: Context, form: SupportForm, *, status: int = 200, refused: str = "") -> Response:
    whose = await support.whose(ctx)
    teams = await support.teams(ctx)
    themself = ctx.actor.reference == f"Patient/{whose}"
    going_on = [one for one in await episodes.of_person(ctx, whose) if one["status"] == "active"]
    return render(
        request, ctx, "coordination/own_support.html", status=status, banner=await identity.banner(ctx, whose), found=await support.mine(ctx),
        themself=themself, going_on=going_on, values=form.values, needs=form.needs, faults=form.faults, refused=refused,
        teams=teams, team_options=[("", "Choisir"), *((one.reference, one.name) for one in teams)], reasons=rules.OWN_REASONS if themself else rules.CARER_REASONS, all_needs=NEEDS if themself else CARER_NEEDS,
        delays=DELAYS, states=STATES, said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page(OWN, own, permission=Permission.SUPPORT_OWN),
    action(OWN, ask, permission=Permission.SUPPORT_OWN),
    action(OWN + "/{id}/reponse", reply, permission=Permission.SUPPORT_OWN),
    action(OWN + "/{id}/retrait", take_back, permission=Permission.SUPPORT_OWN),
]
