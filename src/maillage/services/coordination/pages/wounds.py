"""The wounds of a person: where they are, how they go, what is measured and photographed today."""

from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.errors import Forbidden, Infected, MaillageError, TooLarge, Unprocessable
from maillage.http import Request, action, page, redirect
from maillage.http.routes import API_BODY
from maillage.services.coordination.forms.wound import LookForm, WoundForm
from maillage.services.coordination.resources.wound import DRAINAGES, KINDS, SITES, STAGES, slow
from maillage.services.coordination.service import photos, wounds
from maillage.ui import render
from maillage.ui.drawings import curve
from maillage.ui.places import record_tabs

SAID = {"plaie": "Plaie suivie : mesurez-la, ou prenez-la en photo.", "mesure": "Mesure enregistrée.", "fermee": "Plaie fermée."}
REFUSED = (TooLarge, Unprocessable, Infected, Forbidden)


async def everyone(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/plaies: the drawing of the body, and each wound with its last look."""
    return await _list(request, ctx)


async def _list(request: Request, ctx: Context, *, form: WoundForm | None = None, status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    held = await wounds.read(ctx, patient=patient)
    return render(
        request, ctx, "coordination/wounds.html", status=status, patient=patient, banner=held.banner, tabs=record_tabs(patient), wounds=held.wounds,
        form=form or WoundForm({}, {}), sites=[(code, one.words) for code, one in SITES.items()], kinds=list(KINDS.items()),
        stages=[("", "Sans objet"), *((one, f"Stade {one}") for one in STAGES)], late={one.id for one in held.wounds if slow(one, ctx.now)},
        may_write=permits(ctx.actor, Permission.CONSTANT_LOG), said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def declare(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/plaies: `siege`, `type`, `stade`, `depuis`."""
    patient = str(request.path_params["id"])
    form, written = await wounds.declare(ctx, patient=patient, sent=_text(await request.form()))
    if written is None:
        return await _list(request, ctx, form=form, status=422)
    return redirect(f"/patients/{patient}/plaies/{written}?fait=plaie")


async def one(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/plaies/{wound}: the curve, the first and the last picture, each look, and the form of today's."""
    return await _one(request, ctx)


async def _one(request: Request, ctx: Context, *, form: LookForm | None = None, status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    held = await wounds.read(ctx, patient=patient)
    wound = held.one(str(request.path_params["wound"]))
    pictured = [look for look in wound.looks if look.photos]
    return render(
        request, ctx, "coordination/wound.html", status=status, patient=patient, banner=held.banner, wound=wound, form=form or LookForm(),
        curve=curve(wound.areas, low=None, high=None) if len(wound.areas) > 1 else None, slow=slow(wound, ctx.now),
        sides=list(dict.fromkeys([pictured[0], pictured[-1]])) if pictured else [], drainages=[("", "Non dit"), *DRAINAGES.items()],
        most=photos.MOST, may_write=permits(ctx.actor, Permission.CONSTANT_LOG), said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def look(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/plaies/{wound}: what was measured, and `photo`s."""
    patient, wound = str(request.path_params["id"]), str(request.path_params["wound"])
    sent = await request.form()
    try:
        async with ctx.savepoint():
            form = await wounds.look(ctx, patient=patient, wound=wound, sent=_text(sent), pictures=await pictures_of(sent))
    except REFUSED as fault:
        if (words_ := refused(fault)) is None:
            raise
        return await _one(request, ctx, form=LookForm(_text(sent), faults={"photo": words_}), status=422)
    if form.faults:
        return await _one(request, ctx, form=form, status=422)
    return redirect(f"/patients/{patient}/plaies/{wound}?fait=mesure")


async def close(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/plaies/{wound}/fermer: `version`."""
    patient, wound = str(request.path_params["id"]), str(request.path_params["wound"])
    await wounds.close(ctx, patient=patient, wound=wound, version=str((await request.form()).get("version", "")))
    return redirect(f"/patients/{patient}/plaies?fait=fermee")


async def picture(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/photos/{photo}: a photograph of the record; `?petite` its small likeness."""
    kind, content = await photos.opened(
        ctx,
        patient=str(request.path_params["id"]),
        photo=str(request.path_params["photo"]),
        small="petite" in request.query_params,
    )
    return Response(content, media_type=kind, headers={"Content-Disposition": "inline", "Cache-Control": "private, no-store"})


async def pictures_of(form: FormData) -> list[bytes]:
    """The photographs that were sent; a field that was left empty is none."""
    sent = [one for one in form.getlist("photo") if isinstance(one, UploadFile) and one.filename]
    return [await one.read() for one in sent]


def refused(fault: MaillageError) -> str | None:
    """Why a photograph was not taken, as the form says it; None where the fault is about something else."""
    if isinstance(fault, Infected):
        return f"Rien n’a été enregistré : {fault.french}."
    if not any(issue.expression == "photo" or "Media" in (issue.expression or "") for issue in fault.issues):
        return None
    if isinstance(fault, TooLarge):
        return "Cette photo est trop grande : réduisez-la, puis joignez-la à nouveau."
    if isinstance(fault, Forbidden):
        return f"{photos.MOST} photos au plus à la fois."
    return "Ce fichier n’est pas une photo que nous savons lire : joignez un JPEG, un PNG ou un WebP."


def _text(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


routes = [
    page("/patients/{id}/plaies", everyone, permission=Permission.RECORD_READ),
    action("/patients/{id}/plaies", declare, permission=Permission.CONSTANT_LOG),
    page("/patients/{id}/plaies/{wound}", one, permission=Permission.RECORD_READ),
    action("/patients/{id}/plaies/{wound}", look, permission=Permission.CONSTANT_LOG, max_body=API_BODY),
    action("/patients/{id}/plaies/{wound}/fermer", close, permission=Permission.CONSTANT_LOG),
    page("/patients/{id}/photos/{photo}", picture, permission=Permission.RECORD_READ),
]
