"""Absences: one's own, those of the team, and what changed while one was away."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.task import MORNING, moment
from maillage.services.coordination.service import absences, agendas, plans, returns
from maillage.ui import render

SAID = {
    "dite": "Absence enregistrée. Votre remplaçant voit vos tâches et vos alertes ces jours-là.",
    "retiree": "Absence retirée.",
}
FIELDS = {"since": "du", "until": "au", "substitute": "remplacant"}


async def every(request: Request, ctx: Context) -> Response:
    """GET /absences."""
    return await _page(request, ctx, {}, {})


async def say(request: Request, ctx: Context) -> Response:
    """POST /absences: `du`, `au`, `remplacant` (a reference, or nobody)."""
    sent = {name: str(value).strip() for name, value in (await request.form()).items()}
    since, until = (moment(sent.get(name, ""), None, MORNING) for name in ("du", "au"))
    faults = {name: "Indiquez une date qui existe : 28/11/2026" for name, day in (("du", since), ("au", until)) if day is None}
    if since is None or until is None:
        return await _page(request, ctx, sent, faults, status=422)
    try:
        await absences.say(ctx, since=since.date(), until=until.date(), substitute=sent.get("remplacant") or None)
    except Invalid as fault:
        field = FIELDS.get(fault.issues[0].expression or "", "au")
        return await _page(request, ctx, sent, {field: fault.message}, status=422)
    return redirect("/absences?fait=dite")


async def take_back(request: Request, ctx: Context) -> Response:
    """POST /absences/{id}/retirer."""
    await absences.take_back(ctx, absence=str(request.path_params["id"]))
    return redirect("/absences?fait=retiree")


async def _page(request: Request, ctx: Context, values: dict[str, str], faults: dict[str, str], *, status: int = 200) -> Response:
    team = await agendas.team(ctx)
    return render(
        request, ctx, "coordination/absences.html", status=status, values=values, faults=faults, team=team, today=plans.today(ctx),
        names={one.reference: one.name for one in team}, coming=await agendas.away(ctx, [one.reference for one in team]), back=await returns.read(ctx),
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page("/absences", every, permission=Permission.TASK_READ),
    action("/absences", say, permission=Permission.TASK_WRITE),
    action("/absences/{id}/retirer", take_back, permission=Permission.TASK_WRITE),
]
