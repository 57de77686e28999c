"""The notebook of who helps at home: the person and their family write and read what is theirs, professionals see it, and nothing else is opened."""

import base64
import re
from typing import Any

import pytest
from httpx import AsyncClient, Response
from playwright.async_api import Browser, expect

from maillage.access import audit
from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.db import Database, count_statements
from maillage.errors import Forbidden
from maillage.services.coordination import pages
from maillage.services.coordination.resources.note import TYPES, note_for
from maillage.services.coordination.resources.photo import photo_for
from tests.support.browser import PHONE, screen
from tests.support.followed import GP, LISE, NURSE, Enter, write
from tests.support.pages import Visit
from tests.support.people import NOON, SEED, carer, patient, professional, sees
from tests.support.photographs import jpeg

DOMINIQUE, OTHER, OUTSIDER = patient("p"), patient("q"), professional("out", Role.NURSE)
WHOLE, FOLLOW, AGENDA, ENDED = carer("whole"), carer("follow"), carer("agenda"), carer("ended")
OWN, BOOK = "/mon-cahier", "/patients/p/cahier"
STATEMENTS = 20


def note(text: str, by: str, **more: Any) -> dict[str, Any]:
    return note_for(text, kind="GEN", patient="p", by=by, name=by, at=NOON, **more)


@pytest.fixture
async def helped(followed: None, access: Access) -> None:
    def relative(id: str, scope: str) -> dict[str, Any]:
        return {
            "resourceType": "RelatedPerson",
            "id": id,
            "active": id != "ended",
            "patient": {"reference": "Patient/p"},
            "name": [{"text": id}],
            **sees(scope),
        }

    await write(
        access, SEED,
        relative("whole", "whole"), relative("follow", "follow"), relative("agenda", "agenda"), relative("ended", "whole"),
        note("Pansement refait.", "Practitioner/nora") | {"id": "open"}, note("Entre nous.", "Practitioner/nora", readers="professionals") | {"id": "kept"},
    )  # fmt: skip


