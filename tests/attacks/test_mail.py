"""An address is written by somebody: one that is odd, or a mailbox that is full, keeps nobody else's e-mail from going, and sends theirs to nobody else."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from maillage.access.access import Access
from maillage.clock import FixedClock
from maillage.connectors.mail import Mailer
from maillage.connectors.mail.emulator import Mailbox, smtp_door
from maillage.errors import Unavailable
from maillage.jobs import Job, Outside
from maillage.services.directory.public import Member
from maillage.services.messaging import jobs
from maillage.services.messaging.service.mail import owe_mail, owed_mail
from tests.support.people import SEED

ODD = (
    "camille@exemple.example, voisin@exemple.example", "camille@exemple.example\r\nBcc: voisin@exemple.example", "Voisin <voisin@exemple.example>, a",
    "é@exemple.example", "sans-arobase", "@", "a b@exemple.example", "x" * 3000 + "@exemple.example", "inconnu@exemple.example",
)  # fmt: skip


@pytest.fixture
def mailbox(clock: FixedClock) -> Mailbox:
    return Mailbox(clock)


@pytest.fixture
async def outside(mailbox: Mailbox, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Outside]:
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        mail = Mailer(address=address, sender="ne-pas-repondre@maillage.example", clock=clock)
        yield Outside(mail=mail, base_url="https://maillage.example", anchor=tmp_path, erasures=tmp_path)


async def owed(access: Access, clock: FixedClock, *addresses: str) -> None:
    """A notice to each, the first first, and a minute between them."""
    for number, address in enumerate(addresses):
        async with access.act(SEED) as ctx:
            await owe_mail(ctx, [Member(reference=f"Practitioner/{number}", name="", title="", kind="care", email=address)])
        clock.advance(timedelta(minutes=1))


async def send(access: Access, outside: Outside) -> None:
    await jobs.send_mail(Job(name="messaging.send_mail", key="1", outside=outside, access=access))


@pytest.mark.parametrize("address", ODD)
async def test_an_odd_address_is_refused_for_good(
    access: Access, clock: FixedClock, mailbox: Mailbox, outside: Outside, address: str
) -> None:
    await owed(access, clock, address, "nora@exemple.example")
    await send(access, outside)
    assert len(mailbox.letters(to="nora@exemple.example")) == 1
    assert mailbox.letters(to="voisin@exemple.example") == []
    clock.advance(timedelta(hours=2))
    await send(access, outside)  # and is not tried again before something else is owed


async def test_a_full_mailbox_keeps_nobody_elses_mail_from_going(
    access: Access, clock: FixedClock, mailbox: Mailbox, outside: Outside
) -> None:
    await owed(access, clock, "occupe@exemple.example", "occupe@autre.example", "nora@exemple.example", "camille@exemple.example")
    for _ in range(2):
        with pytest.raises(Unavailable):  # the job comes back for the others
            await send(access, outside)
    assert [len(mailbox.letters(to=f"{one}@exemple.example")) for one in ("nora", "camille")] == [1, 1]


async def test_a_server_that_is_away_is_not_asked_for_each(access: Access, clock: FixedClock, tmp_path: Path) -> None:
    await owed(access, clock, *(f"a{number}@exemple.example" for number in range(30)))
    away = Mailer(address="127.0.0.1:9", sender="ne-pas-repondre@maillage.example", clock=clock)
    began = time.perf_counter()
    with pytest.raises(Unavailable):
        await send(access, Outside(mail=away, base_url="https://maillage.example", anchor=tmp_path, erasures=tmp_path))
    async with access.act(SEED, read_only=True) as ctx:
        assert len(await owed_mail(ctx, limit=100)) == 30
    assert time.perf_counter() - began < 5
