"""Conversations through their pages, at the desk and on a telephone, with and without JavaScript."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient
from PIL import Image
from playwright.async_api import Browser, Page, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.db import count_statements
from maillage.services.messaging import pages
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.service import messages, threads
from tests.support.browser import HERE, PHONE, Screen, screen, violations
from tests.support.people import SEED, care_team, carer, patient, professional, sees
from tests.support.photographs import jpeg

GP = professional("gp", name="Dr Camille EXEMPLE")
NURSE = professional("nurse", Role.NURSE, name="Nora FICTIVE")
ZOE, CLAUDE = patient("zoe"), carer("claude")
STATEMENTS = 24  # of a page with a conversation open, session, banner and audit included
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"use": "official", "family": "MARTIN", "given": ["ZOÉ"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": name, "family": name}]} for id, name in (("gp", "Dr Camille EXEMPLE"), ("nurse", "Nora FICTIVE"))),
            {"resourceType": "RelatedPerson", "id": "claude", "patient": {"reference": "Patient/zoe"}, "active": True, "name": [{"family": "MARTIN", "given": ["Claude"]}], **sees("whole")},
            team("Practitioner/gp", "Practitioner/nurse", "RelatedPerson/claude"),
        )  # fmt: skip


def team(*members: str) -> dict[str, Any]:
    return care_team("zoe", *members)


async def begun(access: Access, *texts: tuple[Actor, str], readers: Readers = Readers()) -> str:  # noqa: B008 - frozen
    thread = ""
    for by, text in texts:
        async with access.act(by) as ctx:
            if thread:
                await messages.reply(ctx, thread=thread, key=str(uuid4()), text=text)
            else:
                thread = await messages.begin(
                    ctx, patient="zoe", key=str(uuid4()), topic="Plaie du pied", text=text, readers=readers
                )
    return thread


@pytest.fixture
def window(browser: Browser, application: Any, signed_in: Any) -> Callable[..., Any]:
    async def opened(actor: Actor, **options: Any) -> Screen:
        return await screen(browser, application(pages), headers=await signed_in(actor), **options)

    return opened


@pytest.fixture
def visit(application: Any, signed_in: Any) -> Callable[..., Any]:
    async def client(actor: Actor) -> AsyncClient:
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        return AsyncClient(
            transport=ASGITransport(app=application(pages)), base_url=HERE, headers={"accept": "text/html"}, cookies=cookies
        )

    return client


async def tap(page: Page, role: Any, name: str) -> int:
    await page.get_by_role(role, name=name, exact=True).click()
    return 1


@pytest.mark.browser
async def test_one_writes_to_the_circle_on_a_phone_in_two_taps_without_javascript(access: Access, window: Any) -> None:
    await begun(access, (GP, "Berges plus rouges ce matin"))
    page = await (await window(NURSE, width=PHONE, scripts=False)).open("/nouveautes")
    await page.get_by_role("navigation", name="Raccourcis").get_by_role("link", name="Messages").click()
    taps = 1
    await page.get_by_label("Votre message").fill("Je passe à 17 h")
    taps += await tap(page, "button", "Envoyer")
    await expect(page.get_by_role("article").last).to_contain_text("Je passe à 17 h")
    assert taps == 2


@pytest.mark.browser
async def test_a_name_is_completed_behind_an_at_by_the_keyboard_alone(access: Access, window: Any) -> None:
    thread = await begun(access, (GP, "Dominique est rentrée."))
    held = await window(NURSE, width=PHONE)
    page = await held.open(f"/messages/{thread}")
    field, offered = page.get_by_label("Votre message"), page.get_by_role("listbox", name="Membres à nommer")
    await field.press_sequentially("Vu @cla")
    await expect(offered.get_by_role("option")).to_have_text(["Claude MARTIN"])
    await field.press("Escape")
    await expect(offered).to_be_hidden()
    await field.fill("Bonjour ")
    await field.press_sequentially("@")
    await expect(offered.get_by_role("option")).to_have_count(3)
    await expect(page.get_by_text("3 membres, flèches pour choisir")).to_have_count(1)
    await field.press("ArrowUp")
    await expect(offered.get_by_role("option", selected=True)).to_have_text("Claude MARTIN")
    assert await violations(page) == [], "the list lies over what is behind it, as long as one chooses"
    await field.press_sequentially("cam")
    await field.press("Enter")
    await expect(field).to_have_value("Bonjour @Dr Camille EXEMPLE ")
    await expect(offered).to_be_hidden()
    await tap(page, "button", "Envoyer")
    await expect(page.get_by_role("article").last).to_contain_text("Bonjour @Dr Camille EXEMPLE")
    async with access.act(GP, read_only=True) as ctx:
        assert (await threads.conversation(ctx, thread)).messages[-1].mentions == ("Practitioner/gp",)


@pytest.mark.browser
async def test_a_conversation_is_accessible_and_says_who_reads_before_one_writes(access: Access, window: Any) -> None:
    thread = await begun(
        access, (GP, "Dominique est rentrée."), (NURSE, "Berges plus rouges ce matin"), (CLAUDE, "Elle a marché.")
    )
    held = await window(GP)
    page = await held.open(f"/messages/{thread}")
    await expect(page.get_by_text("4 membres du cercle : la personne et ses proches lisent ce sujet", exact=True)).to_be_visible()
    await expect(page.get_by_role("complementary", name="Membres").get_by_text("Nora FICTIVE")).to_be_visible()
    await held.check("conversation")
    assert "Envoyer" in await held.tab_order()
    await held.open("/patients/zoe/messages/nouveau")
    await held.check("conversation-nouvelle")
    await held.open(f"/messages/{thread}/corriger")
    await held.check("conversation-corriger")
    own = await window(ZOE)
    await own.open("/messages")
    await own.check("conversation-personne")


@pytest.mark.browser
async def test_what_is_new_is_said_to_be_read_by_a_button_and_taken_back(access: Access, window: Any) -> None:
    thread = await begun(access, (GP, "Berges plus rouges"), (GP, "Pas de fièvre"))
    page = await (await window(NURSE)).open(f"/messages/{thread}")
    await expect(page.get_by_text("2 nouveaux messages")).to_be_visible()
    await tap(page, "button", "Marquer comme lu")
    await expect(page.get_by_text("2 nouveaux messages")).to_have_count(0)
    author = await (await window(GP)).open(f"/messages/{thread}")
    await expect(author.get_by_text("Lu par 1 sur 3").first).to_be_visible()
    await tap(page, "button", "Annuler")
    await expect(page.get_by_text("2 nouveaux messages")).to_be_visible()


@pytest.mark.browser
async def test_a_file_is_joined_filed_in_the_record_and_opened_by_the_readers_alone(
    access: Access, window: Any, visit: Any
) -> None:
    page = await (await window(GP)).open("/patients/zoe/messages/nouveau")
    await page.get_by_label("Sujet").fill("Plaie du pied")
    await page.get_by_label("Seulement ceux que je choisis").check()
    await page.get_by_role("checkbox", name="Nora FICTIVE").check()
    await page.get_by_label("Joindre des fichiers").set_input_files(
        {"name": "talon.png", "mimeType": "image/png", "buffer": PIXEL}
    )
    await tap(page, "button", "Envoyer")
    link = await page.get_by_role("link", name="talon.png").get_attribute("href")
    for actor, status in ((NURSE, 200), (CLAUDE, 404), (ZOE, 404)):
        answer = await (await visit(actor)).get(link)
        assert answer.status_code == status, actor.name
    async with access.act(NURSE, read_only=True) as ctx:
        assert len(await ctx.records.find("DocumentReference", {"patient": "Patient/zoe"})) == 1
    async with access.act(ZOE, read_only=True) as ctx:
        assert await ctx.records.find("DocumentReference", {"patient": "Patient/zoe"}) == []


@pytest.mark.browser
async def test_a_photograph_is_shown_small_and_kept_without_the_place_where_it_was_taken(
    access: Access, window: Any, visit: Any
) -> None:
    taken = jpeg(size=(3200, 2400), exif={0x010F: "TELEPHONE"}, gps=True)
    thread = await begun(access, (GP, "Berges plus rouges"))
    held = await window(NURSE, width=PHONE)
    page = await held.open(f"/messages/{thread}")
    await page.get_by_text("Joindre, prévenir quelqu’un").click()
    field = page.get_by_label("Joindre des fichiers")
    await field.set_input_files({"name": "talon.jpeg", "mimeType": "image/jpeg", "buffer": taken})
    await tap(page, "button", "Envoyer")
    link = page.get_by_role("link", name="talon.jpg")
    await expect(link).to_be_visible()
    await held.check("conversation-photo")
    at = await link.get_attribute("href")
    gp = await visit(GP)
    whole, small = (await gp.get(at)).content, (await gp.get(f"{at}?petite")).content
    for made, side in ((whole, 2400), (small, 160)):
        with Image.open(BytesIO(made)) as image:
            assert (max(image.size), dict(image.getexif())) == (side, {})
    assert b"TELEPHONE" in taken
    assert b"TELEPHONE" not in whole
    outsider = await visit(professional("other"))
    assert (await outsider.get(f"{at}?petite")).status_code == 404


@pytest.mark.browser
async def test_who_was_removed_while_writing_is_told_and_keeps_their_text(access: Access, window: Any) -> None:
    thread = await begun(access, (GP, "Berges plus rouges"))
    held = await window(NURSE)
    page = await held.open(f"/messages/{thread}")
    await page.get_by_label("Votre message").fill("Je ne pourrai pas passer demain")
    async with access.act(SEED) as ctx:
        await ctx.records.write(team("Practitioner/gp", "RelatedPerson/claude"))
    await tap(page, "button", "Envoyer")
    await expect(page.get_by_role("heading", name="Message non envoyé")).to_be_visible()
    await expect(page.get_by_label("Votre texte")).to_have_value("Je ne pourrai pas passer demain")
    await held.check("conversation-quittee")
    async with access.act(GP, read_only=True) as ctx:
        assert len((await threads.conversation(ctx, thread)).messages) == 1


@pytest.mark.browser
async def test_an_empty_message_is_refused_by_its_field_and_a_program_by_its_file(access: Access, window: Any) -> None:
    thread = await begun(access, (GP, "Berges plus rouges"))
    held = await window(GP)
    page = await held.open(f"/messages/{thread}")
    await tap(page, "button", "Envoyer")
    await expect(page.get_by_role("link", name="Écrivez un message, ou joignez un document.")).to_be_visible()
    await held.check("conversation-erreur")
    await page.get_by_label("Votre message").fill("Voici")
    await page.get_by_label("Joindre des fichiers").set_input_files(
        {"name": "a.exe", "mimeType": "application/pdf", "buffer": b"MZ\x90\x00" + bytes(64)}
    )
    await tap(page, "button", "Envoyer")
    await expect(page.get_by_role("link", name="Ce fichier n’est pas du type que dit son nom")).to_be_visible()
    await expect(page.get_by_label("Votre message")).to_have_value("Voici")


async def test_one_corrects_what_one_wrote_and_a_correction_made_meanwhile_is_shown(access: Access, visit: Any) -> None:
    thread = await begun(access, (GP, "Berges plus rouges"))
    gp = await visit(GP)
    form = (await gp.get(f"/messages/{thread}/corriger")).text
    token = form.split('name="csrf" value="')[1].split('"')[0]
    sent = {"csrf": token, "version": "1", "message": "Berges rosées"}
    assert (await gp.post(f"/messages/{thread}/corriger", data=sent)).status_code == 303
    late = await gp.post(f"/messages/{thread}/corriger", data=sent | {"message": "Berges pâles"})
    assert late.status_code == 409
    assert "Berges rosées" in late.text
    assert "Berges pâles" in late.text
    assert (await gp.post(f"/messages/{thread}/retirer", data={"csrf": token})).status_code == 303
    page = (await gp.get(f"/messages/{thread}")).text
    assert "Message retiré par son auteur" in page
    assert "Berges" not in page


async def test_a_page_takes_as_many_statements_for_forty_messages_as_for_two(access: Access, visit: Any) -> None:
    thread = await begun(access, (GP, "Un"), (NURSE, "Deux"))
    gp = await visit(GP)
    await gp.get(f"/messages/{thread}")
    with count_statements() as few:
        assert (await gp.get(f"/messages/{thread}")).status_code == 200
    for number in range(20):
        for by in (GP, NURSE):
            async with access.act(by) as ctx:
                await messages.reply(ctx, thread=thread, key=str(uuid4()), text=f"Message {number}")
    with count_statements() as many:
        answer = await gp.get(f"/messages/{thread}")
    assert "Message 19" in answer.text
    assert many.statements == few.statements
    assert many.statements <= STATEMENTS
    assert len(answer.content) <= 60_000


async def test_two_conversations_of_one_topic_are_told_apart_by_who_reads_them(access: Access, visit: Any) -> None:
    await begun(access, (GP, "À deux"), readers=Readers(chosen=("Practitioner/nurse",)))
    await begun(access, (GP, "À trois"), (NURSE, "Bien"), readers=Readers(chosen=("Practitioner/nurse", "RelatedPerson/claude")))
    async with await visit(GP) as gp:
        list_ = (await gp.get("/messages?vue=sujets")).text
    assert "entre vous et Nora FICTIVE" in list_
    assert "entre vous, Nora FICTIVE et MARTIN Claude" in list_
    async with await visit(CLAUDE) as claude:
        assert re.findall("entre [^<]+", (await claude.get("/messages?vue=sujets")).text) == [
            "entre vous, Dr Camille EXEMPLE et Nora FICTIVE"
        ]


async def test_one_goes_on_with_others_in_another_conversation(access: Access, visit: Any) -> None:
    thread = await begun(access, (GP, "Entre nous"), readers=Readers(chosen=("Practitioner/nurse",)))
    whole = await begun(access, (GP, "À tous"))
    async with await visit(NURSE) as nurse:
        assert "Continuer avec d’autres" not in (await nurse.get(f"/messages/{whole}")).text
        assert f'href="/patients/zoe/messages/nouveau?comme={thread}"' in (await nurse.get(f"/messages/{thread}")).text
        form = (await nurse.get(f"/patients/zoe/messages/nouveau?comme={thread}")).text
        assert 'value="Plaie du pied"' in form
        assert "reste à ceux pour qui c’était écrit" in form
        ticked = {
            name for name in ("Practitioner/gp", "RelatedPerson/claude", "Patient/zoe") if f'value="{name}" checked' in form
        }
        assert ticked == {"Practitioner/gp"}
        assert 'id="lecteurs-membres" value="membres" checked' in form
    async with await visit(CLAUDE) as stranger_to_it:
        assert (await stranger_to_it.get(f"/patients/zoe/messages/nouveau?comme={thread}")).status_code == 404
