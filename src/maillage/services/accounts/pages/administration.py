"""« Comptes »: who is invited, by whom, in what state; a new link, a closing."""

from uuid import UUID

from starlette.responses import Response

from maillage.access.actors import Role
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Invalid, NotFound
from maillage.fhir.national import FINESS, IDNST
from maillage.http import Request, action, page, redirect
from maillage.services.accounts.forms import InvitationForm, invitation_form
from maillage.services.accounts.rules import invitations
from maillage.services.accounts.rules.invitations import Reset
from maillage.services.accounts.service import accounts
from maillage.services.accounts.service.accounts import Account, Invited
from maillage.ui import render

PATH = "/comptes"
INVITE = "/comptes/inviter"
SAID = {
    "invite": "Invitation envoyée\u00a0: le lien est valable trois jours.",
    "lien": "Nouveau lien envoyé. L’ancien ne sert plus\u00a0; les clés et le mot de passe seront remplacés quand il sera utilisé.",
    "lien-seul": "Nouveau lien envoyé. Il change le mot de passe\u00a0; le code à usage unique reste et sera demandé.",
    "ferme": "Compte fermé. Ses sessions sont terminées.",
}


async def listed(request: Request, ctx: Context) -> Response:
    """GET /comptes: by name, `?apres=` the page after."""
    after = request.query_params.get("apres")
    found = await accounts.managed_accounts(ctx, after=_id(after) if after else None)
    houses = await _names(ctx, {one.organization for one in found if one.organization})
    return render(
        request, ctx, "accounts/accounts.html", accounts=[(one, _state(one)) for one in found], houses=houses, roles=invitations.ROLES,
        said_words=SAID.get(request.query_params.get("fait", ""), ""), invite=INVITE, path_here=PATH,
        ends_sessions=ctx.actor.has(Role.OPERATOR),
        following=f"{PATH}?apres={found[-1].id}" if len(found) == accounts.PAGE else "",
    )  # fmt: skip


async def ask(request: Request, ctx: Context) -> Response:
    """GET /comptes/inviter: the form."""
    return await _form(request, ctx, InvitationForm({}))


async def invite(request: Request, ctx: Context) -> Response:
    """POST /comptes/inviter: the account is there, and its link leaves by mail."""
    sent = {name: str(value) for name, value in (await request.form()).items()}
    asked = invitation_form(sent, roles=invitations.invitable(ctx.actor.roles), organizations=_own(ctx))
    organization = asked.organization or (await _organization(ctx, asked.finess) if asked.finess else None)
    if asked.finess and organization is None and not asked.faults:
        asked.faults["structure"] = "Aucune structure de l’annuaire n’a ce numéro"
    if asked.faults:
        return await _form(request, ctx, asked)
    values = asked.values
    whom = Invited(
        email=values["email"], given=values["prenom"], family=values["nom"], role=values["role"],
        organization=organization, administers=asked.administers,
    )  # fmt: skip
    try:
        await accounts.invite(ctx, whom)
    except Conflict:
        asked.faults["email"] = "Cette adresse a déjà un compte"
        return await _form(request, ctx, asked)
    return redirect(f"{PATH}?fait=invite")


async def ask_for_link(request: Request, ctx: Context) -> Response:
    """GET /comptes/{id}/lien: what it replaces, and how its sender knows who asks."""
    return await _link_form(request, ctx, Reset(), {})


async def send_link(request: Request, ctx: Context) -> Response:
    """POST /comptes/{id}/lien."""
    form = await request.form()
    reset = Reset(what=str(form.get("quoi", "")), verification=" ".join(str(form.get("verification", "")).split()))
    try:
        await accounts.send_link(ctx, _id(request.path_params["id"]), reset=reset)
    except Invalid as fault:
        return await _link_form(request, ctx, reset, {str(fault.issues[0].expression): fault.message})
    return redirect(f"{PATH}?fait={'lien-seul' if reset.what == invitations.PASSWORD else 'lien'}")


async def _link_form(request: Request, ctx: Context, reset: Reset, faults: dict[str, str]) -> Response:
    found = await accounts.managed(ctx, _id(request.path_params["id"]))
    may = [one for one in invitations.RESETS if one[0] == invitations.ALL or (found.password and not found.closed)]
    return render(
        request, ctx, "accounts/new_link.html", status=422 if faults else 200, account=found, reset=reset, faults=faults, resets=may, path_here=PATH,
    )  # fmt: skip


async def close(request: Request, ctx: Context) -> Response:
    """POST /comptes/{id}/fermer."""
    await accounts.close(ctx, _id(request.path_params["id"]))
    return redirect(f"{PATH}?fait=ferme")


async def _form(request: Request, ctx: Context, asked: InvitationForm) -> Response:
    own = _own(ctx)
    houses = await _names(ctx, set(own))
    return render(
        request, ctx, "accounts/invite.html", status=422 if asked.faults else 200, values=asked.values, faults=asked.faults,
        administers=asked.administers, roles=[(role, invitations.ROLES[role]) for role in invitations.invitable(ctx.actor.roles)],
        houses=[(reference, houses.get(reference, reference)) for reference in own], action_path=INVITE, path_here=PATH,
    )  # fmt: skip


def _state(account: Account) -> tuple[str, str]:
    """Words and colour."""
    if account.closed:
        return "Fermé", "quiet"
    if account.passkey or account.password:
        return "Actif", "done"
    return ("Invitation envoyée", "watch") if account.linked else ("Lien expiré", "danger")


def _own(ctx: Context) -> tuple[str, ...]:
    """The organisations that the actor chooses from; none for those who manage all."""
    return () if ctx.actor.has(Role.OPERATOR) else ctx.actor.organizations


async def _organization(ctx: Context, finess: str) -> str | None:
    found = await ctx.records.find("Organization", {"identifier": f"{FINESS}|{finess},{IDNST}|1{finess}"})
    return f"Organization/{found[0]['id']}" if len(found) == 1 else None


async def _names(ctx: Context, references: set[str]) -> dict[str, str]:
    ids = sorted(reference.removeprefix("Organization/") for reference in references)
    found = await ctx.records.find("Organization", {"_id": ",".join(ids)}) if ids else []
    return {f"Organization/{one['id']}": str(one.get("name", "")) for one in found}


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"no account has the id {text!r}") from None


routes = [
    page(PATH, listed, permission=Permission.ACCOUNT_MANAGE),
    page(INVITE, ask, permission=Permission.ACCOUNT_MANAGE),
    action(INVITE, invite, permission=Permission.ACCOUNT_MANAGE),
    page(f"{PATH}/{{id}}/lien", ask_for_link, permission=Permission.ACCOUNT_MANAGE),
    action(f"{PATH}/{{id}}/lien", send_link, permission=Permission.ACCOUNT_MANAGE),
    action(f"{PATH}/{{id}}/fermer", close, permission=Permission.ACCOUNT_MANAGE),
]
