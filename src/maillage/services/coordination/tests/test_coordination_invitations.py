"""Invitations by a link: who is known joins by saying yes, who is not known is confirmed; sent again, taken back before and after, told to who has an account."""

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.clock import FixedClock, SystemClock
from maillage.connectors.mail import Mailer
from maillage.connectors.mail.emulator import Mailbox, smtp_door
from maillage.db import Database, count_statements
from maillage.errors import Conflict, Invalid, NotFound
from maillage.jobs import JobRunner, Outside
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.rules.invitations import email_of, letter, rpps_of
from maillage.services.coordination.service import circles, invitations
from tests.support.browser import HERE, screen
from tests.support.invited import NUMBER, accept, follow, invite, link, states, write_people
from tests.support.people import SEED
from tests.support.teams import GP, LISE, OTHER, OUTSIDER, P, news, sees

MOMENT = timedelta(milliseconds=1)
MEMBERS = "/patients/p/cercle/membres"
STATEMENTS = 24
STATEMENTS_OF_THE_LINK = 5


@pytest.fixture
async def territory(access: Access) -> None:
    await write_people(access)


async def take_back(access: Access, id: str) -> None:
    async with access.act(GP) as ctx:
        await invitations.take_back(ctx, "p", id)
    await follow(access, id)


async def test_who_is_known_by_their_number_joins_by_saying_yes(territory: None, access: Access) -> None:
    id = await invite(access, email="cabinet@exemple.fr", rpps="1000 9999 901", part="substitute", until=date(2026, 12, 1))
    secret = await link(access, id)
    async with access.act(OUTSIDER, read_only=True) as ctx:
        shown = await invitations.opened(ctx, access, secret=secret)
    assert (shown.person, shown.invitation.inviter_name) == ("PAT-TROIS Dominique", "Dr Camille EXEMPLE")
    assert not await sees(access, OUTSIDER, "Patient", "p"), "looking opens nothing"
    await accept(access, OUTSIDER, secret=secret)
    assert await sees(access, OUTSIDER, "Condition", "secret")
    async with access.act(GP, read_only=True) as ctx:
        held = await circles.of_person(ctx, "p")
    (joined,) = [one for one in held.now if one.reference == "PractitionerRole/outsider-autre"]
    assert (joined.part, joined.until) == ("Remplaçant du référent", "2026-12-01")
    assert held.said[0][2] == "outsider rejoint le cercle, invité par Dr Camille EXEMPLE"
    assert await states(access) == ["joined"]


async def test_who_is_not_known_waits_for_the_inviter_to_say_that_it_is_them(territory: None, access: Access) -> None:
    id = await invite(access)
    secret = await link(access, id)
    async with access.act(OTHER, read_only=True) as ctx:
        assert (await invitations.opened(ctx, access, secret=secret)).person == "", "of whom it is, only who is known learns"
    await accept(access, OTHER, secret=secret)
    assert not await sees(access, OTHER, "Patient", "p")
    assert await news(access, GP) == ["Invitation ouverte : confirmez qui l’a ouverte"]
    async with access.act(GP) as ctx:
        (one,) = await invitations.of_record(ctx, "p")
        assert f"RPPS {NUMBER['other']}" in str(one.opener_name)
        await invitations.confirm(ctx, "p", id)
    assert await sees(access, OTHER, "Patient", "p")


async def test_who_has_an_account_finds_it_in_the_news_and_needs_no_letter(territory: None, access: Access) -> None:
    id = await invite(access, email="Outsider@exemple.fr")
    assert await news(access, OUTSIDER) == ["Invitation à un cercle de soins"]
    assert await news(access, OTHER) == []
    await accept(access, OUTSIDER, id=id)
    assert await sees(access, OUTSIDER, "Patient", "p")


