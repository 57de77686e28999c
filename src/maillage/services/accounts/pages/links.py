"""The page of a link: choose by what the account is opened. Nothing is used up by looking: readers of mail follow links too."""

import segno
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from maillage.access.context import Context
from maillage.errors import Gone, Invalid
from maillage.http import Request, action, page
from maillage.http.doorstep import keep, refuse_strangers, stand_on
from maillage.services.accounts.pages.sign_in import access_of, breached_of, come_in, hasher, keys_of, site_of
from maillage.services.accounts.service import challenges, codes, factors, proofs
from maillage.services.accounts.service.accounts import Account
from maillage.services.accounts.service.challenges import NotProven
from maillage.services.accounts.service.proofs import DOOR, Proof
from maillage.ui import render

PATH = "/compte/lien"
ASK = "/compte/lien/defi"
PASSKEY = "/compte/lien/cle"
PASSWORD = "/compte/lien/mot-de-passe"  # noqa: S105  # an address


async def show(request: Request, ctx: Context | None) -> Response:
    """GET /compte/lien?lien=: a passkey, or (where the role allows it) a password and a code; `&autre=1` shows the latter."""
    return await _shown(request, request.query_params.get("lien", ""), other=request.query_params.get("autre") == "1")


async def ask(request: Request, ctx: Context | None) -> Response:
    """POST /compte/lien/defi: the options of the passkey to make, as JSON."""
    browser = await refuse_strangers(request)
    link = str((await request.form()).get("lien", ""))
    async with access_of(request).act(DOOR) as acting:
        account = await factors.account_of_link(acting, link)
        options = await challenges.ask_for_new(acting, site_of(request), account, browser=browser)
    return Response(options, media_type="application/json")


async def set_passkey(request: Request, ctx: Context | None) -> Response:
    """POST /compte/lien/cle: the passkey is kept, and its holder is in."""
    browser = await refuse_strangers(request)
    form = await request.form()
    link, answer = str(form.get("lien", "")), str(form.get("reponse", ""))
    try:
        async with access_of(request).act(DOOR) as acting:
            account = await factors.set_first_passkey(acting, site_of(request), link=link, answer=answer, browser=browser)
    except Gone:
        return _gone(request)
    except NotProven:
        return await _shown(request, link, faults={"cle": "La clé d’accès n’a pas été créée : recommencez"})
    response = RedirectResponse("/", status_code=303)
    await come_in(request, response, Proof(account, passkey=True))
    return response


async def set_password(request: Request, ctx: Context | None) -> Response:
    """POST /compte/lien/mot-de-passe: kept with its second factor; the recovery codes are on this answer and nowhere else."""
    await refuse_strangers(request)
    form = {name: str(value) for name, value in (await request.form()).items()}
    link = form.get("lien", "")
    try:
        async with access_of(request).act(DOOR) as acting:
            keeps = await factors.keeps_second_factor(acting, link)
        if keeps:
            return await _reset(request, form)
        async with access_of(request).act(DOOR) as acting:
            account, recovery = await factors.set_password(
                acting,
                keys_of(request),
                hasher(),
                breached_of(request),
                link=link,
                password=form.get("mot-de-passe", ""),
                code=form.get("code", ""),
            )
    except Gone:
        return _gone(request)
    except Invalid as fault:
        issue = fault.issues[0]
        field = "code" if issue.expression == "code" else "mot-de-passe"
        return await _shown(request, link, other=True, faults={field: issue.diagnostics})
    response = render(request, None, "accounts/recovery.html", codes=recovery, go_on="/", first=True)
    await come_in(request, response, Proof(account, passkey=False))
    return response


async def _reset(request: Request, form: dict[str, str]) -> Response:
    """The password alone: its holder shows the second factor that they have, and signs in."""
    await proofs.reset_password(
        access_of(request), keys_of(request), hasher(), breached_of(request),
        link=form.get("lien", ""), password=form.get("mot-de-passe", ""), code=form.get("code", ""),
    )  # fmt: skip
    return RedirectResponse("/compte/connexion", status_code=303)


async def _shown(request: Request, link: str, *, other: bool = False, faults: dict[str, str] | None = None) -> Response:
    stand_on(request)
    try:
        async with access_of(request).act(DOOR, read_only=True) as acting:
            account = await factors.account_of_link(acting, link)
            keeps = await factors.keeps_second_factor(acting, link)
    except Gone:
        return _gone(request)
    if keeps:
        return keep(
            request,
            render(
                request,
                None,
                "accounts/reset.html",
                status=422 if faults else 200,
                account=account,
                link=link,
                faults=faults or {},
            ),
        )
    seal, site = keys_of(request), site_of(request)
    may = factors.may_have_password(account) and seal.is_set
    secret = factors.offered_secret(seal, link) if may else b""
    response = render(
        request, None, "accounts/link.html", status=422 if faults else 200, account=account, link=link, faults=faults or {},
        passkeys=site.has_passkeys, may_have_password=may, by_password=may and (other or not site.has_passkeys),
        square=_square(secret, account) if may else "", typed=_spaced(codes.shown(secret)) if may else "",
    )  # fmt: skip
    return keep(request, response)


def _gone(request: Request) -> Response:
    return render(request, None, "accounts/link_gone.html", status=410)


def _square(secret: bytes, account: Account) -> Markup:
    """The square code as SVG: made here of our own values."""
    drawn = segno.make(codes.address(secret, account.email), error="m", micro=False)
    return Markup(drawn.svg_inline(scale=4, border=2, omitsize=False))  # noqa: S704  # segno's own drawing: no text in it


def _spaced(text: str) -> str:
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


routes = [
    page(PATH, show, public=True),
    action(ASK, ask, public=True),
    action(PASSKEY, set_passkey, public=True),
    action(PASSWORD, set_password, public=True),
]
