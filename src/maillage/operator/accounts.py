"""`maillage account`: the first administrator, who nobody could invite; and what is left when nobody of them can come in."""

import asyncio
from dataclasses import dataclass, replace

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.platform import Platform
from maillage.app import database_of, load_services, platform_of
from maillage.config import Config
from maillage.errors import SetupError
from maillage.fhir.national import FINESS, IDNST
from maillage.services.accounts import public as accounts
from maillage.services.accounts.public import Account, Invited

CONSOLE = Actor(id="console", kind=ActorKind.PROFESSIONAL, name="maillage account", roles=frozenset({Role.OPERATOR}))
LINK = "/compte/lien?lien="


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says of somebody."""

    email: str = ""
    given: str = ""
    family: str = ""
    role: str = ""
    finess: str = ""
    administers: bool = False


def account(config: Config, act: str, asked: Asked) -> int:
    """Carries out `invite`, `link`, `close` or `list`; a link is printed, and mailed to nobody. SetupError says what is missing."""
    with database_of(config) as dsn:
        return asyncio.run(_account(replace(config, database_url=dsn, database_pool=2), act, asked))


async def _account(config: Config, act: str, asked: Asked) -> int:
    load_services()
    async with platform_of(config) as platform:
        if act == "list":
            await _list(platform)
        elif act == "invite":
            await _invite(platform, asked)
        elif act == "link":
            await _link(platform, await _known(platform, asked.email))
        else:
            found = await _known(platform, asked.email)
            async with platform.access.act(CONSOLE) as ctx:
                await accounts.close(ctx, found.id)
            print(f"{found.email} : fermé")
    return 0


async def _list(platform: Platform) -> None:
    after = None
    while True:
        async with platform.access.act(CONSOLE, read_only=True) as ctx:
            found = await accounts.managed_accounts(ctx, after=after)
        for one in found:
            state = "fermé" if one.closed else "actif" if one.passkey or one.password else "invité"
            print(f"{one.email}\t{one.name}\t{one.role}\t{one.organization or '-'}\t{state}")
        if not found:
            return
        after = found[-1].id


async def _invite(platform: Platform, asked: Asked) -> None:
    missing = [name for name in ("email", "given", "family", "role") if not getattr(asked, name)]
    if missing or asked.role not in accounts.ROLES:
        raise SetupError(f"an invitation needs ADRESSE, --given, --family and --role ({', '.join(accounts.ROLES)})")
    async with platform.access.act(CONSOLE) as ctx:
        found = (
            await ctx.records.find("Organization", {"identifier": f"{FINESS}|{asked.finess},{IDNST}|1{asked.finess}"})
            if asked.finess
            else []
        )
        if asked.finess and len(found) != 1:
            raise SetupError(f"the directory has no organisation of FINESS {asked.finess}, or several")
        organization = f"Organization/{found[0]['id']}" if found else None
        whom = Invited(
            email=asked.email, given=asked.given, family=asked.family, role=asked.role, organization=organization,
            administers=asked.administers,
        )  # fmt: skip
        await accounts.invite(ctx, whom, mailed=False)
    await _link(platform, await _known(platform, asked.email))


async def _link(platform: Platform, found: Account) -> None:
    async with platform.access.act(accounts.ENROLLING) as ctx:
        await accounts.enrol(ctx, found.id)
        secret = await accounts.new_link(ctx, found.id)
    print(f"{found.email} : {platform.config.base_url.rstrip('/')}{LINK}{secret}")


async def _known(platform: Platform, email: str) -> Account:
    async with platform.access.act(CONSOLE, read_only=True) as ctx:
        found = await accounts.account_by_email(ctx, email.strip().lower())
    if found is None:
        raise SetupError(f"no open account has the address {email!r}")
    return found
