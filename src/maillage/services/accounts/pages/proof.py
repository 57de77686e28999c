"""« Prouvez que c’est bien vous »: before what is grave, by what opened the session."""

from urllib.parse import urlencode

import structlog
from starlette.responses import RedirectResponse, Response

from maillage.access.actors import GUARDED_ROLES
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden
from maillage.http import Request, action, page
from maillage.http.addresses import address_of, neighbourhood_of
from maillage.http.faults import SIGN_IN
from maillage.http.sign_in import local_path
from maillage.http.wrapper import PROOF
from maillage.services.accounts.pages.own import account_id, browser_of
from maillage.services.accounts.pages.sign_in import access_of, hasher, keys_of, site_of
from maillage.services.accounts.service import proofs
from maillage.services.accounts.service.accounts import account_by_id
from maillage.services.accounts.service.challenges import NotProven
from maillage.services.accounts.service.proofs import Proof, Shown
from maillage.ui import render

log = structlog.get_logger(__name__)


async def show(request: Request, ctx: Context) -> Response:
    """GET /preuve: to the identity provider, or the forms of an account held here."""
    return await _page(request, ctx, local_path(request.query_params.get("suite", "")))


async def ask(request: Request, ctx: Context) -> Response:
    """POST /preuve/defi: what the authenticator is to sign, as JSON."""
    address = neighbourhood_of(address_of(request))
    options = await proofs.ask_for_passkey(access_of(request), site_of(request), browser=browser_of(request), address=address)
    return Response(options, media_type="application/json")


async def by_passkey(request: Request, ctx: Context) -> Response:
    """POST /preuve/cle."""
    form = await request.form()
    go_to, answer = local_path(str(form.get("suite", ""))), str(form.get("reponse", ""))
    try:
        proof = await proofs.by_passkey(access_of(request), site_of(request), answer=answer, browser=browser_of(request))
        return await _proven(request, proof, go_to)
    except NotProven as fault:
        log.warning("proof_refused", why=fault.message)
        return await _page(request, ctx, go_to, refused=True)


async def by_password(request: Request, ctx: Context) -> Response:
    """POST /preuve/code: not for those whose role is guarded."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    go_to, account = local_path(form.get("suite", "")), account_id(request)
    if account is None or ctx.actor.has(*GUARDED_ROLES):
        raise Forbidden("This session is proved in another way.")
    email = (await account_by_id(ctx, account)).email
    address = neighbourhood_of(address_of(request))
    shown = Shown(email=email, password=form.get("mot-de-passe", ""), code=form.get("code", ""), address=address)
    try:
        proof = await proofs.by_password(access_of(request), keys_of(request), hasher(), shown)
        return await _proven(request, proof, go_to)
    except NotProven as fault:
        log.warning("proof_refused", why=fault.message)
        return await _page(request, ctx, go_to, refused=True)


async def _proven(request: Request, proof: Proof, go_to: str) -> Response:
    """Back to the page, the session's secret changed; NotProven for the account of somebody else."""
    if request.visitor is None or proof.account.id != account_id(request):
        raise NotProven("somebody else proved who they are")
    response = RedirectResponse(go_to, status_code=303)
    await request.app.state.visitors.prove_anew(response, request.visitor)
    return response


async def _page(request: Request, ctx: Context, go_to: str, *, refused: bool = False) -> Response:
    known = request.visitor.known if request.visitor else None
    account = account_id(request)
    own = await account_by_id(ctx, account) if account else None
    provider = known.provider if known and not account else ""
    door = f"{SIGN_IN}/{provider}?{urlencode({'preuve': 1, 'suite': go_to})}" if provider else ""
    return render(
        request, ctx, "accounts/proof.html", status=401 if refused else 200, go_to=go_to, refused=refused, own=own, door=door,
        by_code=own is not None and own.password and not ctx.actor.has(*GUARDED_ROLES), passkeys=site_of(request).has_passkeys,
    )  # fmt: skip


routes = [
    page(PROOF, show, permission=Permission.SIGNED_IN),
    action(f"{PROOF}/defi", ask, permission=Permission.SIGNED_IN),
    action(f"{PROOF}/cle", by_passkey, permission=Permission.SIGNED_IN),
    action(f"{PROOF}/code", by_password, permission=Permission.SIGNED_IN),
]
