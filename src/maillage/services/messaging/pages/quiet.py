"""When one wants to be left in peace."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.messaging.service import alerting
from maillage.ui import render

KEPT = "C’est noté. Ce qui arrive pendant ce temps vous attend ici, et l’e-mail part ensuite."


async def quiet(request: Request, ctx: Context) -> Response:
    """GET /mes-notifications: e-mails, and the hours without."""
    held = await alerting.quiet_of(ctx)
    values = {"debut": f"{held.starts:%H:%M}" if held.starts else "", "fin": f"{held.ends:%H:%M}" if held.ends else ""}
    values["courriel"] = "oui" if held.mail else "non"
    return _page(request, ctx, values, {})


async def keep(request: Request, ctx: Context) -> Response:
    """POST /mes-notifications."""
    values = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await alerting.keep_quiet(
            ctx, starts=values.get("debut", ""), ends=values.get("fin", ""), mail=values.get("courriel") != "non"
        )
    except Invalid as fault:
        return _page(request, ctx, values, {str(one.expression): one.diagnostics for one in fault.issues}, status=422)
    return redirect("/mes-notifications?fait=note")


def _page(request: Request, ctx: Context, values: dict[str, str], faults: dict[str, str], *, status: int = 200) -> Response:
    said = KEPT if request.query_params.get("fait") else ""
    return render(request, ctx, "messaging/quiet.html", status=status, values=values, faults=faults, said_words=said)


routes = [
    page("/mes-notifications", quiet, permission=Permission.MESSAGES_READ),
    action("/mes-notifications", keep, permission=Permission.MESSAGES_READ),
]
