"""« Mon compte »: one's passkeys, password and recovery codes, for those whose account is held here."""

from collections.abc import Mapping
from uuid import UUID

from starlette.responses import Response

from maillage.access import sessions
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.sessions import handle_of
from maillage.errors import Invalid, NotFound
from maillage.http import Request, action, page, redirect
from maillage.http.addresses import address_of, neighbourhood_of
from maillage.services.accounts.pages.sign_in import OWN_PROVIDER, access_of, breached_of, hasher, site_of
from maillage.services.accounts.service import challenges, factors, proofs
from maillage.services.accounts.service.accounts import Account, account_by_id
from maillage.services.accounts.service.challenges import NotProven
from maillage.services.accounts.service.proofs import Shown
from maillage.ui import render

PATH = "/mon-compte"
SAID = {
    "cle": "Clé d’accès ajoutée.",
    "retiree": "Clé d’accès retirée.",
    "mot-de-passe": "Mot de passe changé. Vos autres sessions sont fermées.",
}


async def mine(request: Request, ctx: Context) -> Response:
    """GET /mon-compte."""
    return await _page(request, ctx)


async def ask(request: Request, ctx: Context) -> Response:
    """POST /mon-compte/cle/defi: the options of one more passkey, as JSON."""
    account = await _account(request, ctx)
    options = await challenges.ask_for_new(ctx, site_of(request), account, browser=browser_of(request))
    return Response(options, media_type="application/json")


async def add(request: Request, ctx: Context) -> Response:
    """POST /mon-compte/cle: one more passkey."""
    account, form = await _account(request, ctx), await request.form()
    answer, name = str(form.get("reponse", "")), str(form.get("nom", ""))
    try:
        await factors.add_passkey(ctx, site_of(request), account, answer=answer, name=name, browser=browser_of(request))
    except NotProven:
        return await _page(request, ctx, fault="La clé d’accès n’a pas été ajoutée : recommencez.")
    return redirect(f"{PATH}?fait=cle")


async def remove(request: Request, ctx: Context) -> Response:
    """POST /mon-compte/cle/retirer: a passkey opens it no more."""
    account, form = await _account(request, ctx), await request.form()
    try:
        await factors.remove_passkey(ctx, account, str(form.get("cle", "")))
    except Invalid:
        return await _page(
            request, ctx, fault="Cette clé est la seule façon d’ouvrir votre compte : ajoutez-en une autre d’abord."
        )
    return redirect(f"{PATH}?fait=retiree")


async def new_codes(request: Request, ctx: Context) -> Response:
    """POST /mon-compte/codes: new recovery codes, on this answer and nowhere else."""
    account = await _account(request, ctx)
    if not account.password:
        raise NotFound("this account has no password")
    fresh = await factors.new_recovery(ctx, account.id)
    return render(request, ctx, "accounts/recovery.html", codes=fresh, go_on=PATH, first=False)


async def change_password(request: Request, ctx: Context) -> Response:
    """POST /mon-compte/mot-de-passe: another password, by who knows this one; the sessions elsewhere end."""
    account, form = await _account(request, ctx), await request.form()
    if not account.password:
        raise NotFound("this account has no password")
    address = neighbourhood_of(address_of(request))
    shown = Shown(email=account.email, password=str(form.get("actuel", "")), code="", address=address)
    if not await proofs.knows_password(access_of(request), hasher(), shown):
        return await _page(request, ctx, faults={"actuel": "Ce n’est pas votre mot de passe, ou il y a eu trop d’essais"})
    try:
        await factors.change_password(ctx, hasher(), breached_of(request), account, str(form.get("nouveau", "")))
    except Invalid as fault:
        return await _page(request, ctx, faults={"nouveau": fault.issues[0].diagnostics})
    await sessions.end_others(ctx, but=request.visitor.known.id if request.visitor and request.visitor.known else None)
    return redirect(f"{PATH}?fait=mot-de-passe")


async def _page(request: Request, ctx: Context, *, fault: str = "", faults: Mapping[str, str] | None = None) -> Response:
    account = await _account(request, ctx)
    return render(
        request, ctx, "accounts/own.html", status=422 if fault or faults else 200, account=account, fault=fault, faults=faults or {},
        passkeys=await factors.passkeys(ctx, account.id), left=await factors.recovery_left(ctx, account.id),
        has_passkeys=site_of(request).has_passkeys, said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def _account(request: Request, ctx: Context) -> Account:
    """The account that opened this session; NotFound where something else did."""
    account = account_id(request)
    if account is None:
        raise NotFound("this session was not opened by an account held here")
    return await account_by_id(ctx, account)


def account_id(request: Request) -> UUID | None:
    """The id of the account that opened this session, None where something else did."""
    known = request.visitor.known if request.visitor else None
    if known is None or known.provider != OWN_PROVIDER:
        return None
    return UUID((known.hint or "").partition(" ")[2])


def browser_of(request: Request) -> str:
    """What binds a challenge to this browser: the half of the session's cookie that stays."""
    session = request.visitor.session if request.visitor else None
    if session is None:
        raise NotFound("a bearer token has no browser")
    return handle_of(session)


routes = [
    page(PATH, mine, permission=Permission.SIGNED_IN, fresh=True),
    action(f"{PATH}/cle/defi", ask, permission=Permission.SIGNED_IN, fresh=True),
    action(f"{PATH}/cle", add, permission=Permission.SIGNED_IN, fresh=True),
    action(f"{PATH}/cle/retirer", remove, permission=Permission.SIGNED_IN, fresh=True),
    action(f"{PATH}/mot-de-passe", change_password, permission=Permission.SIGNED_IN, fresh=True),
    action(f"{PATH}/codes", new_codes, permission=Permission.SIGNED_IN, fresh=True),
]
