"""By what an account is opened: set by a link, changed by its holder."""

from dataclasses import dataclass
from uuid import UUID

from maillage.access.actors import GUARDED_ROLES
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.db import load_queries
from maillage.errors import Forbidden, Gone, Invalid, NotFound
from maillage.services.accounts.rules import invitations, passwords
from maillage.services.accounts.service import challenges, codes
from maillage.services.accounts.service.accounts import Account, account_of, end_sessions
from maillage.services.accounts.service.breached import Breached
from maillage.services.accounts.service.challenges import Site
from maillage.services.accounts.service.sealing import Passwords, Seal, hashed

QUERIES = load_queries("maillage.services.accounts")
NEW_PASSKEY = "Clé d’accès"
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its holder sees it; `id` in hexadecimal."""

    id: str
    name: str
    added: object
    used: object


async def account_of_link(ctx: Context, link: str) -> Account:
    """Whose link it is; Gone when it was used, has expired, or never was."""
    row = await ctx.run(QUERIES.account_of_link, hash=hashed(link), now=ctx.now)
    if row is None:
        raise Gone("this link was used, or has expired")
    return account_of(row)


async def keeps_second_factor(ctx: Context, link: str) -> bool:
    """Whether a link sets the password alone. Gone as above."""
    row = await ctx.run(QUERIES.account_of_link, hash=hashed(link), now=ctx.now)
    if row is None:
        raise Gone("this link was used, or has expired")
    return bool(row["keeps"])


def may_have_password(account: Account) -> bool:
    """Whether a password and a code open anything of this account: nothing, where all of its roles are guarded."""
    return bool(invitations.opened(account.roles, GUARDED_ROLES, passkey=False))


def offered_secret(seal: Seal, link: str) -> bytes:
    """The second factor's secret that the page of a link shows: the same each time, and of no use to who reads the mail afterwards."""
    return seal.derived("totp", link)


async def set_first_passkey(ctx: Context, site: Site, *, link: str, answer: str, browser: str) -> Account:
    """By a link: this passkey is from now on what opens the account, and nothing from before does. Raises Gone, NotProven."""
    account = await account_of_link(ctx, link)
    made = await challenges.made(ctx, site, account, answer, browser=browser)
    await _begin_anew(ctx, link, account)
    await _keep(ctx, account.id, made.credential_id, made.credential_public_key, made.sign_count, NEW_PASSKEY)
    await ctx.run(QUERIES.ready_account, account=account.id, now=ctx.now)
    return account


async def set_password(
    ctx: Context, seal: Seal, hasher: Passwords, breached: Breached, *, link: str, password: str, code: str
) -> tuple[Account, list[str]]:
    """By a link: password and second factor, and the recovery codes, shown this once.

    Raises Gone; Forbidden where a password opens nothing; Invalid at `password` or `code`, in French.
    """
    account = await account_of_link(ctx, link)
    if not may_have_password(account) or not seal.is_set:
        raise Forbidden("this account is opened by a passkey")
    await refuse_known(account, password, breached)
    secret = offered_secret(seal, link)
    step = codes.step_of(secret, code, ctx.now)
    if step is None:
        raise Invalid.at("code", "Ce code n’est pas celui que l’application affiche maintenant")
    kept = await hasher.hash(password)
    await _begin_anew(ctx, link, account)
    sealed = seal.close(secret, account=account.id)
    await ctx.run(QUERIES.set_password, account=account.id, password=kept, totp=sealed, step=step, now=ctx.now)
    return account, await new_recovery(ctx, account.id)


async def change_password(ctx: Context, hasher: Passwords, breached: Breached, account: Account, password: str) -> None:
    """Another password from now on, for who proved to know the one before; the second factor stays. Invalid at `password`, in French."""
    await refuse_known(account, password, breached)
    await ctx.run(QUERIES.rehash_password, account=account.id, password=await hasher.hash(password))
    ctx.trace(Action.UPDATE, "account", str(account.id))


async def add_passkey(ctx: Context, site: Site, account: Account, *, answer: str, name: str, browser: str) -> None:
    """One more passkey, by its holder. Raises NotProven."""
    made = await challenges.made(ctx, site, account, answer, browser=browser)
    words = " ".join(name.split())[:LONGEST_NAME] or NEW_PASSKEY
    await _keep(ctx, account.id, made.credential_id, made.credential_public_key, made.sign_count, words)
    ctx.trace(Action.UPDATE, "account", str(account.id))


async def remove_passkey(ctx: Context, account: Account, id: str) -> None:
    """A passkey opens it no more. NotFound for another's; Invalid for the last thing that opens the account."""
    await ctx.run(QUERIES.hold_account, account=account.id)
    if len(await passkeys(ctx, account.id)) == 1 and not account.password:
        raise Invalid("this passkey is all that opens the account")
    try:
        raw = bytes.fromhex(id)
    except ValueError:
        raise NotFound("no such passkey") from None
    if not await ctx.run(QUERIES.remove_passkey, id=raw, account=account.id):
        raise NotFound("no such passkey")
    ctx.trace(Action.UPDATE, "account", str(account.id))


async def passkeys(ctx: Context, account: UUID) -> list[Passkey]:
    """The passkeys of an account, oldest first."""
    rows = await ctx.run(QUERIES.passkeys, account=account)
    return [Passkey(bytes(row["id"]).hex(), row["name"], row["added"], row["used"]) for row in rows]


async def new_recovery(ctx: Context, account: UUID) -> list[str]:
    """New recovery codes, shown this once; those before are worth nothing any more."""
    fresh = codes.new_recovery()
    await ctx.run(QUERIES.set_recovery, account=account, hashes=[hashed(code) for code in fresh])
    ctx.trace(Action.UPDATE, "account", str(account))
    return fresh


async def recovery_left(ctx: Context, account: UUID) -> int:
    """How many recovery codes are left."""
    left: int = await ctx.run(QUERIES.recovery_left, account=account)
    return left


async def refuse_known(account: Account, password: str, breached: Breached) -> None:
    """Invalid at `password`, in French, for one that is guessed first, or that others have lost."""
    if reason := passwords.refusal(password, own=(account.email, account.given, account.family)):
        raise Invalid.at("password", reason)
    if await breached.holds(password):
        raise Invalid.at("password", "Ce mot de passe a été volé quelque part et circule : choisissez-en un autre")


async def _begin_anew(ctx: Context, link: str, account: Account) -> None:
    """The link is used; what opened the account before opens it no more, and whoever came in by it is out."""
    if await ctx.run(QUERIES.take_link, hash=hashed(link), now=ctx.now, keeps=False) is None:
        raise Gone("this link was used, or has expired")
    await ctx.run(QUERIES.forget_factors, account=account.id)
    await end_sessions(ctx, account)
    ctx.trace(Action.UPDATE, "account", str(account.id))


async def _keep(ctx: Context, account: UUID, id: bytes, public_key: bytes, counter: int, name: str) -> None:
    await ctx.run(QUERIES.add_passkey, id=id, account=account, public_key=public_key, counter=counter, name=name, now=ctx.now)