async def test_an_invitation_is_taken_back_before_it_is_opened_and_after(
    territory: None, access: Access, clock: FixedClock
) -> None:
    first = await invite(access, email="outsider@exemple.fr")
    await take_back(access, first)
    assert not await news(access, OUTSIDER) or await states(access) == ["revoked"]
    second = await invite(access, email="outsider@exemple.fr")
    await accept(access, OUTSIDER, id=second)
    assert await sees(access, OUTSIDER, "Patient", "p")
    await take_back(access, second)
    clock.advance(MOMENT)
    assert not await sees(access, OUTSIDER, "Patient", "p")
    assert await states(access) == ["revoked", "revoked"]
    async with access.act(P, read_only=True) as ctx:
        lines = [line for line in await ctx.records.trail("p") if line["query"] in ("revoked", "accepted")]
    assert len(lines) >= 3, "the person reads each step"


async def test_who_was_to_be_confirmed_and_is_not_the_right_one_gets_nothing(territory: None, access: Access) -> None:
    id = await invite(access)
    await accept(access, OTHER, secret=await link(access, id))
    await take_back(access, id)
    async with access.act(GP) as ctx:
        with pytest.raises(NotFound):
            await invitations.confirm(ctx, "p", id)
    assert not await sees(access, OTHER, "Patient", "p")


async def test_what_is_no_address_no_number_or_waits_already_is_refused_with_its_place(territory: None, access: Access) -> None:
    for wrong, place in (
        ({"email": "docteur"}, "adresse"), ({"rpps": "123"}, "rpps"), ({"part": "GUARD"}, "part"), ({"until": date(2026, 11, 1)}, "jusqu"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as fault:
            await invite(access, **wrong)  # type: ignore[arg-type]
        assert fault.value.issues[0].expression == place
    await invite(access)
    with pytest.raises(Conflict):
        await invite(access)
    assert await states(access) == ["sent"]


async def test_a_mailbox_is_not_flooded_from_here(territory: None, access: Access) -> None:
    async with access.act(GP) as ctx:
        for number in range(20):
            await invitations.invite(ctx, "p", email=f"n{number}@exemple.fr")
        with pytest.raises(Conflict):
            await invitations.invite(ctx, "p", email="n21@exemple.fr")


async def test_an_invitation_sent_again_counts_by_its_new_link_alone(territory: None, access: Access, clock: FixedClock) -> None:
    id = await invite(access)
    before = await link(access, id)
    clock.advance(timedelta(days=8))
    async with access.act(GP) as ctx:
        await invitations.send_again(ctx, "p", id)
    after = await link(access, id)
    with pytest.raises(Exception, match="unknown"):
        await accept(access, OTHER, secret=before)
    assert (await accept(access, OTHER, secret=after)).state == "opened"


async def test_an_invitation_is_forgotten_a_year_after_it_ended(territory: None, access: Access, clock: FixedClock) -> None:
    async def left() -> int:
        async with access.act(SEED) as ctx:
            await jobs.forget_what_is_over.handler(ctx)
        return len(await states(access))

    id = await invite(access, email="outsider@exemple.fr")
    clock.advance(timedelta(days=6))
    await accept(access, OUTSIDER, id=id)
    clock.advance(timedelta(days=360))
    assert await left() == 1, "a year after it was sent, not after it was accepted"
    clock.advance(timedelta(days=8))
    assert await left() == 0
    assert await sees(access, OUTSIDER, "Patient", "p"), "who came in stays"


async def test_the_letter_leaves_by_the_mail_server_and_says_nothing_of_the_person(
    territory: None, access: Access, database: Database, tmp_path: Path
) -> None:
    async with access.act(GP) as ctx:
        id = await invitations.invite(ctx, "p", email="nouveau@exemple.fr")
        refused = await invitations.invite(ctx, "p", email="inconnu@exemple.fr")  # the server knows nobody of this name
    mailbox = Mailbox(SystemClock())
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        mail = Mailer(address=address, sender="maillage@maillage.example", clock=SystemClock())
        runner = JobRunner(
            database=database, access=access, clock=SystemClock(), outside=Outside(mail=mail, base_url="https://exemple.fr/", anchor=tmp_path, erasures=tmp_path),
            reactions=[jobs.follow_the_invitation], tasks=[jobs.mail_the_invitation],
        )  # fmt: skip
        life = asyncio.create_task(runner.run())
        async with asyncio.timeout(20):
            while not mailbox.letters() or "undelivered" not in await states(access):
                assert not life.done(), life.result()
                await asyncio.sleep(0.02)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
    (sent,) = mailbox.letters()
    assert sent.recipients == ("nouveau@exemple.fr",)
    said = sent.text.casefold()
    assert not any(word in said for word in ("pat-trois", "dominique", "diabète", "patients/p", "1979"))
    secret = re.findall(r"https://exemple.fr/invitation\?lien=(\S+)", sent.text)[0]
    async with database.transaction() as conn:
        kept = await (await conn.execute(b"select i::text as row from coordination_invitation i")).fetchall()
        queued = await (await conn.execute(b"select args::text as row from procrastinate_jobs")).fetchall()
    assert all(secret not in one["row"] for one in [*kept, *queued]), "the secret is nowhere but in the letter"
    assert (await accept(access, OTHER, secret=secret)).id == id
    async with access.act(GP) as ctx:
        found = {one.id: str(one.state) for one in await invitations.of_record(ctx, "p")}
    assert found == {id: "opened", refused: "undelivered"}


def test_addresses_and_numbers_are_read_as_they_are_typed() -> None:
    assert email_of(" Paul.Essai@Exemple.FR ") == "paul.essai@exemple.fr"
    for wrong in (
        "",
        "paul",
        "paul@",
        "paul@fr",
        "a b@exemple.fr",
        "paul@exemple.fr\r\nBcc: x@exemple.fr",
        "<paul@exemple.fr>",
        "a,b@exemple.fr",
    ):
        assert email_of(wrong) is None, wrong
    assert rpps_of("10 009 999 901") == "10009999901"
    assert rpps_of("1000999990") is None
    subject, text = letter("Dr Camille EXEMPLE", "https://exemple.fr/invitation?lien=x")
    assert "Dr Camille EXEMPLE" in text
    assert "EXEMPLE" not in subject


# --- pages


async def client_of(application: Any, signed_in: Any, actor: Any) -> httpx.AsyncClient:
    headers = [("accept", "text/html"), *await signed_in(actor)]
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(pages)), base_url=HERE, headers=headers)


