"""Pages that belong to no service: where a person arrives, and what every installation says of itself."""

from starlette.responses import Response

from maillage.access.permissions import Permission
from maillage.errors import Forbidden
from maillage.http import Request, page, redirect
from maillage.ui.places import home_of
from maillage.ui.rendering import Looking, render, served


async def home(request: Request, ctx: Looking) -> Response:
    """GET /: the first place of this person. Forbidden for those for whom no page is meant (machines)."""
    path = home_of(frozenset(ctx.actor.roles), served(request))
    if path is None:
        raise Forbidden("No page is meant for this actor.")
    return redirect(path)


async def accessibility(request: Request, ctx: Looking | None) -> Response:
    """GET /accessibilite: the statement that the law asks of public services (RGAA 4.1)."""
    return render(request, ctx, "accessibility.html")


async def personal_data(request: Request, ctx: Looking | None) -> Response:
    """GET /donnees-personnelles: who sees a record, and a person's rights."""
    return render(request, ctx, "personal_data.html")


routes = [
    page("/", home, permission=Permission.SIGNED_IN),
    page("/accessibilite", accessibility, public=True),
    page("/donnees-personnelles", personal_data, public=True),
]
