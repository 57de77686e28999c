"""Who reads a conversation and who may write in it, the same by the page and by the FHIR API."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.errors import Conflict, Forbidden, Invalid, NotFound
from maillage.services.messaging import pages
from maillage.services.messaging.events import MessagePosted
from maillage.services.messaging.resources.message import CATEGORY, Readers
from maillage.services.messaging.service import messages, threads
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team, carer, patient, professional, sees

GP = professional("gp", name="Dr Camille EXEMPLE")
NURSE = professional("nurse", Role.NURSE, name="Nora FICTIVE")
LISE = Actor(
    id="psc:lise", kind=ActorKind.PROFESSIONAL, name="Lise MAQUETTE", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise", organizations=("Organization/dac",),
)  # fmt: skip
ZOE, CLAUDE, OUTSIDER = patient("zoe"), carer("claude"), professional("outsider")
EVERYBODY = (GP, NURSE, LISE, ZOE, CLAUDE, OUTSIDER)
PROFESSIONALS, WHOLE, CARE = Readers(professionals=True), Readers(), Readers(care_only=True, professionals=True)
DAC = {
    "resourceType": "Organization", "id": "dac", "name": "DAC des Essais",
    "type": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "code": "SA57"}]}],
}  # fmt: skip


def circle_of(*members: str) -> dict[str, Any]:
    return care_team("zoe", *members, "Organization/dac", "RelatedPerson/claude")


@pytest.fixture(autouse=True)
async def territory(access: Access) -> None:
    """Zoé and her circle: a doctor, a nurse, the team that coordinates, her husband; and a doctor of nobody's circle."""
    people = (("gp", "EXEMPLE"), ("nurse", "FICTIVE"), ("lise", "MAQUETTE"), ("outsider", "AUTRE"))
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN", "given": ["Zoé"]}], "gender": "female"},
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": family, "family": family}]} for id, family in people),
            DAC,
            {"resourceType": "PractitionerRole", "id": "lise-dac", "active": True, "practitioner": {"reference": "Practitioner/lise"},
             "organization": {"reference": "Organization/dac"}},
            {"resourceType": "RelatedPerson", "id": "claude", "patient": {"reference": "Patient/zoe"}, "active": True,
             "name": [{"family": "MARTIN", "given": ["Claude"]}], **sees("whole")},
            circle_of("Practitioner/gp", "Practitioner/nurse"),
        )  # fmt: skip


async def begun(access: Access, by: Actor = GP, readers: Readers = PROFESSIONALS, text: str = "Berges plus rouges") -> str:
    async with access.act(by) as ctx:
        return await messages.begin(ctx, patient="zoe", key=str(uuid4()), topic="Plaie du pied", text=text, readers=readers)


async def answered(access: Access, thread: str, by: Actor, text: str) -> str:
    async with access.act(by) as ctx:
        return await messages.reply(ctx, thread=thread, key=str(uuid4()), text=text)


async def texts(access: Access, thread: str, actor: Actor) -> list[str] | None:
    async with access.act(actor, read_only=True) as ctx:
        try:
            return [one.text for one in (await threads.conversation(ctx, thread)).messages]
        except NotFound:
            return None


async def who_reads(access: Access, thread: str) -> list[str]:
    return [one.name for one in EVERYBODY if await texts(access, thread, one) is not None]


@pytest.mark.parametrize(
    ("readers", "names"),
    [
        (PROFESSIONALS, ["Dr Camille EXEMPLE", "Nora FICTIVE", "Lise MAQUETTE"]),
        (WHOLE, ["Dr Camille EXEMPLE", "Nora FICTIVE", "Lise MAQUETTE", "zoe", "claude"]),
        (CARE, ["Dr Camille EXEMPLE", "Nora FICTIVE"]),
        (Readers(chosen=("Practitioner/nurse",)), ["Dr Camille EXEMPLE", "Nora FICTIVE"]),
        (Readers(chosen=("Patient/zoe",)), ["Dr Camille EXEMPLE", "zoe"]),
    ],
)
async def test_a_conversation_is_read_by_those_whom_the_screen_names(access: Access, readers: Readers, names: list[str]) -> None:
    thread = await begun(access, readers=readers)
    assert await who_reads(access, thread) == names
    async with access.act(GP, read_only=True) as ctx:
        named = {one.reference for one in (await threads.conversation(ctx, thread)).members}
    said = {one.name for one in EVERYBODY if {one.reference, *one.organizations} & named}
    assert said == set(names)


@pytest.mark.parametrize("readers", [PROFESSIONALS, CARE, Readers(chosen=("Practitioner/nurse",))])
async def test_an_answer_is_for_those_who_read_what_it_answers(access: Access, readers: Readers) -> None:
    thread = await begun(access, readers=readers)
    before = await who_reads(access, thread)
    answer = await answered(access, thread, NURSE, "Je passe à 17 h")
    assert await who_reads(access, answer) == before
    assert await texts(access, thread, GP) == ["Berges plus rouges", "Je passe à 17 h"]


