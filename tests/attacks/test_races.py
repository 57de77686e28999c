"""Acts at the same instant: what is counted, or counts once, does so however many come together."""

import asyncio
from datetime import timedelta
from uuid import UUID

from maillage.access.access import Access
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.services.accounts.rules import attempts
from maillage.services.accounts.service import accounts, challenges, factors
from maillage.services.accounts.service.proofs import DOOR
from maillage.services.accounts.tests.test_accounts_proofs import BROWSER, SITE, come_in, theo, with_passkey, with_password
from tests.support.authenticator import Authenticator

__all__ = ["theo"]


async def test_codes_behind_a_known_password_are_judged_one_after_the_other(
    access: Access, database: Database, clock: FixedClock, theo: UUID
) -> None:
    totp, _ = await with_password(access, theo)
    clock.advance(timedelta(seconds=30))
    await come_in(access, totp.at(clock.now()))
    async with database.transaction() as conn:
        await conn.execute(b"delete from account_try")
    tries = (come_in(access, f"{number:06}", address=f"192.0.2.{number}") for number in range(10, 30))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(one, Exception) for one in answers)
    async with database.transaction() as conn:
        counted = await (await conn.execute(b"select count(*) as n from account_try group by key order by n desc")).fetchall()
    assert counted[0]["n"] == 20  # of the account
    assert counted[1]["n"] == attempts.MOST.codes + 1  # judged; each address was there once
    assert counted[2]["n"] == 1


async def test_of_two_passkeys_that_go_together_one_stays(access: Access, theo: UUID) -> None:
    first, second = Authenticator(SITE.origin), Authenticator(SITE.origin)
    await with_passkey(access, theo, first)
    async with access.act(DOOR) as ctx:
        account = await accounts.account_by_id(ctx, theo)
        options = await challenges.ask_for_new(ctx, SITE, account, browser=BROWSER)
        await factors.add_passkey(ctx, SITE, account, answer=second.make(options), name="", browser=BROWSER)
        both = await factors.passkeys(ctx, account.id)
    assert len(both) == 2

    async def remove(id: str) -> None:
        async with access.act(DOOR) as ctx:
            await factors.remove_passkey(ctx, account, id)
            await asyncio.sleep(0.2)

    await asyncio.gather(*(remove(one.id) for one in both), return_exceptions=True)
    async with access.act(DOOR, read_only=True) as ctx:
        assert len(await factors.passkeys(ctx, account.id)) == 1
