"""The alerts that are before somebody and their team: why, who was told, taken, dealt with, set aside."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import PreconditionFailed
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.service import alert_guard, alerts
from maillage.ui import render

keep_alerts = alert_guard.keep_alerts  # declared wherever these pages are served
SAID = {
    "prise": "Alerte prise en charge. Personne d’autre n’est prévenu.",
    "traitee": "Alerte traitée.",
    "ecartee": "Alerte non suivie, avec votre motif.",
}
NEEDED = "Dites en quelques mots ce qui a été fait, ou pourquoi"


async def list_alerts(request: Request, ctx: Context) -> Response:
    """The alerts to take and those that are taken, or those that are over."""
    return await _list(
        request, ctx, over=request.query_params.get("vue") == "terminees", said=SAID.get(request.query_params.get("fait", ""), "")
    )


async def take(request: Request, ctx: Context) -> Response:
    """Takes an alert."""
    flag, form = str(request.path_params["id"]), await request.form()
    try:
        async with ctx.savepoint():
            await alerts.take(ctx, flag=flag, version=str(form.get("version", "")))
    except PreconditionFailed:
        return await _list(
            request, ctx, fault="Quelqu’un a répondu à cette alerte juste avant vous : voici où elle en est.", status=409
        )
    return redirect("/alertes?fait=prise")


async def answer(request: Request, ctx: Context) -> Response:
    """Says what was done about an alert, or why it is not followed; what was written is kept where that cannot be."""
    flag, form = str(request.path_params["id"]), await request.form()
    words, version = str(form.get("mot", "")).strip(), str(form.get("version", ""))
    aside = form.get("suite") == "ecarter"
    if not words:
        return await _list(request, ctx, fault=NEEDED, status=422)
    try:
        async with ctx.savepoint():
            await (alerts.set_aside if aside else alerts.close)(ctx, flag=flag, version=version, words=words)
    except PreconditionFailed:
        return await _list(
            request, ctx, fault=f"Quelqu’un a répondu à cette alerte juste avant vous. Vous aviez écrit : « {words} »", status=409
        )
    return redirect(f"/alertes?fait={'ecartee' if aside else 'traitee'}")


async def _list(
    request: Request, ctx: Context, *, over: bool = False, said: str = "", fault: str = "", status: int = 200
) -> Response:
    held = await alerts.listed(ctx, over=over)
    return render(request, ctx, "coordination/alerts.html", status=status, held=held, over=over, said_words=said, fault=fault)


routes = [
    page("/alertes", list_alerts, permission=Permission.TASK_READ),
    action("/alertes/{id}/prendre", take, permission=Permission.TASK_WRITE),
    action("/alertes/{id}/repondre", answer, permission=Permission.TASK_WRITE),
]