async def test_the_person_and_their_carer_answer_in_what_is_open_to_them(access: Access) -> None:
    thread = await begun(access, readers=WHOLE)
    await answered(access, thread, ZOE, "Merci")
    await answered(access, thread, CLAUDE, "Elle a bien mangé")
    assert set(await texts(access, thread, NURSE) or ()) == {"Berges plus rouges", "Merci", "Elle a bien mangé"}
    closed = await begun(access, readers=PROFESSIONALS)
    for one in (ZOE, CLAUDE):
        with pytest.raises(NotFound):
            await answered(access, closed, one, "Et moi ?")


async def test_who_leaves_the_circle_leaves_the_conversation_and_what_was_addressed_to_them(access: Access) -> None:
    threads_ = [await begun(access, readers=WHOLE), await begun(access, readers=Readers(chosen=("Practitioner/nurse",)))]
    for thread in threads_:
        assert "Nora FICTIVE" in await who_reads(access, thread)
    async with access.act(SEED) as ctx:
        await ctx.records.write(circle_of("Practitioner/gp"))
    for thread in threads_:
        assert "Nora FICTIVE" not in await who_reads(access, thread)
        with pytest.raises(NotFound):
            await answered(access, thread, NURSE, "Trop tard")
        assert await texts(access, thread, GP) == ["Berges plus rouges"]


async def test_a_form_sent_twice_writes_once(access: Access) -> None:
    key = str(uuid4())
    for _ in range(2):
        async with access.act(GP) as ctx:
            await messages.begin(ctx, patient="zoe", key=key, topic="Plaie", text="Une fois", readers=WHOLE)
    again = str(uuid4())
    for _ in range(2):
        async with access.act(NURSE) as ctx:
            await messages.reply(ctx, thread=key, key=again, text="Deux")
    assert await texts(access, key, GP) == ["Une fois", "Deux"]
    async with access.act(NURSE) as ctx:
        with pytest.raises(Forbidden):
            await messages.begin(ctx, patient="zoe", key=key, topic="Plaie", text="D’une autre", readers=WHOLE)


@pytest.mark.parametrize(
    ("topic", "text", "fields"),
    [("", "Bonjour", {"sujet"}), ("Plaie", "  \n", {"message"}), ("x" * 121, "x" * 10_001, {"sujet", "message"})],
)
async def test_what_cannot_be_sent_is_said_field_by_field(access: Access, topic: str, text: str, fields: set[str]) -> None:
    async with access.act(GP) as ctx:
        with pytest.raises(Invalid) as refused:
            await messages.begin(ctx, patient="zoe", key=str(uuid4()), topic=topic, text=text, readers=WHOLE)
    assert {issue.expression for issue in refused.value.issues} == fields


async def test_what_one_wrote_is_corrected_and_taken_back_by_oneself_alone(access: Access) -> None:
    thread = await begun(access, readers=WHOLE)
    async with access.act(NURSE) as ctx:
        for refused in (messages.correct(ctx, message=thread, version="1", text="Autre"), messages.retire(ctx, message=thread)):
            with pytest.raises(Forbidden):
                await refused
    async with access.act(GP) as ctx:
        await messages.correct(ctx, message=thread, version="1", text="Berges rosées")
    async with access.act(NURSE, read_only=True) as ctx:
        [message] = (await threads.conversation(ctx, thread)).messages
        assert (message.text, message.corrected) == ("Berges rosées", True)
        assert (await ctx.records.vread_raw("Communication", thread, 1)).resource["payload"] == [
            {"contentString": "Berges plus rouges"}
        ]
    async with access.act(GP) as ctx:
        await messages.retire(ctx, message=thread)
    async with access.act(NURSE, read_only=True) as ctx:
        assert (await threads.conversation(ctx, thread)).messages[0].retired


async def test_reading_is_said_and_taken_back_and_answering_says_it(access: Access) -> None:
    async def new(actor: Actor) -> list[int]:
        async with access.act(actor, read_only=True) as ctx:
            found = (await threads.conversations(ctx, patient="zoe")).threads
            assert await threads.unread(ctx) == sum(1 for one in found if one.new)
            return [one.new for one in found]

    thread = await begun(access, readers=WHOLE)
    assert (await new(GP), await new(NURSE)) == ([0], [1])
    await texts(access, thread, NURSE)
    assert await new(NURSE) == [1]  # to open is not to read
    async with access.act(NURSE) as ctx:
        await threads.mark(ctx, thread, read=True)
    assert await new(NURSE) == [0]
    async with access.act(NURSE) as ctx:
        await threads.mark(ctx, thread, read=False)
    assert await new(NURSE) == [1]
    await answered(access, thread, NURSE, "Vu")
    assert await new(NURSE) == [0]


# What an editor writes.


def plain(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Communication", "status": "completed", "subject": {"reference": "Patient/zoe"},
        "payload": [{"contentString": "Par un logiciel"}], **more,
    }  # fmt: skip


async def write(access: Access, resource: dict[str, Any], by: Actor = GP) -> dict[str, Any]:
    async with access.act(by, door="fhir") as ctx:
        written: dict[str, Any] = await ctx.records.write(resource)
        posted = [event for event in ctx.announced if isinstance(event, MessagePosted)]
        assert [event.message for event in posted] == ([written["id"]] if written["meta"]["versionId"] == "1" else [])
        return written


