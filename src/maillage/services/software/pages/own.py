"""« Mes applications »: what one lets software do, and taking it back."""

from uuid import UUID

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import NotFound
from maillage.http import Request, action, page, redirect
from maillage.services.software.operations import MANAGE
from maillage.services.software.service import consents, granting
from maillage.ui import render
from maillage.ui.words import person_name

SAID = {"retire": "Autorisation retirée : l’application n’a plus accès à rien."}


async def mine(request: Request, ctx: Context) -> Response:
    """GET /mes-applications."""
    found = await consents.allowed(ctx)
    names = {one.actor.patient: await _name(ctx, one.actor.patient) for one, _ in found if one.actor.patient}
    shown = [
        (one, software, granting.lines(sorted(one.actor.scopes)), names.get(one.actor.patient or "", ""))
        for one, software in found
    ]
    return render(
        request,
        ctx,
        "software/own.html",
        found=shown,
        path_here=MANAGE,
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )


async def withdraw(request: Request, ctx: Context) -> Response:
    """POST /mes-applications/retirer: one of them."""
    try:
        delegation = UUID(str((await request.form()).get("autorisation", "")))
    except ValueError:
        raise NotFound("no such delegation") from None
    await consents.withdraw(ctx, delegation)
    return redirect(f"{MANAGE}?fait=retire")


async def _name(ctx: Context, reference: str) -> str:
    if reference == ctx.actor.reference:
        return "votre dossier"
    found = await consents.person(ctx, reference.removeprefix("Patient/"))
    return person_name(found.get("name", [])) if found else "un dossier que vous ne voyez plus"


routes = [
    page(MANAGE, mine, permission=Permission.SOFTWARE_ALLOW),
    action(f"{MANAGE}/retirer", withdraw, permission=Permission.SOFTWARE_ALLOW),
]
