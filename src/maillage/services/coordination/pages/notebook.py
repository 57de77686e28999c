"""The liaison notebook of a person."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.http import Request, action, page, redirect
from maillage.http.routes import API_BODY
from maillage.services.coordination.pages.wounds import REFUSED, pictures_of, refused
from maillage.services.coordination.resources.note import KINDS, READERS
from maillage.services.coordination.service import note_guard, notebook, photos
from maillage.ui import render
from maillage.ui.places import record_tabs

keep_notes = note_guard.keep_notes  # what holds for notes holds wherever their page is served

SAID = {
    "note": "Note enregistrée : le cercle la voit.",
    "retrait": "Note retirée du cahier.",
    "correction": "Note corrigée.",
    "lu": "C’est noté : vous avez lu le cahier.",
}


async def notes(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/cahier: the thread, newest first, and the form of a new note."""
    return await _page(request, ctx)


async def _page(request: Request, ctx: Context, *, text: str = "", faults: Mapping[str, str] = MappingProxyType({}), status: int = 200) -> Response:  # fmt: skip
    patient = str(request.path_params["id"])
    held = await notebook.read(ctx, patient=patient)
    return render(
        request, ctx, "coordination/notebook.html", status=status, patient=patient, banner=held.banner, tabs=record_tabs(patient), notes=held.notes, book=held,
        kinds=list(KINDS.items()), readers=[(key, words) for key, (words, _) in READERS.items()], text=text, faults=faults, most=photos.MOST, may_write=permits(ctx.actor, Permission.NOTEBOOK_WRITE), me=ctx.actor.reference,
        from_round="tournee" in request.query_params, said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def write(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cahier: `texte`, `type`, `important`, `reponse` the note that is answered, `photo`s."""
    patient, form = str(request.path_params["id"]), await request.form()
    text = str(form.get("texte", ""))
    if not text.strip():
        return await _page(request, ctx, faults={"texte": "Écrivez la note en quelques mots"}, status=422)
    try:
        async with ctx.savepoint():
            await notebook.write(
                ctx, patient=patient, text=text, kind=str(form.get("type", "")) or next(iter(KINDS)), important=bool(form.get("important")),
                answers=str(form.get("reponse", "")), pictures=await pictures_of(form), readers=str(form.get("lecteurs", "")),
            )  # fmt: skip
    except REFUSED as fault:
        if (words := refused(fault)) is None:
            raise
        return await _page(request, ctx, text=text, faults={"photo": words}, status=422)
    return redirect("/tournee?fait=note" if form.get("tournee") else f"/patients/{patient}/cahier?fait=note")


async def say_read(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cahier/lu: `jusqua`, when the newest note of the page was written."""
    patient, form = str(request.path_params["id"]), await request.form()
    await notebook.say_read(ctx, patient=patient, until=str(form.get("jusqua", "")))
    return redirect("/tournee" if form.get("tournee") else f"/patients/{patient}/cahier?fait=lu")


async def correct(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cahier/{note}/corriger: `texte`, `version`."""
    patient, form = str(request.path_params["id"]), await request.form()
    text = str(form.get("texte", ""))
    if not text.strip():
        return await _page(request, ctx, faults={"texte": "Une note a des mots ; pour l’enlever, retirez-la"}, status=422)
    await notebook.correct(
        ctx, patient=patient, note=str(request.path_params["note"]), version=str(form.get("version", "")), text=text
    )
    return redirect(f"/patients/{patient}/cahier?fait=correction")


async def withdraw(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cahier/{note}/retirer: `version`."""
    patient, form = str(request.path_params["id"]), await request.form()
    await notebook.withdraw(ctx, patient=patient, note=str(request.path_params["note"]), version=str(form.get("version", "")))
    return redirect(f"/patients/{patient}/cahier?fait=retrait")


routes = [
    page("/patients/{id}/cahier", notes, permission=Permission.RECORD_READ),
    action("/patients/{id}/cahier", write, permission=Permission.NOTEBOOK_WRITE, max_body=API_BODY),
    action("/patients/{id}/cahier/lu", say_read, permission=Permission.RECORD_READ),
    action("/patients/{id}/cahier/{note}/corriger", correct, permission=Permission.NOTEBOOK_WRITE),
    action("/patients/{id}/cahier/{note}/retirer", withdraw, permission=Permission.NOTEBOOK_WRITE),
]
