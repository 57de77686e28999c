"""The agenda of somebody: a day or a week of visits, meetings, calls and tasks, on every screen and on paper."""

from datetime import timedelta

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.coordination.service import agendas, booking_guard, plans, returns
from maillage.ui import render

keep_agendas = booking_guard.keep_agendas  # declared wherever these pages are served
DAY, WEEK = timedelta(days=1), timedelta(days=7)


async def agenda(request: Request, ctx: Context) -> Response:
    """GET /agenda?vue=jour|semaine&jour=2026-11-23&qui=Practitioner/3: one's own, or that of a colleague."""
    by_day = request.query_params.get("vue") == "jour"
    day = agendas.day_of(ctx, request.query_params.get("jour", ""))
    team = await agendas.team(ctx)
    asked = request.query_params.get("qui", "")
    who = next((one for one in team if one.reference == asked), team[0] if team else None)
    start = day if by_day else day - timedelta(days=day.weekday())
    held = await agendas.read(ctx, people=[who] if who else [], start=start, days=1 if by_day else 7)
    absence = await returns.absence(ctx)
    step, today = (DAY if by_day else WEEK), plans.today(ctx)
    view, mine = "jour" if by_day else "semaine", who is None or who.reference == ctx.actor.reference
    return render(
        request, ctx, "coordination/agenda.html", held=held, who=who, mine=mine, team=team, view=view, day=day, today=today,
        returned=absence if absence and absence[1] < today else None, before=start - step, after=start + step, last=held.days[-1], here=f"/agenda?vue={view}" + ("" if mine or not who else f"&qui={who.reference}"),
        views=[(words, f"/agenda?vue={code}&jour={day}" + ("" if mine or not who else f"&qui={who.reference}")) for words, code in (("Jour", "jour"), ("Semaine", "semaine"))],
        current=f"/agenda?vue={view}&jour={day}" + ("" if mine or not who else f"&qui={who.reference}"),
    )  # fmt: skip


routes = [page("/agenda", agenda, permission=Permission.TASK_READ)]
