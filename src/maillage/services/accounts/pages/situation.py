"""« Où exercez-vous maintenant ? »: the place and function that a professional works in, of those that the register and the directory know."""

from starlette.responses import RedirectResponse, Response

from maillage.access.actors import Role
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.sessions import Situation, acting, chosen
from maillage.errors import Forbidden
from maillage.http import Request, action, page
from maillage.http.sign_in import SITUATION, local_path
from maillage.ui import render
from maillage.ui.people import role_words


async def ask(request: Request, ctx: Context) -> Response:
    """GET /situation: those of this session; `suite` is where to go afterwards."""
    return _page(request, ctx, local_path(request.query_params.get("suite", "")))


async def choose(request: Request, ctx: Context) -> Response:
    """POST /situation: one of them, if the directory still says so."""
    form = await request.form()
    go_to = local_path(str(form.get("suite", "")))
    situation = chosen(_known(request), str(form.get("lieu", "")))
    if situation is None:
        return _page(request, ctx, go_to, fault="Choisissez un lieu d’exercice")
    await _refuse_former(ctx, situation)
    ctx.trace(Action.EXECUTE, "situation", situation.reference)
    response = RedirectResponse(go_to, status_code=303)
    if request.visitor is not None:
        await request.app.state.visitors.work_elsewhere(response, request.visitor, acting(ctx.actor, situation))
    return response


async def _refuse_former(ctx: Context, situation: Situation) -> None:
    """Forbidden where they have left the place, or no longer help the person, since they signed in. Their own sight ends by itself in any case."""
    kind, _, id = situation.reference.partition("/")
    if kind == "PractitionerRole":
        asked = {"_id": id, "active": "true", "practitioner": str(ctx.actor.reference)}
        if not await ctx.records.find(kind, asked):
            raise Forbidden("The directory no longer says that this person works there.")


def _page(request: Request, ctx: Context, go_to: str, *, fault: str = "") -> Response:
    options = [(one.reference, f"{one.name} ({role_words([one.role]).lower()})") for one in _known(request)]
    return render(
        request, ctx, "accounts/situation.html", status=422 if fault else 200, options=options, go_to=go_to, action_path=SITUATION,
        current=ctx.actor.situation or ctx.actor.reference or "", citizen=ctx.actor.has(Role.PATIENT, Role.CARER), faults={"lieu": fault} if fault else {},
    )  # fmt: skip


def _known(request: Request) -> tuple[Situation, ...]:
    return request.visitor.known.situations if request.visitor and request.visitor.known else ()


routes = [
    page(SITUATION, ask, permission=Permission.SIGNED_IN),
    action(SITUATION, choose, permission=Permission.SIGNED_IN),
]