def csrf(text: str) -> str:
    return re.findall(r'name="csrf" value="(\w+)"', text)[-1]


async def test_the_page_lists_what_waits_in_few_statements_and_keeps_what_was_typed(
    territory: None, access: Access, application: Any, signed_in: Any
) -> None:
    async with await client_of(application, signed_in, GP) as gp:
        shown = (await gp.get(MEMBERS)).text
        wrong = await gp.post("/patients/p/cercle/invitations", data={"csrf": csrf(shown), "adresse": "docteur", "rpps": "12"})
        assert (wrong.status_code, 'value="docteur"' in wrong.text, "adresse complète" in wrong.text) == (422, True, True)
        for number in range(8):
            await invite(access, email=f"n{number}@exemple.fr")
        with count_statements() as counted:
            page = await gp.get(MEMBERS)
        assert counted.statements <= STATEMENTS
        assert len(page.content) < 60_000
        assert page.text.count("Retirer l’invitation") == 8
    async with await client_of(application, signed_in, LISE) as outside:
        assert (await outside.get(MEMBERS)).status_code == 404
        assert (
            await outside.post(
                "/patients/p/cercle/invitations",
                data={"csrf": csrf((await outside.get("/patients")).text), "adresse": "x@exemple.fr"},
            )
        ).status_code == 404


