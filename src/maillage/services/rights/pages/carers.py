"""« Mes proches »: whom the person let see their record, what of it, until when; a name more, one taken back."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.habilitation.carers import REPRESENTATIVE, carer_scopes
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.rights.forms import CarerForm, carer_form
from maillage.services.rights.rules.carers import AUTHORITIES
from maillage.services.rights.service import carers
from maillage.services.rights.service.visits import person_of
from maillage.ui import render

PATH = "/mes-proches"
SAID = {
    "nomme": "C’est noté\u00a0: cette personne voit cela dès maintenant, en se connectant avec FranceConnect.",
    "retire": "C’est noté\u00a0: cette personne ne voit plus rien, dès maintenant.",
}


async def shown(request: Request, ctx: Context) -> Response:
    """GET /mes-proches."""
    return await _page(request, ctx, CarerForm({}))


async def name(request: Request, ctx: Context) -> Response:
    """POST /mes-proches: nom, prenom, naissance, lien, acces, fin."""
    patient = await person_of(ctx)
    sent = {field: str(value) for field, value in (await request.form()).items()}
    asked = carer_form(sent, scopes=await _scopes(ctx, patient), today=carers.today(ctx))
    if asked.naming is None:
        return await _page(request, ctx, asked)
    await carers.name_carer(ctx, patient, asked.naming)
    return redirect(f"{PATH}?fait=nomme")


async def end(request: Request, ctx: Context) -> Response:
    """POST /mes-proches/{id}/retirer."""
    await carers.end_carer(ctx, await person_of(ctx), str(request.path_params["id"]))
    return redirect(f"{PATH}?fait=retire")


async def _scopes(ctx: Context, patient: str) -> list[str]:
    minor = await carers.is_of_a_minor(ctx, patient)
    return [code for code in carer_scopes() if not (minor and code == REPRESENTATIVE)]


async def _page(request: Request, ctx: Context, asked: CarerForm) -> Response:
    patient = await person_of(ctx)
    scopes = [carer_scopes()[code] for code in await _scopes(ctx, patient)]
    return render(
        request, ctx, "rights/carers.html", status=422 if asked.faults else 200, carers=await carers.carers_of(ctx, patient), scopes=scopes,
        values=asked.values, faults=asked.faults, authorities=AUTHORITIES, path_here=PATH, said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page(PATH, shown, permission=Permission.CARERS_NAME),
    action(PATH, name, permission=Permission.CARERS_NAME),
    action(PATH + "/{id}/retirer", end, permission=Permission.CARERS_NAME),
]
