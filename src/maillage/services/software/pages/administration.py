"""« Logiciels »: what waits to be approved, what counts, what was refused or suspended; the administrator's decision."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.software.service import granting, registry
from maillage.ui import render

PATH = "/logiciels"
STATES = {"waiting": "À examiner", "approved": "En service", "suspended": "Suspendus", "refused": "Refusés"}
CHIPS = {
    "waiting": ("À examiner", "watch"),
    "approved": ("En service", "done"),
    "suspended": ("Suspendu", "danger"),
    "refused": ("Refusé", ""),
}
METHODS = {
    "none": "Aucun secret (application publique, PKCE)",
    "client_secret_basic": "Un secret",
    "private_key_jwt": "Une signature (clé publique)",
}
SAID = {
    "approved": "Logiciel mis en service.",
    "refused": "Demande refusée.",
    "suspended": "Logiciel suspendu : ses jetons ne valent plus rien.",
}


async def listed(request: Request, ctx: Context) -> Response:
    """GET /logiciels: `?etat=`, the last asked first, `?apres=` the page after."""
    state = request.query_params.get("etat", "waiting")
    state = state if state in STATES else "waiting"
    found = await registry.in_state(ctx, state, after=request.query_params.get("apres", ""))
    return render(
        request, ctx, "software/register.html", found=found, state=state, states=STATES, path_here=PATH,
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
        following=f"{PATH}?etat={state}&apres={found[-1].id}" if len(found) == registry.PAGE else "",
    )  # fmt: skip


async def one(request: Request, ctx: Context) -> Response:
    """GET /logiciels/{id}."""
    return await _page(request, ctx)


async def decide(request: Request, ctx: Context) -> Response:
    """POST /logiciels/{id}: `decision` approved, refused or suspended, `motif` why."""
    form = await request.form()
    state = str(form.get("decision", ""))
    try:
        await registry.decide(ctx, str(request.path_params["id"]), state, remark=str(form.get("motif", "")))
    except Conflict:
        return await _page(request, ctx, fault="Quelqu’un d’autre a décidé entre-temps : voici l’état actuel.", status=409)
    except Invalid as fault:
        words_of = {"remark": "Dites pourquoi : l’éditeur le lira", "state": "Choisissez une décision"}
        return await _page(request, ctx, fault=words_of[fault.issues[0].expression or "state"], status=422)
    return redirect(f"{PATH}?etat={state}&fait={state}")


async def _page(request: Request, ctx: Context, *, fault: str = "", status: int = 200) -> Response:
    ctx.require(Permission.SOFTWARE_MANAGE)
    found = await registry.software(ctx, str(request.path_params["id"]))
    return render(
        request, ctx, "software/software.html", status=status, one=found, chip_of=CHIPS[found.state], methods=METHODS,
        lines=granting.lines(found.scopes), path_here=PATH, fault=fault, decisions=[state for state, before in registry.BEFORE.items() if found.state in before],
    )  # fmt: skip


routes = [
    page(PATH, listed, permission=Permission.SOFTWARE_MANAGE),
    page(f"{PATH}/{{id}}", one, permission=Permission.SOFTWARE_MANAGE),
    action(f"{PATH}/{{id}}", decide, permission=Permission.SOFTWARE_MANAGE),
]
