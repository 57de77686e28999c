"""« Compte de structure »: a passkey, or a password and a code. Whoever is refused is told the same, whatever was wrong."""

from functools import cache
from urllib.parse import urlencode

import structlog
from starlette.responses import RedirectResponse, Response

from maillage.access.access import Access
from maillage.access.actors import GUARDED_ROLES
from maillage.access.context import Context
from maillage.config import Config
from maillage.http import Request, action, page
from maillage.http.addresses import address_of, neighbourhood_of
from maillage.http.doorstep import keep, refuse_strangers, stand_on
from maillage.http.sign_in import local_path
from maillage.services.accounts.rules import invitations
from maillage.services.accounts.service import proofs
from maillage.services.accounts.service.breached import Breached, breached_from
from maillage.services.accounts.service.challenges import NotProven, Site
from maillage.services.accounts.service.proofs import Proof, Shown
from maillage.services.accounts.service.sealing import Passwords, Seal, seal_of
from maillage.ui import render

log = structlog.get_logger(__name__)
PATH = "/compte/connexion"
PASSKEY = "/compte/cle"
ASK = "/compte/cle/defi"
OWN_PROVIDER = "compte"
"""The first word of the hint of a session that an account of ours opened."""


async def door(request: Request, ctx: Context | None) -> Response:
    """GET /compte/connexion: both ways in; those already signed in go on."""
    go_to = local_path(request.query_params.get("suite", ""))
    if request.visitor is not None:
        return RedirectResponse(go_to, status_code=303)
    return _door(request, go_to)


async def by_password(request: Request, ctx: Context | None) -> Response:
    """POST /compte/connexion."""
    await refuse_strangers(request)
    form = {name: str(value) for name, value in (await request.form()).items()}
    go_to = local_path(form.get("suite", ""))
    address = neighbourhood_of(address_of(request))
    shown = Shown(email=form.get("email", ""), password=form.get("mot-de-passe", ""), code=form.get("code", ""), address=address)
    try:
        proof = await proofs.by_password(access_of(request), keys_of(request), hasher(), shown)
    except NotProven as fault:
        log.warning("sign_in_refused", why=fault.message)
        return _door(request, go_to, refused=True, email=shown.email)
    return await enter(request, proof, go_to)


async def ask(request: Request, ctx: Context | None) -> Response:
    """POST /compte/cle/defi: what the authenticator is to sign, as JSON."""
    browser = await refuse_strangers(request)
    address = neighbourhood_of(address_of(request))
    options = await proofs.ask_for_passkey(access_of(request), site_of(request), browser=browser, address=address)
    return Response(options, media_type="application/json")


async def by_passkey(request: Request, ctx: Context | None) -> Response:
    """POST /compte/cle."""
    browser = await refuse_strangers(request)
    form = await request.form()
    go_to = local_path(str(form.get("suite", "")))
    try:
        proof = await proofs.by_passkey(
            access_of(request), site_of(request), answer=str(form.get("reponse", "")), browser=browser
        )
    except NotProven as fault:
        log.warning("sign_in_refused", why=fault.message)
        return _door(request, go_to, refused_key=True)
    return await enter(request, proof, go_to)


async def enter(request: Request, proof: Proof, go_to: str) -> Response:
    """A session with the roles that the proof opens; a page that says why when it opens none."""
    account = proof.account
    roles = invitations.opened(account.roles, GUARDED_ROLES, passkey=proof.passkey)
    if not roles:
        return keep(request, render(request, None, "accounts/passkey_needed.html", status=403))
    response = RedirectResponse(go_to, status_code=303)
    await come_in(request, response, proof)
    return response


async def come_in(request: Request, response: Response, proof: Proof) -> None:
    """Opens the session of somebody who proved who they are, in this answer."""
    account = proof.account
    roles = invitations.opened(account.roles, GUARDED_ROLES, passkey=proof.passkey)
    log.info("signed_in", provider=OWN_PROVIDER, passkey=proof.passkey, roles=sorted(roles))
    hint = f"{OWN_PROVIDER} {account.id}"
    await request.app.state.visitors.enter(request, response, account.actor(roles), hint=hint)


def _door(request: Request, go_to: str, *, refused: bool = False, refused_key: bool = False, email: str = "") -> Response:
    stand_on(request)
    site = site_of(request)
    response = render(
        request, None, "accounts/sign_in.html", status=401 if refused or refused_key else 200, go_to=go_to, refused=refused,
        refused_key=refused_key, email=email, passkeys=site.has_passkeys, passwords=keys_of(request).is_set,
        back_href=f"/connexion?{urlencode({'suite': go_to})}" if go_to != "/" else "/connexion",
    )  # fmt: skip
    return keep(request, response)


def access_of(request: Request) -> Access:
    """The way in, of the running application."""
    access: Access = request.app.state.platform.access
    return access


def config_of(request: Request) -> Config:
    """The settings of the running application."""
    config: Config = request.app.state.platform.config
    return config


def keys_of(request: Request) -> Seal:
    """The keys of second factors."""
    return seal_of(config_of(request))


def site_of(request: Request) -> Site:
    """The relying party that browsers make passkeys for."""
    return Site.of(config_of(request).base_url)


def breached_of(request: Request) -> Breached:
    """The passwords that others have lost."""
    return breached_from(config_of(request))


@cache
def hasher() -> Passwords:
    """The one of this process."""
    return Passwords()


routes = [
    page(PATH, door, public=True),
    action(PATH, by_password, public=True),
    action(ASK, ask, public=True),
    action(PASSKEY, by_passkey, public=True),
]
