"""« Sessions »: an operator ends those of somebody whose card or device is lost, or of everybody."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.accounts.service import closing
from maillage.ui import render

PATH = "/sessions"
SAID = {"ferme": "Sessions fermées\u00a0: {}.", "toutes": "Toutes les sessions sont fermées, sauf la vôtre\u00a0: {}."}


async def shown(request: Request, ctx: Context) -> Response:
    """GET /sessions."""
    return await _page(request, ctx)


async def end_of(request: Request, ctx: Context) -> Response:
    """POST /sessions/fermer: those of one person."""
    who = str((await request.form()).get("qui", ""))
    try:
        ended = await closing.end_of(ctx, who)
    except Invalid as fault:
        return await _page(request, ctx, who=who, faults={"qui": fault.message})
    return redirect(f"{PATH}?fait=ferme&nombre={ended}")


async def end_everybody(request: Request, ctx: Context) -> Response:
    """POST /sessions/fermer-toutes: everybody's but this one."""
    if (await request.form()).get("oui") != "1":
        return await _page(request, ctx, faults={"oui": "Cochez la case : chacun devra s’identifier à nouveau"})
    known = request.visitor.known if request.visitor else None
    ended = await closing.end_everybody(ctx, but=known.id if known else None)
    return redirect(f"{PATH}?fait=toutes&nombre={ended}")


async def _page(request: Request, ctx: Context, *, who: str = "", faults: dict[str, str] | None = None) -> Response:
    number = request.query_params.get("nombre", "")
    said = SAID.get(request.query_params.get("fait", ""), "").format(number if number.isdecimal() and len(number) < 9 else "0")
    return render(
        request, ctx, "accounts/sessions.html", status=422 if faults else 200, who=who, faults=faults or {}, said_words=said,
        open_now=await closing.how_many(ctx), path_here=PATH,
    )  # fmt: skip


routes = [
    page(PATH, shown, permission=Permission.SESSION_END),
    action(f"{PATH}/fermer", end_of, permission=Permission.SESSION_END),
    action(f"{PATH}/fermer-toutes", end_everybody, permission=Permission.SESSION_END),
]
