"""« Mes appareils »: one's sessions, to close one, the others, or all."""

from uuid import UUID

from starlette.responses import Response

from maillage.access import sessions
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import NotFound
from maillage.http import Request, action, page, redirect
from maillage.http.faults import SIGN_IN
from maillage.services.accounts.pages.own import PATH as OWN
from maillage.services.accounts.pages.own import account_id
from maillage.services.accounts.rules.devices import device_words
from maillage.ui import render

PATH = "/mes-appareils"
WAYS = {"psc": "Pro Santé Connect", "sans-carte": "compte de la région", "compte": "compte de structure"}
SAID = {
    "ferme": "Session fermée.",
    "autres": "Toutes les autres sessions sont fermées.",
}


async def devices(request: Request, ctx: Context) -> Response:
    """GET /mes-appareils."""
    found = [(one, device_words(one.agent)) for one in await sessions.open_sessions(ctx)]
    return render(
        request, ctx, "accounts/devices.html", devices=found, current=_current(request), ways=WAYS, path_here=PATH,
        own_path=OWN if account_id(request) else "", said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def close(request: Request, ctx: Context) -> Response:
    """POST /mes-appareils/fermer: one session."""
    try:
        session = UUID(str((await request.form()).get("session", "")))
    except ValueError:
        raise NotFound("no such session") from None
    await sessions.close_one(ctx, session)
    return redirect(f"{PATH}?fait=ferme")


async def close_others(request: Request, ctx: Context) -> Response:
    """POST /mes-appareils/fermer-autres: all but this one."""
    await sessions.end_others(ctx, but=_current(request))
    return redirect(f"{PATH}?fait=autres")


async def close_all(request: Request, ctx: Context) -> Response:
    """POST /mes-appareils/fermer-tout: signed out everywhere, here too."""
    await sessions.end_others(ctx, but=None)
    response = redirect(SIGN_IN)
    request.app.state.visitors.forget(response)
    return response


def _current(request: Request) -> UUID | None:
    known = request.visitor.known if request.visitor else None
    return known.id if known else None


routes = [
    page(PATH, devices, permission=Permission.SIGNED_IN),
    action(f"{PATH}/fermer", close, permission=Permission.SIGNED_IN),
    action(f"{PATH}/fermer-autres", close_others, permission=Permission.SIGNED_IN),
    action(f"{PATH}/fermer-tout", close_all, permission=Permission.SIGNED_IN),
]
