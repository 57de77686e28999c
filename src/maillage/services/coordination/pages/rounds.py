"""The round of the day, on a phone, in one hand."""

from urllib.parse import quote

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.service import rounds, tasks
from maillage.ui import render

SAID = {"constante": "Constante enregistrée.", "note": "Note enregistrée.", "visite": "Visite faite.", "tache": "C’est fait."}


async def day(request: Request, ctx: Context) -> Response:
    """GET /tournee: the visits of today, the next one first in the eye."""
    held = await rounds.read(ctx)
    stops = held.stops
    following = next((one for one in stops if not one.visit.done), None)
    return render(
        request, ctx, "coordination/round.html", round=held, stops=stops, following=following, done=sum(one.visit.done for one in stops),
        ticked=request.query_params.get("tache", ""), said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def do(request: Request, ctx: Context) -> Response:
    """POST /tournee/{visit}/faite."""
    await rounds.tick(ctx, id=str(request.path_params["visit"]), done=True)
    return redirect("/tournee?fait=visite")


async def undo(request: Request, ctx: Context) -> Response:
    """POST /tournee/{visit}/a-faire."""
    await rounds.tick(ctx, id=str(request.path_params["visit"]), done=False)
    return redirect("/tournee")


async def do_task(request: Request, ctx: Context) -> Response:
    """POST /tournee/taches/{task}/faite: a task, or an action of a plan that was given."""
    task = str(request.path_params["task"])
    await tasks.mark(ctx, task=task, done=True)
    return redirect(f"/tournee?fait=tache&tache={quote(task, safe='')}")


async def undo_task(request: Request, ctx: Context) -> Response:
    """POST /tournee/taches/{task}/a-faire."""
    await tasks.mark(ctx, task=str(request.path_params["task"]), done=False)
    return redirect("/tournee")


routes = [
    page("/tournee", day, permission=Permission.ROUND_READ),
    action("/tournee/{visit}/faite", do, permission=Permission.ROUND_READ),
    action("/tournee/{visit}/a-faire", undo, permission=Permission.ROUND_READ),
    action("/tournee/taches/{task}/faite", do_task, permission=Permission.ROUND_READ),
    action("/tournee/taches/{task}/a-faire", undo_task, permission=Permission.ROUND_READ),
]
