"""« Représentants »: the officer says who represents a person by law, having seen the proof."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.rights.forms import GuardianForm, guardian_form
from maillage.services.rights.rules.carers import AUTHORITIES
from maillage.services.rights.service import guardians
from maillage.services.rights.service.carers import today
from maillage.ui import render

PATH = "/representants"
SAID = {
    "nomme": "Représentant enregistré. Son accès s’ouvre dans les secondes qui viennent.",
    "fin": "C’est noté\u00a0: cette personne ne représente plus personne ici. Son accès se ferme dans les secondes qui viennent.",
}
REFUSED = {
    "dossier": "Aucun dossier n’a ce numéro",
    "titre": "La personne est majeure, ou sa date de naissance n’est pas connue : il faut une décision de justice",
}


async def listed(request: Request, ctx: Context) -> Response:
    """GET /representants: those named, newest first, `?apres=` the page after; the form."""
    return await _page(request, ctx, GuardianForm({}))


async def name(request: Request, ctx: Context) -> Response:
    """POST /representants: dossier, nom, prenom, naissance, titre, justificatif, fin."""
    sent = {field: str(value) for field, value in (await request.form()).items()}
    asked = guardian_form(sent, today=today(ctx))
    if asked.naming is None:
        return await _page(request, ctx, asked)
    values = asked.values
    try:
        await guardians.name_guardian(ctx, asked.record, asked.naming, authority=values["titre"], proof=values["justificatif"])
    except Invalid as fault:
        place = str(fault.issues[0].expression)
        return await _page(request, ctx, GuardianForm(values, {place: REFUSED[place]}))
    return redirect(f"{PATH}?fait=nomme")


async def end(request: Request, ctx: Context) -> Response:
    """POST /representants/{id}/fin."""
    await guardians.end_guardian(ctx, str(request.path_params["id"]))
    return redirect(f"{PATH}?fait=fin")


async def _page(request: Request, ctx: Context, asked: GuardianForm) -> Response:
    found = await guardians.guardians(ctx, after=request.query_params.get("apres", ""))
    return render(
        request, ctx, "rights/guardians.html", status=422 if asked.faults else 200, rows=found.found, values=asked.values, faults=asked.faults,
        authorities=AUTHORITIES, path_here=PATH, older_href=f"{PATH}?apres={found.next}" if found.next else "", today=today(ctx),
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page(PATH, listed, permission=Permission.GUARDIANS_NAME),
    action(PATH, name, permission=Permission.GUARDIANS_NAME),
    action(PATH + "/{id}/fin", end, permission=Permission.GUARDIANS_NAME),
]
