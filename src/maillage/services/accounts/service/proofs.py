"""Who comes in: by a passkey, or by a password and a code. Whoever is unknown is answered like whoever is wrong, and as late."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from maillage.access.access import Access
from maillage.access.actors import job_actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.db import load_queries
from maillage.errors import Gone, Invalid
from maillage.services.accounts.rules import attempts, invitations
from maillage.services.accounts.rules.attempts import Tries
from maillage.services.accounts.service import challenges, codes, factors
from maillage.services.accounts.service.accounts import Account, account_by_id, account_of, end_sessions
from maillage.services.accounts.service.breached import Breached
from maillage.services.accounts.service.challenges import NotProven, Site
from maillage.services.accounts.service.sealing import Passwords, Seal, hashed

QUERIES = load_queries("maillage.services.accounts")
DOOR = job_actor("accounts/sign-in")


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody proved who they are; `passkey` tells by what."""

    account: Account
    passkey: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What somebody typed, and the address that they type from."""

    email: str
    password: str
    code: str
    address: str


async def by_password(access: Access, seal: Seal, hasher: Passwords, shown: Shown) -> Proof:
    """Raises NotProven, the same whatever is wrong. No transaction is open while the password is hashed; every try is noted before it is judged."""
    email = invitations.email_of(shown.email) or ""
    async with access.act(DOOR) as ctx:
        tries, row = await _tried(ctx, email, shown.address)
    if attempts.from_too_many(tries):
        raise NotProven("too many tries from this address")
    right = await hasher.holds(row["password"] if row else None, shown.password)
    async with access.act(DOOR) as ctx:
        proven = None
        if row is not None and right and not attempts.too_many(replace(tries, codes=await _wrong_codes(ctx, email))):
            proven = await _with_code(ctx, seal, row, shown.code)
            if proven is None:
                await ctx.run(QUERIES.note_try, keys=[_key("code", email)], now=ctx.now)
        if proven is not None:
            await ctx.run(QUERIES.forgive_tries, keys=[_key("pair", email, shown.address), _key("code", email)])
    if proven is None:
        raise NotProven("address, password or code is wrong, or too many tries")
    await _at_todays_cost(access, hasher, row, shown.password)
    return Proof(proven, passkey=False)


async def reset_password(
    access: Access, seal: Seal, hasher: Passwords, breached: Breached, *, link: str, password: str, code: str
) -> Account:
    """By a link for that alone: another password, for who shows the second factor that they have. Gone; Invalid at `password` or `code`, in French.

    Tries are noted before they are judged: who reads somebody's mail could otherwise try all codes.
    """
    async with access.act(DOOR) as ctx:
        row: dict[str, Any] | None = await ctx.run(QUERIES.account_of_link, hash=hashed(link), now=ctx.now)
        if row is None or not row["keeps"] or row["totp"] is None:
            raise Gone("this link was used, or has expired")
        key = _key("code", row["email"])
        await ctx.run(QUERIES.note_try, keys=[key], now=ctx.now)
        tries = Tries(codes=await _count(ctx, key, ctx.now - attempts.LONG_WINDOW))
    if attempts.too_many(tries):
        raise Invalid.at("code", "Trop d’essais\u00a0: réessayez dans une heure")
    await factors.refuse_known(account_of(row), password, breached)
    kept = await hasher.hash(password)
    async with access.act(DOOR) as ctx:
        account = await _with_code(ctx, seal, row, code)
        if account is None:
            raise Invalid.at("code", "Ce code n’est pas celui que votre application affiche maintenant")
        if await ctx.run(QUERIES.take_link, hash=hashed(link), now=ctx.now, keeps=True) is None:
            raise Gone("this link was used, or has expired")
        await ctx.run(QUERIES.rehash_password, account=account.id, password=kept)
        await ctx.run(QUERIES.forgive_tries, keys=[key])
        await end_sessions(ctx, account)
        ctx.trace(Action.UPDATE, "account", str(account.id))
    return account


async def knows_password(access: Access, hasher: Passwords, shown: Shown) -> bool:
    """Whether it is the password of this address: a try like one of a sign-in, as a session left open must be no place to guess it."""
    email = invitations.email_of(shown.email) or ""
    async with access.act(DOOR) as ctx:
        tries, row = await _tried(ctx, email, shown.address)
    if attempts.too_many(tries) or row is None:
        return False
    return await hasher.holds(row["password"], shown.password)


async def ask_for_passkey(access: Access, site: Site, *, browser: str, address: str) -> str:
    """The options for `navigator.credentials.get`. Raises NotProven where an address asks for too many."""
    async with access.act(DOOR) as ctx:
        await ctx.run(QUERIES.forget_stale, now=ctx.now, before=ctx.now - attempts.FORGOTTEN)
        key = _key("address", address)
        await ctx.run(QUERIES.note_try, keys=[key], now=ctx.now)
        tries = Tries(address=await _count(ctx, key, ctx.now - attempts.WINDOW))
        options = await challenges.ask_for_proof(ctx, site, browser=browser)
    if attempts.from_too_many(tries):
        raise NotProven("too many tries from this address")
    return options


async def by_passkey(access: Access, site: Site, *, answer: str, browser: str) -> Proof:
    """Raises NotProven. A counter that did not rise tells of a copy: the passkey is refused."""
    async with access.act(DOOR) as ctx:
        row, shown = await challenges.proven(ctx, site, answer, browser=browser)
        if not await ctx.run(QUERIES.use_passkey, id=shown.credential_id, counter=shown.new_sign_count, now=ctx.now):
            raise NotProven("the passkey's counter did not rise")
        return Proof(await account_by_id(ctx, row["account"]), passkey=True)


async def _with_code(ctx: Context, seal: Seal, row: dict[str, Any], code: str) -> Account | None:
    """The account, when the code is its next one, or one of its recovery codes; each counts once."""
    account: UUID = row["id"]
    if (recovery := codes.recovery_of(code)) is not None:
        counts = await ctx.run(QUERIES.use_recovery, account=account, hash=hashed(recovery), now=ctx.now)
    else:
        step = codes.step_of(seal.open(bytes(row["totp"]), account=account), code, ctx.now)
        counts = step is not None and await ctx.run(QUERIES.use_step, account=account, step=step)
    return await account_by_id(ctx, account) if counts else None


async def _tried(ctx: Context, email: str, address: str) -> tuple[Tries, dict[str, Any] | None]:
    """What was tried, this try included, and the account of the address if it has a password."""
    keys = {"pair": _key("pair", email, address), "account": _key("account", email), "address": _key("address", address)}
    await ctx.run(QUERIES.hold_tries, key=keys["account"])
    await ctx.run(QUERIES.note_try, keys=list(keys.values()), now=ctx.now)
    since = ctx.now - attempts.WINDOW
    counts = {name: await _count(ctx, key, since) for name, key in keys.items()}
    wrong_codes = await _wrong_codes(ctx, email)
    row: dict[str, Any] | None = await ctx.run(QUERIES.account_of_email, email=email)
    usable = row is not None and row["password"] is not None and row["totp"] is not None
    return Tries(**counts, codes=wrong_codes), row if usable else None


async def _wrong_codes(ctx: Context, email: str) -> int:
    """How many codes were wrong behind the right password. Others who show one wait until this one is judged."""
    await ctx.run(QUERIES.hold_tries, key=_key("code", email))
    return await _count(ctx, _key("code", email), ctx.now - attempts.LONG_WINDOW)


async def _count(ctx: Context, key: bytes, since: datetime) -> int:
    count: int = await ctx.run(QUERIES.count_tries, key=key, since=since)
    return count


async def _at_todays_cost(access: Access, hasher: Passwords, row: dict[str, Any] | None, password: str) -> None:
    if row is not None and hasher.is_dated(row["password"]):
        kept = await hasher.hash(password)
        async with access.act(DOOR) as ctx:
            await ctx.run(QUERIES.rehash_password, account=row["id"], password=kept)


def _key(*parts: str) -> bytes:
    return hashed("\0".join(parts))
