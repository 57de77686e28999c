"""A conversation on paper: for who reads it, whole, filed for its readers, and saying no more than it does."""

import os
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.services.messaging import pages
from maillage.services.messaging.resources.message import Message, Readers
from maillage.services.messaging.resources.paper import Printed, pdf, values
from maillage.services.messaging.resources.wish import Asked
from maillage.services.messaging.service import messages
from maillage.ui import Banner
from maillage.ui.banner import InsStatus
from tests.support.pages import client_of
from tests.support.people import SEED, care_team, carer, patient, professional, sees

GP = professional("gp", name="Dr Camille EXEMPLE")
NURSE = professional("nurse", Role.NURSE, name="Nora FICTIVE")
LISE = professional("lise", Role.COORDINATOR, name="Lise MAQUETTE")
OTHER = professional("other", Role.NURSE)
ZOE, CLAUDE = patient("zoe"), carer("claude")
PROFESSIONALS = Readers(professionals=True)
AT = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)


def said(text: str, *, id: str = "m", sender: str = "Practitioner/gp", **more: Any) -> Message:
    return Message(id=id, version="1", thread="m", patient="zoe", topic="", sender=sender, sent=AT, text=text, readers=Readers(), **more)  # fmt: skip


def printed(*told: Message, topic: str = "Plaie du pied") -> Printed:
    wish = Asked("t", "Mesure demandée", "Practitioner/nurse", "Nora FICTIVE", AT, "À faire", True, False)
    return Printed(
        topic=topic, messages=told, names={"Practitioner/gp": "Dr Camille EXEMPLE", "Practitioner/nurse": "Nora FICTIVE"}, wishes={"Task/t": wish},
        person=Banner(patient="zoe", family="MARTIN", given="Zoé", birth_date="1950-02-03", gender="female", ins="250020000000197", ins_status=InsStatus.QUALIFIED, allergies=["amoxicilline"]),
        who_reads="2 membres du cercle", read_by=["Nora FICTIVE"], by="Dr Camille EXEMPLE", at=AT,
    )  # fmt: skip


