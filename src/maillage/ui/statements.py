"""What every installation says of itself to anyone: accessibility and personal data."""

from starlette.responses import Response

from maillage.http.request import Request
from maillage.ui.rendering import Looking, render


async def accessibility(request: Request, ctx: Looking | None) -> Response:
    """GET /accessibilite: the statement that the law asks of public services (RGAA 4.1)."""
    return render(request, ctx, "accessibility.html")


async def personal_data(request: Request, ctx: Looking | None) -> Response:
    """GET /donnees-personnelles: who sees a record, and a person's rights."""
    return render(request, ctx, "personal_data.html")