async def send(client: AsyncClient, address: str = OWN, *, files: Any = None, **fields: str) -> Response:
    page = (await client.get(OWN)).text
    tokens = dict(reversed(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', page)))
    return await client.post(address, data={**tokens, **fields}, files=files)


async def found(access: Access, author: str) -> list[str]:
    async with access.act(SEED) as ctx:
        return [one["id"] for one in await ctx.records.find("DocumentReference", {"author": author, "type": f"{TYPES}|"})]


async def shown(client: AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text.split("<main")[1]


async def test_a_photograph_joined_to_a_note_is_told_as_written_and_not_as_the_note_read(
    helped: None, access: Access, database: Database
) -> None:
    async with access.act(WHOLE) as ctx:
        mine: dict[str, Any] = await ctx.records.write(note("Vu.", WHOLE.reference or ""))
        picture = photo_for(
            jpeg(),
            id="1",
            patient="p",
            by=WHOLE.reference or "",
            name="Claude",
            at=NOON,
            title="Talon",
            site=None,
            note=mine["id"],
        )
        await ctx.records.write({name: value for name, value in picture.items() if name != "id"})
    async with database.transaction() as conn:
        lines = await audit.of_patient(conn, "p")
    own = [(one["action"], one["type"]) for one in lines if one["reference"] == WHOLE.reference]
    assert sorted(own) == [("C", "DocumentReference"), ("C", "Media")]


async def test_a_carer_says_how_the_day_went_and_the_team_reads_it(helped: None, enter: Enter) -> None:
    claude, nora, lise = await enter(WHOLE), await enter(NURSE), await enter(LISE)
    photo = {"photo": ("IMG.jpg", jpeg(), "image/jpeg")}
    sent = await send(claude, texte="Elle n’a pas voulu manger.", journee="hard", important="1", files=photo)
    assert sent.headers["location"] == f"{OWN}?fait=note"
    for client in (nora, lise):
        page = await shown(client, BOOK)
        assert "Elle n’a pas voulu manger." in page
        assert "Journée difficile" in page
    await send(claude, journee="good")
    page = await shown(claude, OWN)
    assert page.count("Bonne journée</span>") == 1, "one tap says it, without a word"
    [picture] = set(re.findall(rf"{OWN}/photos/[\w-]+", page))
    assert [(await one.get(picture)).status_code for one in (claude, await enter(DOMINIQUE))] == [200, 200]
    assert (await (await enter(FOLLOW)).get(picture)).status_code == 404
    assert (await send(claude, texte=" ")).status_code == 422


async def test_what_professionals_keep_among_themselves_stays_hidden(helped: None, enter: Enter) -> None:
    assert "Entre nous." in await shown(await enter(GP), BOOK)
    for actor, reads in ((WHOLE, True), (DOMINIQUE, True), (FOLLOW, False)):
        page = await shown(await enter(actor), OWN)
        assert ("Pansement refait." in page) is reads, actor.id
        assert "Entre nous." not in page, actor.id
    other = await (await enter(OTHER)).get(OWN)
    assert other.status_code == 200
    assert "Pansement refait." not in other.text, "somebody else has a notebook of their own"


async def test_who_is_let_see_the_plan_writes_and_reads_what_is_theirs(helped: None, enter: Enter) -> None:
    helper = await enter(FOLLOW)
    await send(helper, texte="Douche faite, repas préparé.")
    assert "Douche faite" in await shown(helper, OWN)
    assert "Douche faite" in await shown(await enter(NURSE), BOOK)


async def test_who_is_let_see_the_agenda_only_is_told_where_to_write(helped: None, enter: Enter, access: Access) -> None:
    client = await enter(AGENDA)
    page = await shown(client, OWN)
    assert "Messages" in page
    assert "<form" not in page
    told = await client.get("/ma-semaine")
    tokens = dict(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', told.text))
    assert (await client.post(OWN, data={**tokens, "texte": "Bonjour"})).status_code == 403
    async with access.act(SEED) as ctx:
        assert len(await ctx.records.find("DocumentReference", {"type": f"{TYPES}|"})) == 2


async def test_who_helps_no_more_reads_and_writes_nothing(helped: None, enter: Enter) -> None:
    assert (await (await enter(WHOLE)).get(OWN)).status_code == 200
    assert (await (await enter(ENDED)).get(OWN)).status_code in (403, 404)


async def test_one_takes_back_what_is_theirs_and_nothing_else(helped: None, enter: Enter) -> None:
    claude, person = await enter(WHOLE), await enter(DOMINIQUE)
    await send(claude, texte="Je me suis trompé.", files={"photo": ("IMG.jpg", jpeg(), "image/jpeg")})
    page = await shown(claude, OWN)
    [mine] = re.findall(rf'action="{OWN}/([\w-]+)/retirer"', page)
    assert (await send(claude, f"{OWN}/open/retirer")).status_code == 403
    assert (await send(person, f"{OWN}/{mine}/retirer")).status_code == 403
    [picture] = set(re.findall(rf"{OWN}/photos/[\w-]+", page))
    assert (await send(claude, f"{OWN}/{mine}/retirer", version="1")).headers["location"] == f"{OWN}?fait=retrait"
    assert "Je me suis trompé." not in await shown(await enter(NURSE), BOOK)
    assert (await claude.get(picture)).status_code == 404


async def test_by_no_door_does_a_note_write_over_a_document_or_speak_for_another(helped: None, access: Access) -> None:
    letter = {
        "resourceType": "DocumentReference", "id": "letter", "status": "current", "subject": {"reference": "Patient/p"}, "date": "2026-11-20T10:00:00Z",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34112-3"}]}, "author": [{"reference": "Practitioner/gp"}],
        "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dHJl"}}],
    }  # fmt: skip
    await write(access, SEED, letter)
    mine = note("Le mien", "Patient/p")
    await write(access, DOMINIQUE, mine)
    for wrong in (
        {**mine, "id": "letter"}, {**mine, "id": "open"}, note("Au nom de Nora", "Practitioner/nora"), {key: value for key, value in mine.items() if key != "author"},
        {key: value for key, value in mine.items() if key != "type"}, {**letter, "id": "mine", "author": [{"reference": "Patient/p"}]},
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await write(access, DOMINIQUE, wrong)
    picture = {
        "resourceType": "Media", "status": "completed", "subject": {"reference": "Patient/p"}, "operator": {"reference": "Patient/p"},
        "partOf": [{"reference": "DocumentReference/open"}], "content": {"contentType": "image/jpeg", "data": base64.b64encode(jpeg()).decode()},
    }  # fmt: skip
    (own,) = await found(access, "Patient/p")
    await write(access, DOMINIQUE, {**picture, "partOf": [{"reference": f"DocumentReference/{own}"}]})
    with pytest.raises(Forbidden):
        await write(access, DOMINIQUE, picture)
    with pytest.raises(Forbidden):
        await write(access, DOMINIQUE, {key: value for key, value in picture.items() if key != "partOf"})


async def test_the_page_costs_the_same_whatever_is_written(helped: None, enter: Enter, access: Access) -> None:
    client = await enter(WHOLE)
    await shown(client, OWN)
    with count_statements() as before:
        await shown(client, OWN)
    await write(access, SEED, *(note(f"Note {number}", "Practitioner/nora") for number in range(20)))
    with count_statements() as after:
        answer = await client.get(OWN)
    assert after.statements == before.statements <= STATEMENTS
    assert len(answer.content) < 60_000


@pytest.mark.browser
async def test_a_carer_writes_in_two_taps_on_a_phone_without_script(
    helped: None, browser: Browser, application: Any, signed_in: Visit
) -> None:
    plain = await screen(browser, application(pages), headers=await signed_in(WHOLE), scripts=False)
    page = await plain.open(OWN)
    await page.get_by_label("Journée difficile").check()
    await page.get_by_role("button", name="Écrire au cahier").click()
    await expect(page.get_by_text("C’est écrit")).to_be_visible()
    window = await screen(browser, application(pages), headers=await signed_in(WHOLE))
    page = await window.open(OWN)
    await window.check("mon-cahier")
    await page.set_viewport_size({"width": PHONE, "height": 844})
    small = await page.evaluate(
        "() => [...document.querySelectorAll('main button, main label.m-pick')].filter(e => e.getBoundingClientRect().height < 48).map(e => e.outerHTML.slice(0, 90))"
    )
    assert small == []