@pytest.fixture
async def circle(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"use": "official", "family": "MARTIN", "given": ["ZOÉ"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Practitioner", "id": (one.reference or "").partition("/")[2], "name": [{"text": one.name, "family": one.name}]} for one in (GP, NURSE, LISE, OTHER)),
            {"resourceType": "RelatedPerson", "id": "claude", "patient": {"reference": "Patient/zoe"}, "active": True, "name": [{"family": "MARTIN", "given": ["Claude"]}], **sees("whole")},
            care_team("zoe", "Practitioner/gp", "Practitioner/nurse", "Practitioner/lise", "RelatedPerson/claude"),
        )  # fmt: skip


async def begun(access: Access, *texts: tuple[Actor, str], readers: Readers = PROFESSIONALS) -> str:
    [(first, text), *others] = texts
    async with access.act(first) as ctx:
        thread = await messages.begin(ctx, patient="zoe", key=str(uuid4()), topic="Plaie du pied", text=text, readers=readers)
    for by, text in others:
        async with access.act(by) as ctx:
            await messages.reply(ctx, thread=thread, key=str(uuid4()), text=text)
    return thread


async def filed(client: AsyncClient, thread: str, *, times: int = 1) -> Response:
    page = (await client.get(f"/messages/{thread}")).text
    fields = dict(
        re.findall(r'name="(\w+)" value="([^"]*)"', page.split(f'action="/messages/{thread}/verser"')[1].split("</form>")[0])
    )
    for _ in range(times):
        answer = await client.post(f"/messages/{thread}/verser", data=fields)
    return answer


async def joined(access: Access, actor: Actor) -> list[dict[str, Any]]:
    async with access.act(actor, read_only=True) as ctx:
        return await ctx.records.find("DocumentReference", {"patient": "Patient/zoe"})


def test_paper_says_who_the_person_is_who_wrote_what_when_and_what_was_joined() -> None:
    held = values(
        printed(
            said("Berges rouges\nPas d’odeur", attached=(("DocumentReference/d", "talon.png"),), asked=("Task/t", "Task/hidden"), mentions=("Practitioner/nurse",), urgent=True),
            said("Parti trop vite", id="n", sender="Practitioner/nurse", retired=True, attached=(("DocumentReference/e", "secret.pdf"),)),
        )
    )  # fmt: skip
    assert (held["name"], held["identity"]) == ("MARTIN Zoé", ["Née le 03/02/1950", "Sexe F", "INS 250020000000197"])
    [day] = held["days"]
    assert day["day"].replace("\u202f", " ").replace("\xa0", " ") == "vendredi 20 novembre 2026"
    first, second = day["messages"]
    assert (first["who"], first["marks"], first["text"]) == (
        "Dr Camille EXEMPLE",
        "10:05, urgent",
        ["Berges rouges", "Pas d’odeur"],
    )
    assert first["to"] == "À l’attention de Nora FICTIVE"
    assert [one.partition(", pour")[0] for one in first["joined"]] == [
        "Pièce jointe : talon.png",
        "Mesure demandée à Nora FICTIVE",
    ]
    assert second["text"] == ["(message retiré par son auteur)"]
    assert "Parti trop vite" not in str(held)
    assert "secret.pdf" not in str(held)
    assert [one.split(",")[0] for one in held["files"]] == ["talon.png"]
    assert "amoxicilline" not in str(held), "a reader of the conversation may be kept from it"


def test_words_are_no_markup_and_the_pdf_is_made_for_readers_of_screens() -> None:
    one = printed(*(said(f"#panic() $x$ @inconnu *a_b* `{n} \\ </p>", id=str(n)) for n in range(60)), topic="Plaie #include <x>")
    made = pdf(one)
    assert made.startswith(b"%PDF-")
    assert b"<pdfuaid:part>1" in made, "PDF/UA-1"
    assert "Plaie #include &lt;x" in made.decode("utf-8", "replace")
    picture = pdf(printed(said("Pansement fait 🩹")))
    assert picture.startswith(b"%PDF-"), "what cannot be printed keeps nothing else from it"
    if folder := os.environ.get("MAILLAGE_TEST_PICTURES"):
        with open(f"{folder}/conversation.pdf", "wb") as file:  # to be looked at
            file.write(made)


@pytest.mark.usefixtures("circle")
async def test_who_reads_a_conversation_prints_it_and_nobody_else(access: Access, application: Any) -> None:
    thread = await begun(access, (GP, "Berges plus rouges"), (NURSE, "Je passe à 17 h"))
    open_to_all = await begun(access, (GP, "Bonjour à tous"), readers=Readers())
    for actor, inside, outside in (
        (GP, 200, 200), (NURSE, 200, 200), (LISE, 200, 200), (CLAUDE, 404, 200), (ZOE, 404, 200), (OTHER, 404, 404),
    ):  # fmt: skip
        async with await client_of(application(pages), access, actor) as client:
            answer = await client.get(f"/messages/{thread}/pdf")
            assert (answer.status_code, (await client.get(f"/messages/{open_to_all}/pdf")).status_code) == (inside, outside), (
                actor.id
            )
            if inside == 200:
                assert (answer.headers["content-type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
                assert "no-store" in answer.headers["cache-control"]
                assert f'href="/messages/{thread}/pdf"' in (await client.get(f"/messages/{thread}")).text


@pytest.mark.usefixtures("circle")
async def test_a_conversation_is_filed_in_the_record_for_its_readers_once(access: Access, application: Any) -> None:
    thread = await begun(access, (GP, "Berges plus rouges"), (NURSE, "Je passe à 17 h"))
    async with await client_of(application(pages), access, GP) as gp:
        assert (await filed(gp, thread, times=2)).status_code == 303
    [document] = await joined(access, NURSE)
    attachment = document["content"][0]["attachment"]
    assert (attachment["contentType"], attachment["title"]) == ("application/pdf", "Conversation : Plaie du pied")
    async with await client_of(application(pages), access, NURSE) as nurse:
        assert (await nurse.get(f"/messages/pieces/{document['id']}")).content.startswith(b"%PDF-")
    assert await joined(access, ZOE) == await joined(access, CLAUDE) == await joined(access, OTHER) == []


@pytest.mark.usefixtures("circle")
async def test_what_is_filed_from_a_conversation_of_two_is_seen_by_both_and_by_nobody_else(
    access: Access, application: Any
) -> None:
    thread = await begun(access, (GP, "Entre nous"), (NURSE, "Oui"), readers=Readers(chosen=("Practitioner/nurse",)))
    async with await client_of(application(pages), access, NURSE) as nurse:
        assert (await filed(nurse, thread)).status_code == 303
    assert len(await joined(access, NURSE)) == len(await joined(access, GP)) == 1, "also who began the conversation"
    assert await joined(access, LISE) == await joined(access, ZOE) == []


@pytest.mark.usefixtures("circle")
async def test_what_is_filed_is_as_confidential_as_the_most_confidential_of_its_messages(
    access: Access, application: Any
) -> None:
    thread = await begun(access, (GP, "Pour le cercle"))
    async with access.act(GP) as ctx:
        root = await ctx.records.read("Communication", thread)
        answer = {name: value for name, value in root.items() if name not in ("id", "meta", "topic")} | {
            "partOf": [{"reference": f"Communication/{thread}"}], "payload": [{"contentString": "Pour ceux qui soignent"}],
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
        }  # fmt: skip
        await ctx.records.write(answer)
    async with (
        await client_of(application(pages), access, NURSE) as nurse,
        await client_of(application(pages), access, LISE) as lise,
    ):
        assert "Pour ceux qui soignent" in (await nurse.get(f"/messages/{thread}")).text
        assert "Pour ceux qui soignent" not in (await lise.get(f"/messages/{thread}")).text
        await filed(nurse, thread)
        assert len(await joined(access, GP)) == 1
        assert await joined(access, LISE) == []
        await filed(lise, thread)
    assert len(await joined(access, LISE)) == 1, "what she filed of what she reads"
