"""What the officer and the person are shown of a record opened in an emergency, and the e-mail that says to look."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.clock import SystemClock
from maillage.connectors.mail import Mailer
from maillage.connectors.mail.emulator import Mailbox, smtp_door
from maillage.db import Database
from maillage.jobs import JobRunner, Outside
from maillage.services.rights import jobs, pages, rules
from maillage.services.rights.events import EmergencyOpened
from maillage.services.rights.public import Reason, choose, open_in_emergency
from tests.support.browser import HERE, screen
from tests.support.people import SEED, officer_of, patient, professional

DOCTOR = replace(professional("emergency", Role.HOSPITAL, name="Dr Alix URGENCE"), organizations=("Organization/samu",))
OFFICER = officer_of(Role.OFFICER)
WORDS = "Coma, transport par le SAMU"
ADDRESS = {"system": "email", "value": "zoe@exemple.fr"}


@pytest.fixture
async def opened(access: Access) -> None:
    """Somebody's record, opened by a doctor who does not follow them."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "p", "telecom": [ADDRESS]},
            {"resourceType": "Patient", "id": "q"},
            {"resourceType": "Organization", "id": "samu", "name": "SAMU des Essais"},
        )
    async with access.act(DOCTOR) as ctx:
        await open_in_emergency(ctx, "p", reason=Reason.UNABLE, words=WORDS)


async def visit(application: Any, headers: Any) -> AsyncClient:
    transport = ASGITransport(app=application(pages))
    return AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *headers])


async def test_the_officer_says_what_they_think_of_it(opened: None, application: Any, signed_in: Any) -> None:
    async with await visit(application, await signed_in(OFFICER)) as officer:
        page = (await officer.get("/acces-urgence")).text
        assert "Dr Alix URGENCE" in page
        assert WORDS in page
        assert "SAMU des Essais" in page
        token, id = (
            re.findall(r'name="csrf" value="(\w+)"', page)[-1],
            re.findall(r'action="/acces-urgence/([0-9a-f-]{36})"', page)[0],
        )
        for sent, words in (({}, "Choisissez un avis"), ({"avis": "unjustified", "remarque": "non"}, "dix lettres au moins")):
            refused = await officer.post(f"/acces-urgence/{id}", data={"csrf": token, **sent})
            assert (refused.status_code, words in refused.text) == (422, True)
        assert 'value="unjustified" checked' in refused.text, "what was chosen is kept"
        assert 'value="non"' in refused.text, "and what was written"
        done = await officer.post(f"/acces-urgence/{id}", data={"csrf": token, "avis": "justified"})
        assert done.headers["location"] == "/acces-urgence?fait=justified"
        assert "Dr Alix URGENCE" not in (await officer.get("/acces-urgence")).text
        assert "Justifié" in (await officer.get("/acces-urgence?vue=examines")).text
        for other in (id, "nothing"):
            assert (await officer.post(f"/acces-urgence/{other}", data={"csrf": token, "avis": "justified"})).status_code == 404


async def test_nobody_else_has_that_page(opened: None, application: Any, signed_in: Any) -> None:
    async with await visit(application, await signed_in(DOCTOR)) as doctor:
        assert (await doctor.get("/acces-urgence")).status_code == 403


@pytest.mark.browser
async def test_the_officers_page_is_accessible(opened: None, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    page = await window.open("/acces-urgence")
    await window.check("acces-urgence")
    assert "Enregistrer l’avis sur l’accès de Dr Alix URGENCE" in await window.tab_order()
    await page.get_by_label("Justifié", exact=True).check()
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_text("Accès examiné")).to_be_visible()
    await page.get_by_role("link", name="Examinés").click()
    await expect(page.get_by_text("par officer")).to_be_visible()
    await window.check("acces-urgence-examines")


@pytest.mark.parametrize(("denied", "owed"), [(False, 1), (True, 0)])
async def test_who_wants_no_mail_is_owed_none(opened: None, access: Access, database: Database, denied: bool, owed: int) -> None:
    async with access.act(patient("p")) as ctx:
        await choose(ctx, "p", "messaging", denied=denied)
    async with access.act(SEED) as ctx:
        await jobs.tell_the_person.handler(ctx, EmergencyOpened(opening="x", patient="p"))
    async with database.reading() as conn:
        rows = await (
            await conn.execute(b"select 1 from procrastinate_jobs where task_name like '%%write_to_the_person'")
        ).fetchall()
    assert len(rows) == owed


async def test_the_person_is_written_to_at_once(opened: None, access: Access, database: Database, tmp_path: Path) -> None:
    async with access.act(DOCTOR) as ctx:
        await open_in_emergency(ctx, "q", reason=Reason.LIFE, words=WORDS)  # who has no address
    mailbox = Mailbox(SystemClock())
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        mail = Mailer(address=address, sender="maillage@maillage.example", clock=SystemClock())
        outside = Outside(mail=mail, base_url="https://exemple.fr", anchor=tmp_path, erasures=tmp_path)
        runner = JobRunner(
            database=database, access=access, clock=SystemClock(), outside=outside,
            reactions=[jobs.tell_the_person], tasks=[jobs.write_to_the_person],
        )  # fmt: skip
        life = asyncio.create_task(runner.run())
        async with asyncio.timeout(20):
            while not mailbox.letters():
                assert not life.done(), life.result()
                await asyncio.sleep(0.02)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
    (letter,) = mailbox.letters()
    assert letter.recipients == ("zoe@exemple.fr",)
    assert "https://exemple.fr/accueil" in letter.text
    assert not re.search(r"urgence|coma|SAMU|hôpital", letter.message["subject"] + letter.text, re.IGNORECASE)


def test_an_address_that_is_old_is_none() -> None:
    assert rules.email_of({"telecom": [{**ADDRESS, "use": "old"}, {"system": "phone", "value": "06"}]}) is None
