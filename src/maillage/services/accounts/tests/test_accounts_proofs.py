"""Coming in by an account: codes that count once, answers that tell nothing, limits, passkeys that hold; on a real database."""

import base64
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pyotp
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.db import Database
from maillage.errors import Conflict, Forbidden, Gone, Invalid, NotFound, SetupError, Unauthenticated
from maillage.services.accounts.rules.invitations import Reset
from maillage.services.accounts.service import accounts, challenges, codes, factors, proofs
from maillage.services.accounts.service.accounts import ENROLLING, Account, Invited
from maillage.services.accounts.service.breached import Breached
from maillage.services.accounts.service.challenges import NotProven, Site
from maillage.services.accounts.service.proofs import DOOR, Shown
from maillage.services.accounts.service.sealing import Passwords, Seal, seal_of
from tests.support.authenticator import Authenticator
from tests.support.people import SEED, officer_of

SITE = Site("maillage.example", "https://maillage.example")
SEAL = Seal((b"k" * 32,))
HASHER = Passwords()
SHIPPED = Breached(None)
OPERATOR = officer_of(Role.OPERATOR)
PASSWORD = "girafe lavande tournevis"
HERE = "192.0.2.1"
BROWSER = "b" * 43
THEO = Invited(email="Theo@exemple.fr", given="Théo", family="Gabarit", role="social-worker", organization="Organization/dep")


