"""Who is told of a message outside of the page, and the hours in which they are not."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.clock import FixedClock
from maillage.errors import Invalid
from maillage.services.messaging import jobs
from maillage.services.messaging.events import MatterTold, MessagePosted
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.service import alerting, inbox, mail, messages, threads
from maillage.services.messaging.service.telling import NOTHING
from tests.support.people import DOCTOR, SEED, care_team, carer, patient, professional, sees

GP, NURSE, ZOE, CLAUDE = (
    professional("gp", name="Dr Camille EXEMPLE"),
    professional("nurse", Role.NURSE),
    patient("zoe"),
    carer("claude"),
)
WHOLE, PROFESSIONALS = Readers(), Readers(professionals=True)
NURSES = "60"


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    trade = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"

    def written_to(id: str) -> list[dict[str, Any]]:
        return [{"system": "email", "value": f"{id}@example.test"}]

    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN"}], "telecom": written_to("zoe")},
            *({"resourceType": "Practitioner", "id": id, "name": [{"family": id}], "telecom": written_to(id),
               "qualification": [{"code": {"coding": [{"system": trade, "code": code}]}}]} for id, code in (("gp", DOCTOR), ("nurse", NURSES))),
            {"resourceType": "RelatedPerson", "id": "claude", "patient": {"reference": "Patient/zoe"}, "active": True,
             "telecom": written_to("claude"), **sees("whole")},
            care_team("zoe", "Practitioner/gp", "Practitioner/nurse", "RelatedPerson/claude"),
        )  # fmt: skip


async def written(access: Access, readers: Readers, *, by: Actor = GP, **more: Any) -> list[str]:
    """Who is owed an e-mail that may go now, once the message is told twice."""
    async with access.act(by) as ctx:
        await messages.begin(
            ctx, patient="zoe", key=str(uuid4()), topic="Plaie", text="Berges plus rouges", readers=readers, **more
        )
        [posted] = [event for event in ctx.announced if isinstance(event, MessagePosted)]
    async with access.act(SEED) as ctx:
        await jobs.tell_the_readers.handler(ctx, posted)
        told = [event for event in ctx.announced if isinstance(event, MatterTold)]
    for event in told:
        async with access.act(SEED) as ctx:
            await jobs.put_before.handler(ctx, event)
    return await owed(access)


async def owed(access: Access) -> list[str]:
    async with access.act(SEED) as ctx:
        return sorted(one.address.partition("@")[0] for one in await mail.owed_mail(ctx, limit=10))


async def test_those_who_read_a_message_are_written_to_and_its_author_is_not(access: Access) -> None:
    assert await written(access, PROFESSIONALS) == ["nurse"]
    assert await written(access, WHOLE, by=NURSE) == ["claude", "gp", "nurse", "zoe"]  # the nurse is still owed the first


async def test_who_is_named_finds_it_among_their_news(access: Access) -> None:
    await written(access, PROFESSIONALS, mentions=("Practitioner/nurse", "Patient/zoe"))
    async with access.act(NURSE, read_only=True) as ctx:
        held = await inbox.inbox(ctx)
        [words] = [alerting.mention_words(held.matters[one.about]) for one in held.notices]
        assert words.title == "Dr Camille EXEMPLE s’adresse à vous"
    async with access.act(GP, read_only=True) as ctx:
        assert await inbox.count_to_treat(ctx) == 0


async def quiet(access: Access, actor: Actor, starts: str, ends: str, *, mail: bool = True) -> None:
    async with access.act(actor) as ctx:
        await alerting.keep_quiet(ctx, starts=starts, ends=ends, mail=mail)


@pytest.mark.parametrize(
    ("starts", "ends", "told"),
    [("12:00", "14:00", []), ("20:00", "13:30", []), ("20:00", "07:00", ["nurse"]), ("", "", ["nurse"])],
)
async def test_nobody_is_written_to_in_their_quiet_hours(access: Access, starts: str, ends: str, told: list[str]) -> None:
    await quiet(access, NURSE, starts, ends)  # it is 13:00 in France
    assert await written(access, PROFESSIONALS) == told


async def test_what_waited_goes_after_the_quiet_hours_and_what_is_urgent_at_once(access: Access, clock: FixedClock) -> None:
    await quiet(access, NURSE, "12:00", "14:00")
    assert await written(access, PROFESSIONALS) == []
    assert await written(access, PROFESSIONALS, urgent=True) == ["nurse"]
    async with access.act(SEED) as ctx:
        await mail.mail_sent(ctx, recipient="Practitioner/nurse", counted=2)
    assert await written(access, PROFESSIONALS) == []
    clock.advance(timedelta(hours=1, minutes=1))
    assert await owed(access) == ["nurse"]


async def test_who_wants_no_e_mail_gets_none(access: Access) -> None:
    await quiet(access, NURSE, "", "", mail=False)
    assert await written(access, WHOLE) == ["claude", "zoe"]


@pytest.mark.parametrize(("starts", "ends", "field"), [("25:00", "07:00", "debut"), ("20:00", "", "fin"), ("", "07:00", "debut")])
async def test_hours_that_are_none_are_refused_by_their_field(access: Access, starts: str, ends: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await quiet(access, NURSE, starts, ends)
    assert [issue.expression for issue in refused.value.issues] == [field]


async def named(access: Access, actor: Actor = NURSE) -> int:
    async with access.act(actor, read_only=True) as ctx:
        return await inbox.count_to_treat(ctx)


@pytest.mark.parametrize("how", ["marked as read", "answered", "taken back by its author"])
async def test_who_has_read_the_conversation_is_no_longer_waited_for(access: Access, how: str) -> None:
    await written(access, PROFESSIONALS, mentions=("Practitioner/nurse",))
    await written(access, PROFESSIONALS, mentions=("Practitioner/nurse",))
    assert await named(access) == 2
    async with access.act(NURSE) as ctx:
        thread = (await threads.conversations(ctx)).threads[0].id
    async with access.act(GP if "author" in how else NURSE) as ctx:
        if how == "marked as read":
            await threads.mark(ctx, thread, read=True)
        elif how == "answered":
            await messages.reply(ctx, thread=thread, key=str(uuid4()), text="Vu")
        else:
            await messages.retire(ctx, message=thread)
        settled = [event for event in ctx.announced if isinstance(event, MatterTold)]
    for event in settled:
        async with access.act(SEED) as ctx:
            await jobs.put_before.handler(ctx, event)
    assert await named(access) == 1, "that of the other conversation waits"


async def test_who_read_a_message_before_it_was_told_is_not_told(access: Access) -> None:
    async with access.act(GP) as ctx:
        thread = await messages.begin(
            ctx, patient="zoe", key=str(uuid4()), topic="Plaie", text="Rouge", readers=PROFESSIONALS, mentions=("Practitioner/nurse",)
        )  # fmt: skip
        [posted] = [event for event in ctx.announced if isinstance(event, MessagePosted)]
    async with access.act(NURSE) as ctx:
        await threads.mark(ctx, thread, read=True)
    async with access.act(SEED) as ctx:
        assert await alerting.tell_of_message(ctx, posted) == NOTHING
        assert [event for event in ctx.announced if isinstance(event, MatterTold)] == []
    assert await owed(access) == []
