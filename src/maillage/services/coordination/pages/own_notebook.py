"""The notebook of the person and of who helps them at home, on a telephone first."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.http.routes import API_BODY
from maillage.services.coordination.pages.wounds import REFUSED, pictures_of, refused
from maillage.services.coordination.resources.note import DAYS
from maillage.services.coordination.service import own_notebook, photos
from maillage.services.coordination.service.note_guard import keep_photographs
from maillage.ui import render

keep = keep_photographs  # what holds of photographs holds wherever those who are no professionals send them
HERE = "/mon-cahier"
SAID = {
    "note": "C’est écrit : l’équipe le lit.",
    "retrait": "Votre note est retirée du cahier.",
    "lu": "C’est noté : vous avez lu le cahier.",
}


async def notes(request: Request, ctx: Context) -> Response:
    """GET /mon-cahier: how the day went, in one tap and a few words, and what others wrote."""
    return await _page(request, ctx)


async def _page(
    request: Request, ctx: Context, *, text: str = "", day: str = "", faults: Mapping[str, str] = MappingProxyType({}), status: int = 200
) -> Response:  # fmt: skip
    held = await own_notebook.read(ctx)
    return render(
        request, ctx, "coordination/own_notebook.html", status=status, held=held, book=held.book, days=list(DAYS.items()), text=text, day=day, faults=faults,
        most=photos.MOST, me=ctx.actor.reference, said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def write(request: Request, ctx: Context) -> Response:
    """POST /mon-cahier: `journee`, `texte`, `important`, `photo`s."""
    form = await request.form()
    text, day = str(form.get("texte", "")), str(form.get("journee", ""))
    if not text.strip() and not day:
        return await _page(
            request, ctx, faults={"texte": "Dites comment la journée s’est passée, ou écrivez quelques mots"}, status=422
        )
    try:
        async with ctx.savepoint():
            await own_notebook.write(
                ctx, text=text, day=day, important=bool(form.get("important")), pictures=await pictures_of(form)
            )
    except REFUSED as fault:
        if (words := refused(fault)) is None:
            raise
        return await _page(request, ctx, text=text, day=day, faults={"photo": words}, status=422)
    return redirect(f"{HERE}?fait=note")


async def say_read(request: Request, ctx: Context) -> Response:
    """POST /mon-cahier/lu: `jusqua`, when the newest note of the page was written."""
    await own_notebook.say_read(ctx, until=str((await request.form()).get("jusqua", "")))
    return redirect(f"{HERE}?fait=lu")


async def withdraw(request: Request, ctx: Context) -> Response:
    """POST /mon-cahier/{note}/retirer: `version`."""
    form = await request.form()
    await own_notebook.withdraw(ctx, note=str(request.path_params["note"]), version=str(form.get("version", "")))
    return redirect(f"{HERE}?fait=retrait")


async def picture(request: Request, ctx: Context) -> Response:
    """GET /mon-cahier/photos/{photo}; `?petite` its small likeness."""
    kind, content = await own_notebook.picture(
        ctx, photo=str(request.path_params["photo"]), small="petite" in request.query_params
    )
    return Response(content, media_type=kind, headers={"Content-Disposition": "inline", "Cache-Control": "private, no-store"})


routes = [
    page(HERE, notes, permission=Permission.NOTEBOOK_OWN),
    action(HERE, write, permission=Permission.NOTEBOOK_OWN, max_body=API_BODY),
    action(f"{HERE}/lu", say_read, permission=Permission.NOTEBOOK_OWN),
    page(f"{HERE}/photos/{{photo}}", picture, permission=Permission.NOTEBOOK_OWN),
    action(f"{HERE}/{{note}}/retirer", withdraw, permission=Permission.NOTEBOOK_OWN),
]