async def test_what_waits_stands_in_the_circle_of_the_record_for_who_may_take_it_back(
    territory: None, access: Access, application: Any, signed_in: Any
) -> None:
    id = await invite(access, email="cabinet@exemple.fr")
    async with await client_of(application, signed_in, GP) as gp:
        text = (await gp.get("/patients/p/cercle")).text
        assert 'href="/patients/p/cercle/membres#invitations">cabinet@exemple.fr</a>' in text
        assert "Envoyée" in text
        await take_back(access, id)
        assert "cabinet@exemple.fr" not in (await gp.get("/patients/p/cercle")).text


async def test_a_form_of_an_invitation_that_arrives_twice_invites_and_lets_in_once(
    territory: None, access: Access, application: Any, signed_in: Any
) -> None:
    async with await client_of(application, signed_in, GP) as gp:
        typed = fields((await gp.get(MEMBERS)).text, "/patients/p/cercle/invitations") | {"adresse": "outsider@exemple.fr"}
        first, second = [await gp.post("/patients/p/cercle/invitations", data=typed) for _ in range(2)]
        assert (first.status_code, second.status_code) == (303, 303)
        assert first.headers["location"] == second.headers["location"]
    assert await states(access) == ["sent"]
    async with access.act(GP) as ctx:
        (one,) = await invitations.of_record(ctx, "p")
    await follow(access, one.id)
    path = f"/invitation?lien={await link(access, one.id)}"
    async with await client_of(application, signed_in, OUTSIDER) as invited:
        with count_statements() as counted:
            shown = await invited.get(path)
        assert counted.statements <= STATEMENTS_OF_THE_LINK
        typed = fields(shown.text, "/invitation")
        answers = [await invited.post("/invitation", data=typed) for _ in range(2)]
        assert [one.status_code for one in answers] == [303, 303], "the second is led where the first was"
    await follow(access, one.id)
    assert await states(access) == ["joined"]
    async with access.act(GP, read_only=True) as ctx:
        held = await circles.of_person(ctx, "p")
    assert [one.reference for one in held.now].count("PractitionerRole/outsider-autre") == 1


def fields(text: str, action: str) -> dict[str, str]:
    """What a form of the page sends as it stands."""
    form = next(one for one in re.findall(r"<form[^>]*>.*?</form>", text, re.S) if f'action="{action}"' in one)
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


@pytest.mark.browser
async def test_an_invitation_goes_from_the_circle_to_who_accepts_it(
    territory: None, access: Access, browser: Browser, application: Any, signed_in: Any
) -> None:
    inviting = await screen(browser, application(pages), headers=await signed_in(GP))
    page = await inviting.open("/patients/p")
    taps = 0
    for name in ("Cercle de soins", "Inviter ou retirer un membre"):
        await page.get_by_role("link", name=name, exact=True).first.click()
        taps += 1
    await page.get_by_label("Adresse professionnelle").fill("outsider@exemple.fr")
    await page.get_by_role("button", name="Envoyer l’invitation").click()
    taps += 1
    await expect(page.get_by_text("Invitation envoyée")).to_be_visible()
    assert taps + 1 <= 4, "one more for the person in the list"
    await inviting.check("invitations")
    async with access.act(GP) as ctx:
        (one,) = await invitations.of_record(ctx, "p")
    await follow(access, one.id)
    secret = await link(access, one.id)
    invited = await screen(browser, application(pages), headers=await signed_in(OUTSIDER))
    page = await invited.open(f"/invitation?lien={secret}")
    await expect(page.get_by_text("Dr Camille EXEMPLE vous invite")).to_be_visible()
    await invited.check("invitation")
    await page.get_by_role("button", name="Rejoindre le cercle").click()
    await expect(page.get_by_text("C’est fait")).to_be_visible()
    await follow(access, one.id)
    assert await sees(access, OUTSIDER, "Patient", "p")