@pytest.fixture
async def theo(access: Access) -> UUID:
    """Invited, and in the directory."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Organization", "id": "dep", "name": "Département"},
            {"resourceType": "Organization", "id": "other", "name": "Autre"},
        )
    return await invited(access, THEO)


async def invited(access: Access, whom: Invited) -> UUID:
    async with access.act(OPERATOR) as ctx:
        account = await accounts.invite(ctx, whom)
    async with access.act(ENROLLING) as ctx:
        await accounts.enrol(ctx, account)
    return account


async def link_of(access: Access, account: UUID) -> str:
    async with access.act(ENROLLING) as ctx:
        return await accounts.new_link(ctx, account)


def otp(link: str) -> pyotp.TOTP:
    return pyotp.TOTP(codes.shown(factors.offered_secret(SEAL, link)))


async def with_password(access: Access, account: UUID) -> tuple[pyotp.TOTP, list[str]]:
    link = await link_of(access, account)
    clock = otp(link)
    async with access.act(DOOR) as ctx:
        _, recovery = await factors.set_password(ctx, SEAL, HASHER, SHIPPED, link=link, password=PASSWORD, code=clock.at(ctx.now))
    return clock, recovery


async def come_in(access: Access, code: str, **other: str) -> Account:
    shown = Shown(**{"email": "theo@exemple.fr", "password": PASSWORD, "code": code, "address": HERE, **other})
    return (await proofs.by_password(access, SEAL, HASHER, shown)).account


async def with_passkey(access: Access, account: UUID, key: Authenticator) -> None:
    link = await link_of(access, account)
    async with access.act(DOOR) as ctx:
        options = await challenges.ask_for_new(ctx, SITE, await factors.account_of_link(ctx, link), browser=BROWSER)
    async with access.act(DOOR) as ctx:
        await factors.set_first_passkey(ctx, SITE, link=link, answer=key.make(options), browser=BROWSER)


async def asked(access: Access) -> str:
    return await proofs.ask_for_passkey(access, SITE, browser=BROWSER, address=HERE)


async def test_a_password_and_a_code_open_the_account(access: Access, clock: FixedClock, theo: UUID) -> None:
    totp, _ = await with_password(access, theo)
    clock.advance(timedelta(seconds=30))
    account = await come_in(access, totp.at(clock.now()))
    assert account.actor(account.roles).reference == account.reference
    assert account.reference is not None
    async with access.act(account.actor(account.roles), read_only=True) as ctx:
        role = (await ctx.records.find("PractitionerRole", {"practitioner": account.reference}))[0]
    assert role["organization"] == {"reference": "Organization/dep"}


async def test_a_code_counts_once(access: Access, clock: FixedClock, theo: UUID) -> None:
    totp, _ = await with_password(access, theo)
    with pytest.raises(NotProven):
        await come_in(access, totp.at(clock.now()))  # the code that set it up was used
    clock.advance(timedelta(seconds=30))
    await come_in(access, totp.at(clock.now()))
    with pytest.raises(NotProven):
        await come_in(access, totp.at(clock.now()))
    with pytest.raises(NotProven):
        await come_in(access, totp.at(clock.now() - timedelta(seconds=30)))


async def test_a_recovery_code_counts_once(access: Access, theo: UUID) -> None:
    _, recovery = await with_password(access, theo)
    await come_in(access, recovery[3].upper())
    with pytest.raises(NotProven):
        await come_in(access, recovery[3])
    async with access.act(DOOR) as ctx:
        assert await factors.recovery_left(ctx, theo) == codes.RECOVERY - 1
        fresh = await factors.new_recovery(ctx, theo)
    with pytest.raises(NotProven):
        await come_in(access, recovery[4])
    await come_in(access, fresh[0])


async def test_whatever_is_wrong_the_answer_is_one(access: Access, clock: FixedClock, theo: UUID) -> None:
    totp, _ = await with_password(access, theo)
    clock.advance(timedelta(seconds=30))
    wrongs = ({"password": "another password"}, {"email": "nobody@exemple.fr"}, {"email": ""}, {"code": "000000"}, {"code": ""})
    said = set()
    for wrong in wrongs:
        with pytest.raises(NotProven) as refused:
            await come_in(access, **{"code": totp.at(clock.now()), **wrong})
        said.add(refused.value.message)
    assert said == {"address, password or code is wrong, or too many tries"}


async def test_an_unknown_account_is_answered_as_late_as_a_known_one(access: Access, theo: UUID) -> None:
    await with_password(access, theo)

    async def quickest(email: str) -> float:
        taken = []
        for place in range(3):
            started = time.perf_counter()
            with pytest.raises(NotProven):
                await come_in(access, "000000", email=email, password="not the password", address=f"192.0.2.{place}")
            taken.append(time.perf_counter() - started)
        return min(taken)

    await quickest("warm@exemple.fr")
    known, unknown = await quickest("theo@exemple.fr"), await quickest("nobody@exemple.fr")
    assert 0.5 < unknown / known < 2


async def test_tries_from_an_address_end_and_bar_nobody_elsewhere(access: Access, clock: FixedClock, theo: UUID) -> None:
    totp, _ = await with_password(access, theo)
    clock.advance(timedelta(seconds=30))
    for _ in range(7):
        with pytest.raises(NotProven):
            await come_in(access, "000000", password="not the password")
    with pytest.raises(NotProven):
        await come_in(access, totp.at(clock.now()))
    await come_in(access, totp.at(clock.now()), address="192.0.2.2")
    clock.advance(timedelta(minutes=16))
    await come_in(access, totp.at(clock.now()))


async def test_codes_cannot_all_be_tried_behind_a_known_password(access: Access, clock: FixedClock, theo: UUID) -> None:
    totp, _ = await with_password(access, theo)
    for place in range(7):
        with pytest.raises(NotProven):
            await come_in(access, "000000", address=f"192.0.2.{place}")
    clock.advance(timedelta(minutes=16))
    with pytest.raises(NotProven):
        await come_in(access, totp.at(clock.now()), address="192.0.2.99")
    clock.advance(timedelta(minutes=50))
    await come_in(access, totp.at(clock.now()), address="192.0.2.99")


async def test_a_second_factor_is_never_in_clear(access: Access, database: Database, theo: UUID) -> None:
    totp, recovery = await with_password(access, theo)
    async with database.transaction() as conn:
        row = await (await conn.execute("select row_to_json(a)::text as it, a.totp from account a")).fetchone()
        kept = await (await conn.execute("select string_agg(row_to_json(r)::text, ' ') as it from account_recovery r")).fetchone()
    secret = base64.b32decode(totp.secret + "=" * (-len(totp.secret) % 8))
    assert secret.hex() not in row["it"]
    assert totp.secret not in row["it"]
    assert PASSWORD not in row["it"]
    assert recovery[0] not in kept["it"]
    assert secret not in bytes(row["totp"])


def test_a_seal_is_of_its_account_and_outlives_a_change_of_key() -> None:
    one, other = UUID(int=1), UUID(int=2)
    sealed = SEAL.close(b"secret", account=one)
    assert Seal((b"n" * 32, b"k" * 32)).open(sealed, account=one) == b"secret"
    for seal, account in ((SEAL, other), (Seal((b"n" * 32,)), one)):
        with pytest.raises(SetupError):
            seal.open(sealed, account=account)


def test_keys_are_read_from_a_setting_or_a_file(tmp_path: Any) -> None:
    text = base64.b64encode(b"k" * 32).decode()
    (tmp_path / "keys").write_text(f"{text}\n{text}\n")
    assert seal_of(Config(account_keys=text)).keys == (b"k" * 32,)
    assert len(seal_of(Config(account_keys_file=str(tmp_path / "keys"))).keys) == 2
    assert not seal_of(Config()).is_set
    for bad in ("short", base64.b64encode(b"k" * 16).decode()):
        with pytest.raises(SetupError):
            seal_of(Config(account_keys=bad))
    assert text not in repr(Config(account_keys=text))


async def test_a_link_counts_once_and_not_for_long(access: Access, clock: FixedClock, theo: UUID) -> None:
    old = await link_of(access, theo)
    link = await link_of(access, theo)
    async with access.act(DOOR) as ctx:
        with pytest.raises(Gone):
            await factors.account_of_link(ctx, old)
        await factors.account_of_link(ctx, link)
    clock.advance(timedelta(hours=73))
    async with access.act(DOOR) as ctx:
        with pytest.raises(Gone):
            await factors.account_of_link(ctx, link)
    link = await link_of(access, theo)
    code = otp(link).at(clock.now())
    for gone in (False, True):
        async with access.act(DOOR) as ctx:
            if gone:
                with pytest.raises(Gone):
                    await factors.set_password(ctx, SEAL, HASHER, SHIPPED, link=link, password=PASSWORD, code=code)
            else:
                await factors.set_password(ctx, SEAL, HASHER, SHIPPED, link=link, password=PASSWORD, code=code)


@pytest.mark.parametrize(
    ("password", "code", "place"), [("court", None, "password"), ("justinbieber", None, "password"), (PASSWORD, "000000", "code")]
)
async def test_a_weak_password_or_a_wrong_code_sets_nothing(
    access: Access, clock: FixedClock, theo: UUID, password: str, code: str | None, place: str
) -> None:
    link = await link_of(access, theo)
    with pytest.raises(Invalid) as refused:
        async with access.act(DOOR) as ctx:
            await factors.set_password(
                ctx, SEAL, HASHER, SHIPPED, link=link, password=password, code=code or otp(link).at(clock.now())
            )  # fmt: skip
    assert refused.value.issues[0].expression == place
    async with access.act(DOOR) as ctx:
        assert not (await factors.account_of_link(ctx, link)).password


async def test_a_guarded_role_has_no_password(access: Access, clock: FixedClock, theo: UUID) -> None:
    steward = await invited(access, replace(THEO, email="yann@exemple.fr", role="steward", organization=None))
    link = await link_of(access, steward)
    with pytest.raises(Forbidden):
        async with access.act(DOOR) as ctx:
            await factors.set_password(ctx, SEAL, HASHER, SHIPPED, link=link, password=PASSWORD, code=otp(link).at(clock.now()))


async def test_a_passkey_opens_the_account(access: Access, theo: UUID) -> None:
    key = Authenticator(SITE.origin)
    await with_passkey(access, theo, key)
    for _ in range(2):
        proof = await proofs.by_passkey(access, SITE, answer=key.sign(await asked(access)), browser=BROWSER)
        assert (proof.account.id, proof.passkey) == (theo, True)


async def test_a_new_link_makes_the_old_factors_worthless(access: Access, clock: FixedClock, theo: UUID) -> None:
    totp, recovery = await with_password(access, theo)
    clock.advance(timedelta(seconds=30))
    account = await come_in(access, totp.at(clock.now()))
    session = await access.sign_in(account.actor(account.roles))
    key = Authenticator(SITE.origin)
    await with_passkey(access, theo, key)
    clock.advance(timedelta(seconds=30))
    for code in (totp.at(clock.now()), recovery[0]):
        with pytest.raises(NotProven):
            await come_in(access, code)
    with pytest.raises(Unauthenticated):
        await access.session(session)


FAULTS: dict[str, Any] = {
    "another site": {"origin": "https://maillage.example.evil.example"},
    "another ceremony": {"type": "webauthn.create"},
    "another challenge": {"challenge": "AAAA"},
}


async def test_a_passkey_that_does_not_hold_opens_nothing(access: Access, theo: UUID) -> None:
    key = Authenticator(SITE.origin)
    await with_passkey(access, theo, key)

    async def refused(answer: str, browser: str = BROWSER) -> None:
        with pytest.raises(NotProven):
            await proofs.by_passkey(access, SITE, answer=answer, browser=browser)

    for said in FAULTS.values():
        await refused(key.sign(await asked(access), **said))
    await refused(replace(key, verifies=False).sign(await asked(access)))
    await refused(replace(key, key=Authenticator(SITE.origin).key).sign(await asked(access)))
    await refused(replace(key, handle=b"another account").sign(await asked(access)))
    await refused(replace(key, id=b"unknown").sign(await asked(access)))
    await refused(key.sign(await asked(access)), browser="c" * 43)
    answer = key.sign(await asked(access))
    assert (await proofs.by_passkey(access, SITE, answer=answer, browser=BROWSER)).account.id == theo
    await refused(answer)
    await refused(replace(key, counter=0).sign(await asked(access)))
    for nonsense in ("", "[]", "{}", '{"rawId": "AAAA"}', '{"rawId": 3, "response": []}', "x" * 30_000, "\ud800"):
        await asked(access)
        await refused(nonsense)


async def test_a_challenge_is_not_for_long(access: Access, clock: FixedClock, theo: UUID) -> None:
    key = Authenticator(SITE.origin)
    await with_passkey(access, theo, key)
    options = await asked(access)
    clock.advance(timedelta(minutes=6))
    with pytest.raises(NotProven):
        await proofs.by_passkey(access, SITE, answer=key.sign(options), browser=BROWSER)


async def test_a_challenge_for_one_account_makes_no_passkey_of_another(access: Access, theo: UUID) -> None:
    other = await invited(access, replace(THEO, email="lea@exemple.fr"))
    link, key = await link_of(access, other), Authenticator(SITE.origin)
    async with access.act(DOOR) as ctx:
        options = await challenges.ask_for_new(ctx, SITE, await accounts.account_by_id(ctx, theo), browser=BROWSER)
    with pytest.raises(NotProven):
        async with access.act(DOOR) as ctx:
            await factors.set_first_passkey(ctx, SITE, link=link, answer=key.make(options), browser=BROWSER)


async def test_the_last_passkey_stays(access: Access, theo: UUID) -> None:
    key = Authenticator(SITE.origin)
    await with_passkey(access, theo, key)
    async with access.act(DOOR) as ctx:
        account = await accounts.account_by_id(ctx, theo)
        (only,) = await factors.passkeys(ctx, theo)
        with pytest.raises(Invalid):
            await factors.remove_passkey(ctx, account, only.id)
        options = await challenges.ask_for_new(ctx, SITE, account, browser=BROWSER)
        more = Authenticator(SITE.origin).make(options)
        await factors.add_passkey(ctx, SITE, account, answer=more, name="  Téléphone  ", browser=BROWSER)
        for id in ("zz", "00"):
            with pytest.raises(NotFound):
                await factors.remove_passkey(ctx, account, id)
        await factors.remove_passkey(ctx, account, only.id)
    with pytest.raises(NotProven):
        await proofs.by_passkey(access, SITE, answer=key.sign(await asked(access)), browser=BROWSER)


async def test_a_closed_account_opens_nothing_and_leaves_the_directory(access: Access, clock: FixedClock, theo: UUID) -> None:
    key = Authenticator(SITE.origin)
    await with_passkey(access, theo, key)
    proof = await proofs.by_passkey(access, SITE, answer=key.sign(await asked(access)), browser=BROWSER)
    session = await access.sign_in(proof.account.actor(proof.account.roles))
    async with access.act(OPERATOR) as ctx:
        await accounts.close(ctx, theo)
    async with access.act(ENROLLING) as ctx:
        await accounts.retire(ctx, theo)
        assert await ctx.records.find("PractitionerRole", {"practitioner": str(proof.account.reference), "active": "true"}) == []
    with pytest.raises(Unauthenticated):
        await access.session(session)
    with pytest.raises(NotProven):
        await proofs.by_passkey(access, SITE, answer=key.sign(await asked(access)), browser=BROWSER)
    link = await link_of(access, theo)
    async with access.act(DOOR) as ctx:
        with pytest.raises(Gone):
            await factors.account_of_link(ctx, link)


# --- who manages whom


def administrator(organization: str) -> Actor:
    return Actor(
        id="admin", kind=ActorKind.PROFESSIONAL, name="Admin", roles=frozenset({Role.ADMINISTRATOR}), organizations=(organization,)
    )  # fmt: skip


async def test_an_organisations_administrator_stays_at_home(access: Access, theo: UUID) -> None:
    home, elsewhere = administrator("Organization/dep"), administrator("Organization/other")
    async with access.act(home) as ctx:
        assert [one.id for one in await accounts.managed_accounts(ctx)] == [theo]
        await accounts.invite(ctx, replace(THEO, email="lea@exemple.fr", role="coordinator"))
        for beyond in ({"role": "operator"}, {"role": "steward"}, {"role": "gp"}, {"organization": "Organization/other"}):
            with pytest.raises(Forbidden):
                await accounts.invite(ctx, replace(THEO, email="new@exemple.fr", **beyond))
    async with access.act(elsewhere) as ctx:
        assert await accounts.managed_accounts(ctx) == []

    async def on(verb: Any, ctx: Context) -> None:
        with pytest.raises(NotFound):
            await verb(ctx, theo)

    async with access.act(elsewhere) as ctx:
        for verb in (accounts.close, partial(accounts.send_link, reset=Reset()), accounts.managed):
            await on(verb, ctx)


async def test_nobody_else_manages_accounts(access: Access, theo: UUID) -> None:
    others = set(Role) - {Role.OPERATOR, Role.ADMINISTRATOR, Role.JOB, Role.SYSTEM}
    async with access.act(replace(officer_of(Role.ARS), roles=frozenset(others))) as ctx:
        for act in (
            accounts.invite(ctx, THEO),
            accounts.close(ctx, theo),
            accounts.send_link(ctx, theo, reset=Reset()),
            accounts.managed_accounts(ctx),
        ):
            with pytest.raises(Forbidden):
                await act


async def test_an_address_has_one_account(access: Access, theo: UUID) -> None:
    async with access.act(OPERATOR) as ctx:
        with pytest.raises(Conflict):
            await accounts.invite(ctx, replace(THEO, email="THEO@exemple.FR"))
        with pytest.raises(Invalid):
            await accounts.invite(ctx, replace(THEO, email="no address"))
        with pytest.raises(Invalid):
            await accounts.invite(ctx, replace(THEO, email="a@b.fr", organization=None))


async def test_nobody_closes_their_own_account(access: Access, theo: UUID) -> None:
    own = await invited(access, replace(THEO, email="rose@exemple.fr", role="operator", organization=None))
    async with access.act(DOOR, read_only=True) as ctx:
        account = await accounts.account_by_id(ctx, own)
    async with access.act(account.actor(account.roles)) as ctx:
        with pytest.raises(Forbidden):
            await accounts.close(ctx, own)
