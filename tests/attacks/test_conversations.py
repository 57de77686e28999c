"""Those who may write some things in a record write no others: not over what another wrote, not in another's name, not in the platform's, not once they left."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.errors import Conflict, Forbidden, Invalid, NotFound
from maillage.services.messaging.resources import notice
from maillage.services.messaging.service import attachments, exporting, messages, threads
from maillage.services.messaging.service.attachments import File
from maillage.services.messaging.tests.test_messaging_conversations import (
    CLAUDE,
    GP,
    LISE,
    NURSE,
    PROFESSIONALS,
    WHOLE,
    ZOE,
    begun,
    circle_of,
    territory,
    texts,
)
from tests.support.people import SEED
from tests.support.photographs import png

__all__ = ["territory"]
SENT = datetime(2026, 11, 23, 11, tzinfo=UTC)
PICTURE = File("plaie.png", "image/png", png())


async def joined(access: Access, thread: str, by: Actor, key: str, file: File = PICTURE) -> str:
    """A message with a file, of this key; the reference of its document."""
    async with access.act(by) as ctx:
        found = await attachments.keep(ctx, [file], patient="zoe", key=key, readers=PROFESSIONALS)
        await messages.reply(ctx, thread=thread, key=key, text="La photo", attached=found)
    return found[0][0].removeprefix("DocumentReference/")


async def test_a_file_is_not_written_over_by_who_uses_the_key_of_its_message(access: Access) -> None:
    thread, key = await begun(access, GP), str(uuid4())
    document = await joined(access, thread, GP, key)
    for attempt in ("file", "export"):
        with pytest.raises(Forbidden):
            async with access.act(NURSE) as ctx:
                if attempt == "file":
                    await attachments.keep(
                        ctx, [File("x.txt", "text/plain", b"x")], patient="zoe", key=key, readers=PROFESSIONALS
                    )
                else:
                    await exporting.file(ctx, thread, key=key)
    async with access.act(GP) as ctx:  # the same form again, and another form
        await attachments.keep(ctx, [PICTURE], patient="zoe", key=key, readers=PROFESSIONALS)
        await exporting.file(ctx, thread, key=str(uuid4()))
    async with access.act(GP, read_only=True) as ctx:
        assert (await attachments.opened(ctx, document))[2] == PICTURE.content


async def test_nobody_but_the_platform_posts_a_notice(access: Access) -> None:
    """A notice that is there keeps that of the platform from being posted: whoever could write one could silence an alert."""
    forged = notice.notice_of(
        notice.Matter(kind="alert", about="Flag/1", patient="zoe", key="Flag/1"), recipient="Practitioner/gp", at=SENT
    )
    for status in (notice.TO_TREAT, notice.TREATED):
        for by in (NURSE, ZOE, CLAUDE):
            with pytest.raises(Forbidden):
                async with access.act(by, door="fhir") as ctx:
                    await ctx.records.write({**forged, "status": status, "sender": {"reference": by.reference}})
    spoken = {"resourceType": "Communication", "id": "said", "status": "completed", "subject": {"reference": "Patient/zoe"},
              "category": [{"text": "Note"}], "sender": {"reference": NURSE.reference}, "payload": [{"contentString": "Vu"}]}  # fmt: skip
    async with access.act(NURSE, door="fhir") as ctx:
        await ctx.records.write(spoken)
    with pytest.raises(Forbidden):
        async with access.act(NURSE, door="fhir") as ctx:
            await ctx.records.write({**forged, "id": "said", "sender": spoken["sender"]})


async def test_who_left_the_circle_takes_back_what_they_wrote_and_says_nothing_more(access: Access) -> None:
    thread = await begun(access, NURSE, WHOLE, "Je passe à 17 h")
    async with access.act(NURSE) as ctx:
        await messages.correct(ctx, message=thread, version="1", text="Je passe à 18 h")
    async with access.act(SEED) as ctx:
        await ctx.records.write(circle_of("Practitioner/gp"))
    with pytest.raises((Forbidden, NotFound)):
        async with access.act(NURSE) as ctx:
            await messages.correct(ctx, message=thread, version="2", text="Et je vous dis encore")
    assert await texts(access, thread, GP) == ["Je passe à 18 h"]
    async with access.act(NURSE) as ctx:
        await messages.retire(ctx, message=thread)
    async with access.act(GP, read_only=True) as ctx:
        assert (await threads.conversation(ctx, thread)).messages[0].retired


async def test_nobody_makes_a_message_urgent_or_endless_by_correcting_it(access: Access) -> None:
    """Urgent wakes people in their quiet hours, for those who care alone to say; a topic stands in every list of everybody who reads it."""
    thread = await begun(access, LISE, WHOLE, "À voir demain")
    async with access.act(LISE, door="fhir") as ctx:
        written = await ctx.records.read("Communication", thread)
    for change in ({"priority": "stat"}, {"topic": {"text": "Très " * 10_000}}):
        with pytest.raises((Conflict, Forbidden, Invalid)):
            async with access.act(LISE, door="fhir") as ctx:
                await ctx.records.write(written | change)
        new = {name: value for name, value in written.items() if name not in ("id", "meta")}
        with pytest.raises((Forbidden, Invalid)):
            async with access.act(LISE, door="fhir") as ctx:
                await ctx.records.write(new | change)
    async with access.act(LISE, door="fhir") as ctx:
        await ctx.records.write(written | {"topic": {"text": "Retour à la maison"}})
