"""« Applications » of a record: those that are registered, opened on this person (EHR launch, SMART App Launch 2.2 §2.0.4)."""

from starlette.responses import RedirectResponse, Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import NotFound
from maillage.http import Request, action, page
from maillage.http.headers import content_security_policy
from maillage.services.identity import public as identity
from maillage.services.software.operations import base_of, config_of
from maillage.services.software.rules.requests import form_target, with_parameters
from maillage.services.software.service import consents, registry
from maillage.ui import render
from maillage.ui.places import record_tabs

PATH = "/patients/{id}/applications"


async def offered(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/applications."""
    patient = str(request.path_params["id"])
    found = await registry.launchable(ctx)
    response = render(
        request, ctx, "software/launch.html", banner=await identity.banner(ctx, patient), tabs=record_tabs(patient), found=found,
        path_here=PATH.format(id=patient),
    )  # fmt: skip
    response.headers["Content-Security-Policy"] = content_security_policy(sorted({form_target(one.launch_uri) for one in found}))
    return response


async def open_one(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/applications: opens `logiciel` on this person, at its own address."""
    patient, id = str(request.path_params["id"]), str((await request.form()).get("logiciel", ""))
    software = next((one for one in await registry.launchable(ctx) if one.id == id), None)
    if software is None:
        raise NotFound("no such application")
    launch = await consents.open_on(ctx, software, patient)
    address = with_parameters(software.launch_uri, {"iss": base_of(config_of(request)), "launch": launch})
    return RedirectResponse(address, status_code=303)


routes = [
    page(PATH, offered, permission=Permission.RECORD_READ),
    action(PATH, open_one, permission=Permission.RECORD_READ),
]
