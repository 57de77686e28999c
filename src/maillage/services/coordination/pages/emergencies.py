"""The record of somebody one does not follow, opened in an emergency or for a call to the 15."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.emergency import OPENING_REASONS, EmergencyForm, call_form, emergency_form
from maillage.services.coordination.service import emergencies
from maillage.services.rights import public as rights
from maillage.ui import render


async def emergency(request: Request, ctx: Context) -> Response:
    """GET /urgence: the form that opens the record of somebody one does not follow."""
    return _emergency_page(request, ctx, EmergencyForm({}))


async def open_in_emergency(request: Request, ctx: Context) -> Response:
    """POST /urgence: opens it and leads there, or says what is missing or that nobody was found."""
    form = emergency_form({name: str(value) for name, value in (await request.form()).items()})
    if form.faults or form.reason is None:
        return _emergency_page(request, ctx, form, status=422)
    try:
        record = await emergencies.open_for(
            ctx, form.traits, matricule=form.matricule, reason=form.reason, words=form.values["explication"]
        )
    except rights.Opposed:
        return _emergency_page(request, ctx, form, status=403, opposed=True)
    except Forbidden:
        return _emergency_page(request, ctx, form, status=403, refused=True)
    return redirect(f"/patients/{record}") if record else _emergency_page(request, ctx, form, status=404, unknown=True)


async def call(request: Request, ctx: Context) -> Response:
    """GET /centre-15: the form that opens the record of whom a call is about."""
    return _call_page(request, ctx, EmergencyForm({}))


async def open_for_call(request: Request, ctx: Context) -> Response:
    """POST /centre-15: the INS or the traits, and `appel`, the number of the call; leads to the record."""
    form = call_form({name: str(value) for name, value in (await request.form()).items()})
    if form.faults:
        return _call_page(request, ctx, form, status=422)
    try:
        record = await emergencies.open_for_call(ctx, form.traits, matricule=form.matricule, number=form.values["appel"])
    except rights.Opposed:
        return _call_page(request, ctx, form, status=403, why="opposed")
    except Forbidden:
        return _call_page(request, ctx, form, status=403, why="refused")
    return redirect(f"/patients/{record}") if record else _call_page(request, ctx, form, status=404, why="unknown")


def _call_page(request: Request, ctx: Context, form: EmergencyForm, *, status: int = 200, why: str = "") -> Response:
    minutes = rights.CALL_LASTS.seconds // 60
    return render(
        request, ctx, "coordination/call.html", status=status, values=form.values, faults=form.faults, why=why, minutes=minutes
    )


async def close_emergency(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/urgence/fermer."""
    await rights.close_emergency(ctx, str(request.path_params["id"]))
    return redirect("/patients?fait=referme")


def _emergency_page(
    request: Request,
    ctx: Context,
    form: EmergencyForm,
    *,
    status: int = 200,
    unknown: bool = False,
    refused: bool = False,
    opposed: bool = False,
) -> Response:
    return render(
        request, ctx, "coordination/emergency.html", status=status, values=form.values, faults=form.faults,
        reasons=list(OPENING_REASONS.items()), hours=rights.LASTS.seconds // 3600, unknown=unknown, refused=refused, opposed=opposed,
    )  # fmt: skip


routes = [
    page("/urgence", emergency, permission=Permission.EMERGENCY_OPEN),
    action("/urgence", open_in_emergency, permission=Permission.EMERGENCY_OPEN),
    page("/centre-15", call, permission=Permission.EMERGENCY_CALL),
    action("/centre-15", open_for_call, permission=Permission.EMERGENCY_CALL),
    action("/patients/{id}/urgence/fermer", close_emergency, permission=Permission.EMERGENCY_OPEN, fresh=False),
]
