"""The verbs of administration: invite, send a new link, close, list; and where the directory has somebody."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maillage.access import sessions
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Conflict, Forbidden, Invalid, NotFound
from maillage.services.accounts.events import AccountClosed, AccountInvited
from maillage.services.accounts.rules import attempts, invitations
from maillage.services.accounts.rules.invitations import Reset
from maillage.services.accounts.service.sealing import hashed

QUERIES = load_queries("maillage.services.accounts")
PAGE = 50
ENROLLING = job_actor("accounts/enrol")
_HANDLE = 32


@dataclass(frozen=True, slots=True)
class Account:
    """An account as pages and verbs see it: nothing of its secrets."""

    id: UUID
    email: str
    given: str
    family: str
    role: str
    administers: bool
    organization: str | None
    reference: str | None
    handle: bytes
    invited: datetime
    ready: datetime | None
    closed: datetime | None
    passkey: bool
    password: bool
    linked: bool

    @property
    def name(self) -> str:
        return f"{self.given} {self.family.upper()}"

    @property
    def roles(self) -> frozenset[str]:
        return invitations.roles_of(self.role, self.administers)

    def actor(self, roles: frozenset[str]) -> Actor:
        """Who acts once signed in, with the roles that the proof opened."""
        return Actor(
            id=self.reference or f"account:{self.id}",
            kind=ActorKind.PROFESSIONAL,
            name=self.name,
            roles=frozenset(map(Role, roles)),
            reference=self.reference,
            organizations=(self.organization,) if self.organization else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Who is invited, and to be what. `organization` is "Organization/3", None for those who work for the region."""

    email: str
    given: str
    family: str
    role: str
    organization: str | None
    administers: bool = False


async def invite(ctx: Context, whom: Invited, *, mailed: bool = True) -> UUID:
    """A new account; its link is mailed once the directory has the person, unless whoever invites hands it over (`new_link`).

    Forbidden for a role or an organisation that is not the inviter's to give, Invalid for an address that is none, Conflict where it has an account.
    """
    ctx.require(Permission.ACCOUNT_MANAGE)
    email = invitations.email_of(whom.email)
    if email is None:
        raise Invalid.at("email", "not an e-mail address")
    if whom.role in invitations.OF_AN_ORGANIZATION and whom.organization is None:
        raise Invalid.at("organization", f"a {whom.role} belongs to an organisation")
    _refuse_beyond(ctx.actor, whom.role, whom.organization)
    account: UUID | None = await ctx.run(
        QUERIES.add_account, email=email, given=whom.given, family=whom.family, role=whom.role, administers=whom.administers,
        organization=whom.organization, handle=secrets.token_bytes(_HANDLE), now=ctx.now, by=ctx.actor.id,
    )  # fmt: skip
    if account is None:
        raise Conflict("this address has an account")
    ctx.trace(Action.CREATE, "account", str(account))
    if mailed:
        ctx.announce(AccountInvited(account=str(account)))
    return account


async def send_link(ctx: Context, account: UUID, *, reset: Reset) -> None:
    """A new link by mail, for who lost a factor, or let the first link expire. A closed account is open again.

    Where somebody came in by this account before, whoever sends it says how they know that it is them who ask: it stands in the trail. Invalid at
    `verification` or `quoi`, in French.
    """
    found = await managed(ctx, account)
    if refused := invitations.refusal_of_reset(
        reset, opened=found.ready is not None, password=found.password and not found.closed
    ):
        place, words = refused
        raise Invalid.at(place, words)
    await ctx.run(QUERIES.reopen_account, account=found.id)
    ctx.trace(Action.UPDATE, "account", str(found.id), query=invitations.words_of_reset(reset))
    ctx.announce(AccountInvited(account=str(found.id), keeps=reset.what == invitations.PASSWORD))


async def close(ctx: Context, account: UUID) -> None:
    """Nobody comes in by it any more, and its sessions end. Forbidden for one's own: the last administrator could not open it again."""
    found = await managed(ctx, account)
    if found.actor(found.roles).id == ctx.actor.id:
        raise Forbidden("nobody closes their own account")
    await ctx.run(QUERIES.forget_factors, account=found.id)
    await ctx.run(QUERIES.close_account, account=found.id, now=ctx.now)
    await ctx.run(QUERIES.forget_link, account=found.id)
    await end_sessions(ctx, found)
    ctx.trace(Action.DELETE, "account", str(found.id))
    ctx.announce(AccountClosed(account=str(found.id)))


async def managed_accounts(ctx: Context, *, after: UUID | None = None) -> Sequence[Account]:
    """A page of the accounts that the actor manages: all, or those of their organisations."""
    ctx.require(Permission.ACCOUNT_MANAGE)
    organizations = None if ctx.actor.has(Role.OPERATOR) else list(ctx.actor.organizations)
    rows = await ctx.run(QUERIES.accounts, organizations=organizations, after=after, count=PAGE, now=ctx.now)
    return [account_of(row) for row in rows]


