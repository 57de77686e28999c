"""What those who care write among themselves: who coordinates neither reads it nor learns by any question, or by what they plant beside it, that it is there."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.errors import MaillageError
from maillage.services.messaging.service import attachments, messages
from maillage.services.messaging.service.attachments import File
from maillage.services.messaging.tests.test_messaging_conversations import CARE, GP, LISE, begun, territory

__all__ = ["territory"]
Resource = dict[str, Any]


@pytest.fixture
async def hidden(territory: None, access: Access) -> Mapping[str, str]:
    """The ids of a message for care only and of its file, in a record that Lise sees."""
    thread, key = await begun(access, GP, CARE, "Récidive suspectée"), str(uuid4())
    async with access.act(GP) as ctx:
        [(document, title)] = await attachments.keep(
            ctx, [File("biopsie.txt", "text/plain", b"positive")], patient="zoe", key=key, readers=CARE
        )
        message = await messages.reply(ctx, thread=thread, key=key, text="Biopsie", attached=[(document, title)])
    return {"message": message, "document": document.removeprefix("DocumentReference/")}


def questions(hidden: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    message, document = hidden["message"], hidden["document"]
    return [
        ("Communication", {"_id": message}),
        ("Communication", {"category": "care-only"}),
        ("Communication", {"patient": "zoe", "_sort": "-sent", "_total": "accurate"}),
        ("Communication", {"_content": "Biopsie"}),
        ("Communication", {"_lastUpdated": "gt2000", "_summary": "count"}),
        ("Communication", {"sender": "Practitioner/gp"}),
        ("Communication", {"sender:Practitioner.name": "EXEMPLE"}),
        ("DocumentReference", {"_id": document}),
        ("DocumentReference", {"author": "Practitioner/gp"}),
        ("DocumentReference", {"contenttype": "text/plain"}),
        ("DocumentReference", {"_content": "biopsie"}),
        ("DocumentReference", {"_filter": "author eq Practitioner/gp"}),
        ("Patient", {"_has:Communication:patient:category": "care-only"}),
        ("Patient", {"_has:Communication:patient:_id": message}),
        ("Patient", {"_has:DocumentReference:patient:_id": document}),
        ("Practitioner", {"_has:Communication:sender:category": "care-only"}),
        ("Practitioner", {"_has:DocumentReference:author:_id": document}),
        ("Task", {"focus:Communication.category": "care-only"}),
        ("Task", {"focus:DocumentReference.contenttype": "text/plain"}),
    ]  # fmt: skip


async def found(access: Access, by: Actor, kind: str, asked: dict[str, str]) -> list[str]:
    async with access.act(by, door="fhir", read_only=True) as ctx:
        page = await ctx.records.search(kind, {"_count": "100", **asked})
    shown = [f"{one['resourceType']}/{one['id']}" for one in [*page.matches, *page.included]]
    return [*shown, *([f"total {page.total}"] if page.total else [])]


def task(id: str, focus: str) -> Resource:
    return {"resourceType": "Task", "id": id, "status": "requested", "intent": "order", "for": {"reference": "Patient/zoe"},
            "focus": {"reference": focus}, "requester": {"reference": "Practitioner/gp"}, "owner": {"reference": "Practitioner/gp"}}  # fmt: skip


async def test_no_question_tells_of_what_is_for_care_only(hidden: Mapping[str, str], access: Access) -> None:
    async with access.act(GP) as ctx:
        await ctx.records.write(
            task(str(uuid4()), f"Communication/{hidden['message']}"),
            task(str(uuid4()), f"DocumentReference/{hidden['document']}"),
        )
    for kind, asked in questions(hidden):
        assert await found(access, GP, kind, asked), (kind, asked)
        assert await found(access, LISE, kind, asked) == [], (kind, asked)
    for kind, way in (("Task", "_include"), ("Communication", "_revinclude"), ("DocumentReference", "_revinclude")):
        told = " ".join(await found(access, LISE, kind, {way: "Task:focus"}))
        assert not any(one in told for one in hidden.values()), kind
    assert hidden["message"] in " ".join(await found(access, GP, "Task", {"_include": "Task:focus"}))


async def test_a_reference_to_it_is_answered_as_one_to_nothing(hidden: Mapping[str, str], access: Access) -> None:
    for kind, id in (("Communication", hidden["message"]), ("DocumentReference", hidden["document"])):
        said = []
        for one in (id, str(uuid4())):
            try:
                async with access.act(LISE, door="fhir") as ctx:
                    await ctx.records.write(
                        task(str(uuid4()), f"{kind}/{one}") | {"requester": {"reference": "Practitioner/lise"}}
                    )
                said.append("taken")
            except MaillageError as refused:
                said.append(f"{type(refused).__name__} {refused.message.replace(one, '')}")
        assert said[0] == said[1], kind


async def test_nothing_that_is_planted_beside_opens_it(hidden: Mapping[str, str], access: Access) -> None:
    message, document = f"Communication/{hidden['message']}", f"DocumentReference/{hidden['document']}"
    by, zoe = {"reference": "Practitioner/lise"}, {"reference": "Patient/zoe"}
    planted: list[Resource] = [
        *(task(str(uuid4()), one) | {"requester": by, "owner": by} for one in (message, document)),
        {"resourceType": "Provenance", "target": [{"reference": message}, {"reference": document}], "recorded": "2026-11-23T10:00:00Z", "agent": [{"who": by}]},
        {"resourceType": "Communication", "status": "completed", "subject": zoe, "sender": by, "about": [{"reference": message}, {"reference": document}],
         "inResponseTo": [{"reference": message}], "partOf": [{"reference": message}], "payload": [{"contentReference": {"reference": document}}]},
        {"resourceType": "List", "status": "current", "mode": "working", "subject": zoe, "entry": [{"item": {"reference": one}} for one in (message, document)]},
        {"resourceType": "DocumentReference", "status": "current", "subject": zoe, "author": [by], "relatesTo": [{"code": "replaces", "target": {"reference": document}}],
         "content": [{"attachment": {"contentType": "text/plain", "title": "a", "data": "QQ=="}}]},
        {"resourceType": "Communication", "id": hidden["message"], "status": "completed", "subject": zoe, "sender": by, "payload": [{"contentString": "x"}]},
        {"resourceType": "DocumentReference", "id": hidden["document"], "status": "current", "subject": zoe, "author": [by],
         "content": [{"attachment": {"contentType": "text/plain", "title": "a", "data": "QQ=="}}]},
    ]  # fmt: skip
    taken = 0
    for one in planted:
        try:
            async with access.act(LISE, door="fhir") as ctx:
                await ctx.records.write(one)
                taken += 1
        except MaillageError:
            continue
    assert taken, "some of these she may write"
    ways: list[tuple[str, dict[str, str]]] = [
        *questions(hidden)[:2], ("DocumentReference", {"_id": hidden["document"]}),
        *((kind, {"_include": "*", "_revinclude": "*"}) for kind in ("Task", "List", "Provenance", "Communication")),
    ]  # fmt: skip
    for kind, asked in ways:
        told = await found(access, LISE, kind, asked)
        assert not {message, document} & set(told), (kind, asked)
    async with access.act(GP, read_only=True) as ctx:
        assert (await attachments.opened(ctx, hidden["document"]))[2] == b"positive"