async def test_a_plain_communication_of_an_editor_is_a_conversation_and_its_answer_takes_its_readers(access: Access) -> None:
    written = await write(access, plain())
    assert written["sender"] == {"reference": "Practitioner/gp"}
    assert await who_reads(access, written["id"]) == [one.name for one in EVERYBODY if one is not OUTSIDER]
    thread = await begun(access, readers=CARE)
    answer = await write(access, plain(partOf=[{"reference": f"Communication/{thread}"}]), by=NURSE)
    assert await texts(access, thread, GP) == ["Berges plus rouges", "Par un logiciel"]
    assert await who_reads(access, answer["id"]) == ["Dr Camille EXEMPLE", "Nora FICTIVE"]
    below = await write(
        access, plain(partOf=[{"reference": f"Communication/{answer['id']}"}], category=[{"coding": [CATEGORY]}]), by=GP
    )
    assert below["partOf"] == [{"reference": f"Communication/{thread}"}]
    assert await who_reads(access, below["id"]) == ["Dr Camille EXEMPLE", "Nora FICTIVE"]


async def test_nobody_signs_for_another_writes_to_a_stranger_or_changes_what_another_wrote(access: Access) -> None:
    written = await write(access, plain(sender={"reference": "Practitioner/gp"}, recipient=[{"reference": "Practitioner/nurse"}]))
    with pytest.raises(Forbidden):
        await write(access, plain(sender={"reference": "Practitioner/nurse"}))
    with pytest.raises(Forbidden):
        await write(access, plain(sender={"reference": "Practitioner/gp"}), by=ZOE)
    with pytest.raises(Invalid):
        await write(access, plain(recipient=[{"reference": "Practitioner/outsider"}]))
    with pytest.raises(Invalid):
        await write(access, plain(payload=[{"contentString": " "}]))
    for changed in (
        {**written, "payload": [{"contentString": "Faux"}]},
        {**written, "sender": {"reference": "Practitioner/nurse"}},
    ):
        with pytest.raises(Forbidden):
            await write(access, changed, by=NURSE)
    with pytest.raises(Conflict):
        await write(access, {**written, "recipient": [{"reference": "Patient/zoe"}]})
    async with access.act(GP, door="fhir") as ctx:
        with pytest.raises(Forbidden):
            await ctx.records.delete("Communication", written["id"])
    kept = await write(access, {**written, "payload": [{"contentString": "Corrigé"}]})
    assert kept["payload"] == [{"contentString": "Corrigé"}]


async def test_the_person_does_not_write_over_what_was_written_to_them(access: Access) -> None:
    thread = await begun(access, readers=WHOLE)
    own = await write(access, plain(), by=ZOE)
    assert own["sender"] == {"reference": "Patient/zoe"}
    with pytest.raises(Forbidden):
        await write(access, plain(id=thread, sender={"reference": "Patient/zoe"}), by=ZOE)


async def test_those_who_care_say_that_a_message_is_urgent(access: Access) -> None:
    assert (await write(access, plain(priority="urgent")))["priority"] == "urgent"
    with pytest.raises(Forbidden):
        await write(access, plain(priority="urgent", sender={"reference": "Practitioner/lise"}), by=LISE)


async def test_a_machine_of_the_territory_may_write_for_those_it_serves(access: Access) -> None:
    written = await write(access, plain(sender={"reference": "Practitioner/gp"}), by=MACHINE)
    assert await texts(access, written["id"], NURSE) == ["Par un logiciel"]


async def test_a_conversation_older_than_the_newest_messages_is_found_further_down_the_list_once(
    access: Access, clock: FixedClock
) -> None:
    told = []
    for number in range(5):
        told.append(await begun(access, text=f"Message {number}"))
        clock.advance(timedelta(minutes=1))
    for _ in range(2):  # the first is the newest again, and its beginning is far below
        await answered(access, told[0], NURSE, "Vu")
        clock.advance(timedelta(minutes=1))
    seen, cursor = [], None
    for _ in range(9):
        async with access.act(GP, read_only=True) as ctx:
            listed = await threads.conversations(ctx, cursor=cursor, most=3)
        seen += [one.id for one in listed.threads]
        if (cursor := listed.next) is None:
            break
    assert seen == [told[0], *told[:0:-1]]


async def test_the_list_leads_to_what_is_older(access: Access, application: Any, clock: FixedClock) -> None:
    thread = await begun(access)
    clock.advance(timedelta(minutes=1))
    async with access.act(NURSE) as ctx:
        for number in range(threads.MOST):
            await messages.reply(ctx, thread=thread, key=str(uuid4()), text=f"Message {number}")
    async with await client_of(application(pages), access, GP) as gp:
        page = (await gp.get("/messages?vue=sujets")).text
        [further] = re.findall(r'href="(/messages\?vue=sujets&amp;suite=[^"]+)"', page)
        last = (await gp.get(further.replace("&amp;", "&"))).text
    assert "Plaie du pied" in page
    assert "Plaie du pied" not in last, "listed already"
    assert "suite=" not in last