async def managed(ctx: Context, account: UUID) -> Account:
    """One account that the actor manages; NotFound for others."""
    ctx.require(Permission.ACCOUNT_MANAGE)
    found = await account_by_id(ctx, account)
    try:
        _refuse_beyond(ctx.actor, found.role, found.organization)
    except Forbidden:
        raise NotFound("no such account") from None
    return found


async def account_by_id(ctx: Context, account: UUID) -> Account:
    """One account; NotFound where there is none."""
    row = await ctx.run(QUERIES.account, account=account, now=ctx.now)
    if row is None:
        raise NotFound("no such account")
    return account_of(row)


async def account_by_email(ctx: Context, email: str) -> Account | None:
    """The open account of an address."""
    row = await ctx.run(QUERIES.account_of_email, email=email)
    return account_of(row) if row else None


async def new_link(ctx: Context, account: UUID, *, keeps: bool = False) -> str:
    """The secret of a new link, shown this once; the link before it is worth nothing any more. `keeps`: it sets the password alone."""
    secret = secrets.token_urlsafe(32)
    await ctx.run(QUERIES.set_link, account=account, hash=hashed(secret), expires=ctx.now + invitations.LINK_LIFE, keeps=keeps)
    return secret


async def enrol(ctx: Context, account: UUID) -> None:
    """The directory has whoever is a member of care circles: a Practitioner, and a PractitionerRole in their organisation. Runs as a job."""
    found = await account_by_id(ctx, account)
    if found.role not in invitations.IN_CIRCLES or found.closed:
        return
    row: dict[str, Any] = await ctx.run(QUERIES.account, account=account, now=ctx.now)
    person = found.reference or f"Practitioner/{(await ctx.records.write(_practitioner(found)))['id']}"
    role = await ctx.records.write(_membership(found, person, row["membership"], active=True))
    await ctx.run(QUERIES.place_account, account=account, reference=person, membership=role["id"])


async def retire(ctx: Context, account: UUID) -> None:
    """The directory says that they left. Runs as a job."""
    row: dict[str, Any] = await ctx.run(QUERIES.account, account=account, now=ctx.now)
    found = account_of(row)
    if found.reference and row["membership"]:
        await ctx.records.write(_membership(found, found.reference, row["membership"], active=False))


async def end_sessions(ctx: Context, account: Account) -> None:
    """Every session of the account ends now, also one from before the directory had the person."""
    for actor in {account.actor(account.roles).id, f"account:{account.id}"}:
        await sessions.end_all(ctx, actor)


async def address_of_actor(ctx: Context, actor: str, reference: str) -> str | None:
    """An ordinary e-mail address of whoever acts under this id: of their account, else of their record; None without one. Runs as a job."""
    row = await ctx.run(QUERIES.address_of_actor, actor=actor, reference=reference)
    if row is not None:
        return str(row)
    kind, _, id = reference.partition("/")
    found = await ctx.records.find(kind, {"_id": id}) if kind in ("Practitioner", "Patient", "RelatedPerson") else []
    telecoms = [telecom for one in found for telecom in one.get("telecom", [])]
    return next((str(telecom["value"]) for telecom in telecoms if _ordinary(telecom)), None)


async def forget_stale(ctx: Context) -> None:
    """Tries of the day before, challenges and links that expired."""
    await ctx.run(QUERIES.forget_stale, now=ctx.now, before=ctx.now - attempts.FORGOTTEN)


def account_of(row: dict[str, Any]) -> Account:
    """A row of `account` without its secrets."""
    kept = {name: row[name] for name in Account.__slots__ if name not in ("password", "handle")}
    return Account(**kept, password=row["password"] is not None, handle=bytes(row["handle"]))


def _refuse_beyond(actor: Actor, role: str, organization: str | None) -> None:
    everywhere = actor.has(Role.OPERATOR)
    if role not in invitations.invitable(actor.roles) or not (everywhere or organization in actor.organizations):
        raise Forbidden(f"{actor.name} may not give accounts of the role {role} there")


def _ordinary(telecom: dict[str, Any]) -> bool:
    """Whether it is an e-mail address for notices: not an old one, and not a secure mailbox, which is for documents."""
    secure = any(str(one.get("url", "")).endswith("fr-core-contact-point-email-type") for one in telecom.get("extension", []))
    return telecom.get("system") == "email" and "value" in telecom and telecom.get("use") != "old" and not secure


def _practitioner(account: Account) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "active": True,
        "name": [{"family": account.family.upper(), "given": [account.given]}],
        "telecom": [{"system": "email", "value": account.email, "use": "work"}],
    }


def _membership(account: Account, person: str, id: str | None, *, active: bool) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        **({"id": id} if id else {}),
        "active": active,
        "practitioner": {"reference": person, "display": account.name},
        "organization": {"reference": account.organization},
        "code": [{"text": invitations.ROLES[account.role]}],
    }
