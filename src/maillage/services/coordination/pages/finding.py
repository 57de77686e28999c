"""Words looked for in one record."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.coordination.service import finding
from maillage.ui import render
from maillage.ui.places import record_tabs

LONGEST = 200


async def find(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/recherche?q=…"""
    patient = str(request.path_params["id"])
    text = " ".join(request.query_params.get("q", "").split())[:LONGEST]
    found = await finding.find(ctx, patient=patient, text=text)
    return render(
        request, ctx, "coordination/finding.html", status=422 if found.fault else 200, patient=patient, banner=found.banner, tabs=record_tabs(patient),
        text=text, groups=found.groups, more=found.more, fault=found.fault,
    )  # fmt: skip


routes = [
    page("/patients/{id}/recherche", find, permission=Permission.RECORD_READ),
]
