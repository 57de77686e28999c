"""What is asked within a conversation: a task of its owner's list, shown and answered in the thread, kept from who does not read it."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.db import count_statements
from maillage.services.coordination import pages, public
from maillage.services.messaging import pages as talk
from maillage.services.messaging.public import WISH
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.service import messages
from tests.support.browser import HERE, PHONE, screen
from tests.support.pages import client_of
from tests.support.people import NOON, SEED, care_team, patient, professional

GP = professional("gp", name="Dr Camille EXEMPLE")
NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
LISE = professional("lise", Role.COORDINATOR, name="Lise MAQUETTE")
OTHER = professional("other", Role.NURSE)
SOON = (NOON + timedelta(days=2)).date().isoformat()
STATEMENTS = 26
assert public.ask, "registers what writes the tasks"


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "p", "name": [{"family": "ESSAI", "given": ["ANA"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Practitioner", "id": (one.reference or "").partition("/")[2], "name": [{"text": one.name, "family": one.name}]} for one in (GP, NORA, LISE, OTHER)),
            care_team("p", "Practitioner/gp", "Practitioner/nora", "Practitioner/lise"),
        )  # fmt: skip


async def begun(access: Access, readers: Readers = Readers()) -> str:  # noqa: B008 - frozen
    async with access.act(GP) as ctx:
        return await messages.begin(ctx, patient="p", key=str(uuid4()), topic="Retour", text="Elle est rentrée", readers=readers)


async def sent(client: AsyncClient, thread: str, **fields: str) -> Response:
    text = (await client.get(f"/messages/{thread}")).text
    tokens = dict(reversed(re.findall(r'name="(csrf|envoi|cle)" value="([\w-]+)"', text)))
    return await client.post(f"/messages/{thread}", data={**tokens, **fields})


async def tasks(access: Access) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find("Task", {"patient": "Patient/p"})


async def test_what_is_asked_is_in_the_list_of_whom_it_is_asked_and_its_answer_in_the_thread(
    access: Access, application: Any
) -> None:
    thread = await begun(access)
    async with (
        await client_of(application(pages, talk), access, GP) as gp,
        await client_of(application(pages, talk), access, NORA) as nora,
    ):
        answer = await sent(gp, thread, message="Peux-tu peser Ana ?", demande="measure", a_qui="Practitioner/nora", pour_le=SOON)
        assert answer.status_code == 303, answer.text
        [task] = await tasks(access)
        assert (task["owner"]["reference"], task["description"], task["status"]) == (
            "Practitioner/nora",
            "Peux-tu peser Ana ?",
            "requested",
        )
        assert task["restriction"]["period"]["end"].startswith(SOON)
        assert "Mesure demandée" in (await nora.get("/taches")).text
        page = (await nora.get(f"/messages/{thread}")).text
        assert "Mesure demandée" in page
        assert "À faire" in page
        assert f'value="{task["id"]}"' in page, "the form offers to answer it"
        assert task["reasonCode"]["coding"] == [{"system": WISH, "code": "measure"}]
        assert 'href="/patients/p/constantes">Saisir la mesure' in page
        assert "Saisir la mesure" not in (await gp.get(f"/messages/{thread}")).text, "only to whom it was asked"
        assert f'value="{task["id"]}"' not in (await gp.get(f"/messages/{thread}")).text, "only to whom it was asked"
        await sent(nora, thread, message="62,4 kg ce matin", repond=task["id"])
        [task] = await tasks(access)
        assert task["status"] == "completed"
        assert "62,4 kg ce matin" in str(task)
        page = (await gp.get(f"/messages/{thread}")).text
        assert "Faite" in page
        assert "À faire" not in page
        assert f"/messages/{task['focus']['reference'].partition('/')[2]}" in (await gp.get(f"/taches/{task['id']}")).text


async def test_an_opinion_that_was_given_in_the_list_of_tasks_is_read_in_the_thread(access: Access, application: Any) -> None:
    thread = await begun(access)
    async with (
        await client_of(application(pages, talk), access, GP) as gp,
        await client_of(application(pages, talk), access, NORA) as nora,
    ):
        for words, end, said in (("Revoir la semelle ?", "faite", "resultat"), ("Et le fauteuil ?", "refuser", "motif")):
            await sent(gp, thread, message=words, demande="opinion", a_qui="Practitioner/nora")
            task = next(one for one in await tasks(access) if one["description"] == words)
            version = task["meta"]["versionId"]
            answer = await nora.post(f"/taches/{task['id']}/{end}", data={said: f"Ma réponse : {end}", "version": version})
            assert answer.status_code == 303, answer.text
        page = (await gp.get(f"/messages/{thread}")).text
        assert "Ma réponse : faite" in page
        assert "Ma réponse : refuser" in page
        async with await client_of(application(pages, talk), access, patient("p")) as ana:
            own = (await ana.get(f"/messages/{thread}")).text
            assert "Revoir la semelle ?" in own
            assert "Ma réponse" not in own, "what a professional wrote in a task is for who opens tasks"
        await sent(gp, thread, message="Peux-tu peser Ana ?", demande="measure", a_qui="Practitioner/nora")
        task = next(one for one in await tasks(access) if one["description"] == "Peux-tu peser Ana ?")
        await sent(nora, thread, message="62,4 kg ce matin", repond=task["id"])
        assert (await gp.get(f"/messages/{thread}")).text.count("62,4 kg ce matin") == 1, (
            "said in the thread, it is not said twice"
        )


@pytest.mark.parametrize(
    ("readers", "hidden_from_coordination"),
    [(Readers(), False), (Readers(care_only=True, professionals=True), True), (Readers(chosen=("Practitioner/nora",)), True)],
    ids=["the circle", "care only", "two of them"],
)
async def test_a_request_is_kept_from_who_does_not_read_the_conversation(
    access: Access, application: Any, readers: Readers, hidden_from_coordination: bool
) -> None:
    thread = await begun(access, readers)
    async with await client_of(application(pages, talk), access, GP) as gp:
        assert (
            await sent(gp, thread, message="Avis sur la plaie ?", demande="opinion", a_qui="Practitioner/nora")
        ).status_code == 303
    [task] = await tasks(access)
    assert ("Avis sur la plaie" in str(task)) is (readers == Readers()), (
        "the words are in the task only where all of the circle read them"
    )
    for actor, sees in ((GP, True), (NORA, True), (LISE, not hidden_from_coordination), (OTHER, False)):
        async with access.act(actor) as ctx:
            assert bool(await ctx.records.find("Task", {"_id": task["id"]})) is sees, actor.id


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"demande": "measure"}, "Choisissez à qui"),
        ({"demande": "measure", "a_qui": "Practitioner/other"}, "Choisissez à qui"),
        ({"demande": "miracle", "a_qui": "Practitioner/nora"}, "Choisissez ce que vous demandez"),
        ({"demande": "opinion", "a_qui": "Practitioner/nora", "pour_le": "2020-01-01"}, "Cette date est passée"),
        ({"demande": "opinion", "a_qui": "Practitioner/nora", "pour_le": "demain"}, "Indiquez une date"),
    ],
)
async def test_what_cannot_be_asked_keeps_the_words_and_sends_nothing(
    access: Access, application: Any, fields: dict[str, str], words: str
) -> None:
    thread = await begun(access)
    async with await client_of(application(pages, talk), access, GP) as gp:
        answer = await sent(gp, thread, message="Mes mots", **fields)
        assert answer.status_code == 422
        assert words in answer.text
        assert "Mes mots</textarea>" in answer.text
        assert "Mes mots" not in (await gp.get(f"/messages/{thread}")).text
    assert await tasks(access) == []


async def new(client: AsyncClient, **fields: str) -> Response:
    text = (await client.get("/patients/p/messages/nouveau")).text
    tokens = dict(re.findall(r'name="(csrf|cle)" value="([\w-]+)"', text))
    said = {"sujet": "Retour", "message": "Peux-tu peser Ana ?", "lecteurs": "professionnels"}
    return await client.post("/patients/p/messages", data={**tokens, **said, **fields})


async def test_something_is_asked_in_the_first_message_of_a_conversation(access: Access, application: Any) -> None:
    async with (
        await client_of(application(pages, talk), access, GP) as gp,
        await client_of(application(pages, talk), access, NORA) as nora,
    ):
        answer = await new(gp, demande="measure", a_qui="Practitioner/nora", pour_le=SOON)
        assert answer.status_code == 303, answer.text
        [task] = await tasks(access)
        thread = answer.headers["location"].removesuffix("#fin")
        assert task["focus"]["reference"] == f"Communication/{thread.rpartition('/')[2]}"
        page = (await nora.get(thread)).text
        assert "Mesure demandée" in page
        assert f'value="{task["id"]}"' in page, "the form offers to answer it"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"demande": "measure"}, "Choisissez à qui"),
        ({"demande": "measure", "a_qui": "Practitioner/other"}, "Choisissez à qui"),
        ({"demande": "measure", "a_qui": "Practitioner/lise", "lecteurs": "membres", "membres": "Practitioner/nora"}, "Choisissez à qui"),
    ],
    ids=["nobody", "a stranger", "who was not chosen"],
)  # fmt: skip
async def test_nothing_is_asked_of_who_does_not_read_and_then_nothing_is_begun(
    access: Access, application: Any, fields: dict[str, str], words: str
) -> None:
    async with await client_of(application(pages, talk), access, GP) as gp:
        answer = await new(gp, **fields)
        assert answer.status_code == 422
        assert words in answer.text
        assert "Peux-tu peser Ana ?</textarea>" in answer.text
        assert "Retour" not in (await gp.get("/messages")).text
    assert await tasks(access) == []


async def test_the_same_message_sent_twice_asks_once(access: Access, application: Any) -> None:
    thread = await begun(access)
    async with await client_of(application(pages, talk), access, GP) as gp:
        text = (await gp.get(f"/messages/{thread}")).text
        tokens = dict(reversed(re.findall(r'name="(csrf|envoi|cle)" value="([\w-]+)"', text)))
        for _ in range(2):
            fields = {**tokens, "message": "Un avis ?", "demande": "opinion", "a_qui": "Practitioner/nora"}
            assert (await gp.post(f"/messages/{thread}", data=fields)).status_code == 303
    assert len(await tasks(access)) == 1


async def test_nobody_ends_what_was_asked_of_another(access: Access, application: Any) -> None:
    thread = await begun(access)
    async with await client_of(application(pages, talk), access, GP) as gp:
        await sent(gp, thread, message="Un avis ?", demande="opinion", a_qui="Practitioner/nora")
    [task] = await tasks(access)
    async with await client_of(application(pages, talk), access, OTHER) as other:
        assert (await other.post(f"/messages/{thread}", data={"message": "Fait", "repond": task["id"]})).status_code in (403, 404)
    assert (await tasks(access))[0]["status"] == "requested"


async def test_the_person_is_not_offered_to_ask_professionals_for_tasks(access: Access, application: Any) -> None:
    thread = await begun(access)
    async with (
        await client_of(application(pages, talk), access, patient("p")) as own,
        await client_of(application(pages, talk), access, GP) as gp,
    ):
        assert 'name="demande"' in (await gp.get(f"/messages/{thread}")).text
        assert 'name="demande"' not in (await own.get(f"/messages/{thread}")).text


async def test_requests_cost_the_thread_no_statement_each(access: Access, application: Any) -> None:
    thread = await begun(access)
    async with await client_of(application(pages, talk), access, GP) as gp:
        for _ in range(4):
            await sent(gp, thread, message="Un avis ?", demande="opinion", a_qui="Practitioner/nora")
        with count_statements() as counted:
            await gp.get(f"/messages/{thread}")
    assert counted.statements <= STATEMENTS


@pytest.mark.browser
async def test_a_nurse_answers_on_a_phone_by_a_message_and_a_tick(
    access: Access, application: Any, signed_in: Any, browser: Browser
) -> None:
    thread = await begun(access)
    async with await client_of(application(pages, talk), access, GP) as gp:
        await sent(gp, thread, message="Peux-tu la peser ?", demande="measure", a_qui="Practitioner/nora")
    window = await screen(browser, application(pages, talk), headers=await signed_in(NORA), width=PHONE)
    page = await window.open(f"{HERE}/messages/{thread}")
    await page.get_by_label("Votre message").fill("62,4 kg ce matin")
    await page.get_by_label("Ce message répond à : Mesure demandée").check()
    await page.get_by_role("button", name="Envoyer").click()
    await expect(page.get_by_text("Faite", exact=True)).to_be_visible()
    await expect(page.get_by_label("Ce message répond à")).to_have_count(0)


@pytest.mark.browser
async def test_a_doctor_asks_for_a_measure_on_a_phone(access: Access, application: Any, signed_in: Any, browser: Browser) -> None:
    thread = await begun(access)
    window = await screen(browser, application(pages, talk), headers=await signed_in(GP), width=PHONE)
    page = await window.open(f"{HERE}/messages/{thread}")
    await page.get_by_label("Votre message").fill("Peux-tu la peser ?")
    await page.get_by_text("Demander une mesure, une action, un avis").click()
    await page.get_by_label("Demander", exact=True).select_option("Une mesure")
    await page.get_by_label("À qui").select_option("Practitioner/nora")
    await page.get_by_role("button", name="Envoyer").click()
    await expect(page.get_by_role("article").last).to_contain_text("Mesure demandée à Nora FICTIVE")
    await window.check("conversation-demande")
