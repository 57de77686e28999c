"""The round of the day, on a phone, in one hand."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.service import rounds
from maillage.ui import render

SAID = {"constante": "Constante enregistrée.", "note": "Note enregistrée.", "visite": "Visite faite."}


async def day(request: Request, ctx: Context) -> Response:
    """GET /tournee: the visits of today, the next one first in the eye."""
    stops = await rounds.read(ctx)
    following = next((one for one in stops if not one.visit.done), None)
    return render(
        request, ctx, "coordination/round.html", stops=stops, following=following, done=sum(one.visit.done for one in stops),
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def do(request: Request, ctx: Context) -> Response:
    """POST /tournee/{visit}/faite."""
    await rounds.tick(ctx, id=str(request.path_params["visit"]), done=True)
    return redirect("/tournee?fait=visite")


async def undo(request: Request, ctx: Context) -> Response:
    """POST /tournee/{visit}/a-faire."""
    await rounds.tick(ctx, id=str(request.path_params["visit"]), done=False)
    return redirect("/tournee")


routes = [
    page("/tournee", day, permission=Permission.ROUND_READ),
    action("/tournee/{visit}/faite", do, permission=Permission.ROUND_READ),
    action("/tournee/{visit}/a-faire", undo, permission=Permission.ROUND_READ),
]
