"""The planning of a team: who does what on each day of a week, and what is given to somebody else."""

from datetime import timedelta

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Invalid, PreconditionFailed
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.service import agendas, planning, plans
from maillage.ui import render
from maillage.ui.words import count

STALE = "Quelqu’un a changé l’un de ces éléments pendant que vous choisissiez. Le planning montre ce qu’il en est : rien n’a été confié."


async def week(request: Request, ctx: Context) -> Response:
    """GET /planning?jour=2026-11-23: the week of that day, a line for each of the team."""
    return await _page(request, ctx, request.query_params.get("jour", ""))


async def delegate(request: Request, ctx: Context) -> Response:
    """POST /planning/confier: `quoi` (several: what, and the version that was read), `a`, `mot`, and `jour` of the page."""
    form = await request.form()
    keys, to, words, day = (
        [str(one) for one in form.getlist("quoi")],
        str(form.get("a", "")),
        str(form.get("mot", "")).strip(),
        str(form.get("jour", "")),
    )
    fault = "" if keys else "Cochez au moins une tâche ou une visite"
    status = 422
    if not fault:
        try:
            async with ctx.savepoint():
                given = await planning.delegate(ctx, keys=keys, to=to, words=words[:1000])
            return redirect(f"/planning?jour={agendas.day_of(ctx, day)}&confie={given}")
        except PreconditionFailed:
            fault, status = STALE, 409
        except Conflict as taken:
            fault, status = f"{taken.french} Rien n’a été confié.", 409
        except Invalid:
            fault = "Choisissez quelqu’un qui peut recevoir tout ce qui est coché : un collègue, ou un membre du cercle de la personne"
    return await _page(
        request, ctx, day, fault=fault, chosen={key.rpartition(":")[0] for key in keys}, to=to, words=words, status=status
    )


async def _page(
    request: Request, ctx: Context, text: str, *, fault: str = "", chosen: set[str] | None = None, to: str = "", words: str = "", status: int = 200
) -> Response:  # fmt: skip
    day = agendas.day_of(ctx, text)
    monday, team = day - timedelta(days=day.weekday()), await agendas.team(ctx)
    held = await agendas.read(ctx, people=team, start=monday, days=7)
    given = request.query_params.get("confie", "")
    return render(
        request, ctx, "coordination/planning.html", status=status, held=held, team=team, names={one.reference: one.name for one in team},
        today=plans.today(ctx), before=monday - agendas.WEEK, after=monday + agendas.WEEK, fault=fault, chosen=chosen or set(), to=to, words=words,
        said_words=f"{count(int(given), 'élément confié', 'éléments confiés')}. Qui les reçoit est prévenu." if given.isdecimal() and len(given) < 3 else "",
    )  # fmt: skip


routes = [
    page("/planning", week, permission=Permission.TASK_READ),
    action("/planning/confier", delegate, permission=Permission.TASK_WRITE),
]
