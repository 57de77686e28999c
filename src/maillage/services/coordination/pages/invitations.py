"""Invitations by a link: sent, sent again, confirmed and taken back by the circle; opened and accepted by who was invited."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Forbidden, Gone, Invalid, MaillageError, NotFound, PreconditionFailed
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.pages.circle_members import day_of, show
from maillage.services.coordination.pages.support import access_of
from maillage.services.coordination.rules.invitations import Refused
from maillage.services.coordination.service import invitations
from maillage.ui import render

INVITATION = "/invitation"
FAULTS = {
    "adresse": "Écrivez une adresse complète, comme nom@cabinet.fr",
    "rpps": "Le numéro RPPS a onze chiffres",
    "part": "Choisissez un rôle de la liste",
    "jusqu": "Choisissez un jour à venir",
}
WAITS = "Cette adresse a déjà une invitation en attente, ou trop d’invitations attendent : retirez-en ou renvoyez-la ci-dessous."
REFUSALS = {
    Refused.GONE: (410, "Ce lien n’ouvre plus rien", "Il a déjà servi, a été retiré, est trop ancien ou n’est pas complet. Demandez-en un autre à la personne qui vous a invité."),
    Refused.OTHER: (403, "Cette invitation est pour quelqu’un d’autre", "Elle s’ouvre avec le compte du professionnel invité, et lui seul. Votre essai est noté et la personne concernée peut le lire. Si vous deviez être invité, demandez une invitation à votre nom."),
    Refused.NOT_PROFESSIONAL: (403, "Cette invitation est pour un professionnel", "Elle s’ouvre avec un compte de professionnel. Déconnectez-vous, puis revenez par le lien du message et connectez-vous comme professionnel."),
    Refused.NO_PLACE: (403, "L’annuaire ne vous connaît pas de lieu d’exercice", "Un membre du cercle est désigné par son lieu d’exercice. Faites mettre à jour votre fiche de l’annuaire, puis revenez par le lien : il reste valable."),
}  # fmt: skip


async def invite(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/invitations: `adresse`, and if one likes `rpps`, `part`, `jusqu`."""
    patient, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    try:
        await invitations.invite(
            ctx, patient, email=form.get("adresse", ""), rpps=form.get("rpps", ""), part=form.get("part", ""), until=day_of(form.get("jusqu", ""))
        )  # fmt: skip
    except Conflict:
        return await show(request, ctx, values=form, faults={"adresse": WAITS}, status=409)
    except Invalid as fault:
        place = str(fault.issues[0].expression)
        if place not in FAULTS:
            raise
        return await show(request, ctx, values=form, faults={place: FAULTS[place]}, status=422)
    return redirect(f"/patients/{patient}/cercle/membres?fait=invitation#invitations")


async def take_back(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/invitations/{invitation}/retrait."""
    patient = str(request.path_params["id"])
    try:
        await invitations.take_back(ctx, patient, str(request.path_params["invitation"]))
    except PreconditionFailed:
        return await show(request, ctx, stale=True, status=409)
    return redirect(f"/patients/{patient}/cercle/membres?fait=invitation-retiree")


async def confirm(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/invitations/{invitation}/confirmation."""
    patient = str(request.path_params["id"])
    try:
        await invitations.confirm(ctx, patient, str(request.path_params["invitation"]))
    except PreconditionFailed:
        return await show(request, ctx, stale=True, status=409)
    return redirect(f"/patients/{patient}/cercle/membres?fait=ajout")


async def send_again(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/invitations/{invitation}/renvoi."""
    patient = str(request.path_params["id"])
    await invitations.send_again(ctx, patient, str(request.path_params["invitation"]))
    return redirect(f"/patients/{patient}/cercle/membres?fait=invitation#invitations")


async def look(request: Request, ctx: Context) -> Response:
    """GET /invitation?lien= (of the letter), or ?numero= (of « Nouveautés »): who invites; nothing is used up."""
    secret, id = request.query_params.get("lien", ""), request.query_params.get("numero", "")
    if request.query_params.get("fait") == "oui":
        return render(
            request,
            ctx,
            "coordination/invitation.html",
            joined=request.query_params.get("confirme") != "1",
            shown=None,
            refusal=None,
        )
    try:
        shown = await invitations.opened(ctx, access_of(request), secret=secret, id=id)
    except (Forbidden, Gone, NotFound) as fault:
        return _refused(request, ctx, fault)
    return render(request, ctx, "coordination/invitation.html", shown=shown, secret=secret, number=id, refusal=None, joined=None)


async def accept(request: Request, ctx: Context) -> Response:
    """POST /invitation: `lien` or `numero`; once."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        taken = await invitations.accept(ctx, secret=form.get("lien", ""), id=form.get("numero", ""))
    except (Forbidden, Gone, NotFound) as fault:
        return _refused(request, ctx, fault)
    return redirect(f"{INVITATION}?fait=oui{'' if taken.bound else '&confirme=1'}")


def _refused(request: Request, ctx: Context, fault: MaillageError) -> Response:
    known = isinstance(fault, Forbidden) and fault.message in set(Refused)
    if isinstance(fault, Forbidden) and not known:
        raise fault
    status, title, words = REFUSALS[Refused(fault.message) if known else Refused.GONE]
    return render(request, ctx, "coordination/invitation.html", status=status, shown=None, refusal=(title, words), joined=None)


_OF_CIRCLE = "/patients/{id}/cercle/invitations"
routes = [
    action(_OF_CIRCLE, invite, permission=Permission.CIRCLE_WRITE),
    action(_OF_CIRCLE + "/{invitation}/retrait", take_back, permission=Permission.CIRCLE_WRITE),
    action(_OF_CIRCLE + "/{invitation}/confirmation", confirm, permission=Permission.CIRCLE_WRITE),
    action(_OF_CIRCLE + "/{invitation}/renvoi", send_again, permission=Permission.CIRCLE_WRITE),
    page(INVITATION, look, permission=Permission.SIGNED_IN),
    action(INVITATION, accept, permission=Permission.SIGNED_IN),
]
