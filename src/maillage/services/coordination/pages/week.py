"""« Qui fait quoi cette semaine » : for those who follow a person, for the person and their carers, and for the fridge door."""

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.coordination.service import plans, weeks
from maillage.services.coordination.service.weeks import Week
from maillage.ui import render
from maillage.ui.places import record_tabs


async def week(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/semaine?jour=2026-11-23: the week of that day."""
    patient = str(request.path_params["id"])
    held = await weeks.read(ctx, patient=patient, day=request.query_params.get("jour", ""))
    return _page(request, ctx, "coordination/week.html", held, patient=patient, tabs=record_tabs(patient))


async def own_week(request: Request, ctx: Context) -> Response:
    """GET /ma-semaine?jour=…"""
    held = await weeks.own(ctx, day=request.query_params.get("jour", ""))
    own = ctx.actor.reference == f"Patient/{held.patient}"
    return _page(request, ctx, "coordination/own_week.html", held, own=own)


def _page(request: Request, ctx: Context, template: str, held: Week, **more: Any) -> Response:
    return render(
        request, ctx, template, banner=held.banner, week=held, last=held.monday + timedelta(days=6), before=held.monday - weeks.WEEK,
        after=held.monday + weeks.WEEK, me=ctx.actor.reference, today=plans.today(ctx), **more,
    )  # fmt: skip


routes = [
    page("/patients/{id}/semaine", week, permission=Permission.RECORD_READ),
    page("/ma-semaine", own_week, permission=Permission.OWN_RECORD_READ),
]
