"""« Une application demande »: the authorization endpoint (SMART App Launch 2.2): who it is about, what it would read and write, yes or no."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode

import structlog
from starlette.responses import RedirectResponse, Response

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden
from maillage.http import Request, action, page
from maillage.http.headers import content_security_policy
from maillage.services.software.operations import AUTHORIZE, base_of, config_of, issuer_of
from maillage.services.software.rules.refusals import Refused, Untrusted
from maillage.services.software.rules.requests import addressed, form_target, with_parameters
from maillage.services.software.service import consents, granting
from maillage.services.software.service.consents import Wanted
from maillage.services.software.service.registry import Software
from maillage.services.software.service.signing import is_set
from maillage.ui import render
from maillage.ui.words import person_name

log = structlog.get_logger(__name__)
Pairs = list[tuple[str, str]]


async def ask(request: Request, ctx: Context) -> Response:
    """GET /oauth/authorize: the person to choose, where there is one to choose, then the question."""

    async def put(wanted: Wanted, found: dict[str, str]) -> Response:
        show = _choose if wanted.about_one and wanted.patient is None else _question
        return await show(request, ctx, wanted, found)

    return await _held_to_the_rules(request, ctx, request.query_params.multi_items(), put)


async def answer(request: Request, ctx: Context) -> Response:
    """POST /oauth/authorize: `reponse` oui or non to the request in `demande`, which is held to the same rules once more."""
    form = await request.form()

    async def take(wanted: Wanted, found: dict[str, str]) -> Response:
        return _told(request, found, {"code": await _said_yes(request, ctx, wanted, str(form.get("reponse", "")))})

    return await _held_to_the_rules(request, ctx, parse_qsl(str(form.get("demande", "")), keep_blank_values=True), take)


async def _said_yes(request: Request, ctx: Context, wanted: Wanted, said: str) -> str:
    """The code, once the person said yes; Refused where they did not."""
    if said != "oui":
        await consents.refuse(ctx, wanted)
        raise Refused("access_denied", "the person said no")
    session = request.visitor.known if request.visitor else None
    if session is None:
        raise Forbidden("only a person in their browser says yes")
    return await consents.allow(ctx, wanted, session=session.id, proved=session.proved)


async def _held_to_the_rules(
    request: Request, ctx: Context, pairs: Pairs, go_on: Callable[[Wanted, dict[str, str]], Awaitable[Response]]
) -> Response:
    """Goes on with a request that holds; where it does not, the person is told if its address cannot be trusted, else the application."""
    try:
        found = addressed(pairs)
        software = await consents.addressee(ctx, found)
    except Untrusted as fault:
        return _untrusted(request, ctx, fault)
    try:
        return await go_on(await _wanted(request, ctx, software, found), found)
    except Refused as fault:
        return _told(request, found, {"error": fault.error, "error_description": fault.message})


async def _wanted(request: Request, ctx: Context, software: Software, found: dict[str, str]) -> Wanted:
    config = config_of(request)
    return await consents.wanted(ctx, software, found, base=base_of(config), tells=is_set(config))


async def _choose(request: Request, ctx: Context, wanted: Wanted, found: dict[str, str]) -> Response:
    """The people whom the actor may see; `cherche` narrows them."""
    text = found.pop("cherche", "").strip()[:80]
    found.pop("patient", None)
    people = [
        (
            person_name(one.get("name", [])) or "Sans nom",
            str(one.get("birthDate", "")),
            f"{AUTHORIZE}?{urlencode({**found, 'patient': one['id']})}",
        )
        for one in await consents.people(ctx, text)
    ]
    return render(
        request, ctx, "software/choose.html", software=wanted.software, people=people, text=text, most=consents.PEOPLE, kept=found, path_here=AUTHORIZE,
    )  # fmt: skip


async def _question(request: Request, ctx: Context, wanted: Wanted, found: dict[str, str]) -> Response:
    about = await consents.person(ctx, wanted.patient) if wanted.patient else None
    if wanted.patient and about is None:
        return _told(request, found, {"error": "access_denied", "error_description": "the person is out of sight"})
    chosen = "patient" in found and not wanted.launched and ctx.actor.kind is not ActorKind.PATIENT
    again = {name: value for name, value in found.items() if name != "patient"}
    response = render(
        request, ctx, "software/consent.html", software=wanted.software, lines=granting.lines(wanted.scopes), lasting=wanted.lasting,
        who=wanted.scopes, about=person_name(about.get("name", [])) if about else "", birth=about.get("birthDate", "") if about else "",
        own=ctx.actor.kind is ActorKind.PATIENT, request_text=urlencode(found), path_here=AUTHORIZE, target=form_target(wanted.asked.redirect_uri),
        again=f"{AUTHORIZE}?{urlencode(again)}" if chosen else "",
    )  # fmt: skip
    # The answer to this form is sent on to the application: browsers hold `form-action` against redirects too.
    response.headers["Content-Security-Policy"] = content_security_policy([form_target(wanted.asked.redirect_uri)])
    return response


def _told(request: Request, found: dict[str, str], said: dict[str, str]) -> Response:
    """Back to the application, at the address that was checked, with its state and who answers (RFC 9207)."""
    whole = {**said, "state": found.get("state", ""), "iss": issuer_of(config_of(request))}
    return RedirectResponse(
        with_parameters(found["redirect_uri"], {name: value for name, value in whole.items() if value}), status_code=303
    )


def _untrusted(request: Request, ctx: Context, fault: Untrusted) -> Response:
    log.warning("authorization_refused", why=fault.message)
    return render(request, ctx, "software/untrusted.html", status=400, why=fault.french)


routes = [
    page(AUTHORIZE, ask, permission=Permission.SOFTWARE_ALLOW),
    action(AUTHORIZE, answer, permission=Permission.SOFTWARE_ALLOW),
]
