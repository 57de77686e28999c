"""A whole conversation on paper: read as a PDF by who reads it, or filed in the record for its readers."""

import asyncio

from maillage.access.context import Context
from maillage.services.identity import public as identity
from maillage.services.messaging.resources.attachment import EXPORTED
from maillage.services.messaging.resources.paper import Printed, pdf
from maillage.services.messaging.resources.wish import wish_from
from maillage.services.messaging.rules import conversations as rules
from maillage.services.messaging.service import attachments, threads
from maillage.services.messaging.service.attachments import File
from maillage.services.messaging.service.threads import Conversation

KIND = "application/pdf"


async def on_paper(ctx: Context, thread: str) -> bytes:
    """The PDF of what whoever acts reads of a conversation, from its first message. NotFound where that is nothing."""
    return await _paper(ctx, await threads.conversation(ctx, thread, whole=True))


async def file(ctx: Context, thread: str, *, key: str) -> str:
    """Files the PDF in the record for the readers of the conversation, as the most confidential of its messages says; answers the document's reference."""
    held = await threads.conversation(ctx, thread, whole=True)
    written = File(f"Conversation : {held.topic}", KIND, await _paper(ctx, held))
    labels = sorted({label for one in held.messages for label in one.labels})
    [(reference, _)] = await attachments.keep(
        ctx, [written], patient=held.patient, key=key, readers=held.audience, words=EXPORTED, labels=labels
    )
    return reference


async def _paper(ctx: Context, held: Conversation) -> bytes:
    one = Printed(
        topic=held.topic,
        person=await identity.banner(ctx, held.patient),
        messages=held.messages,
        names=held.names,
        wishes={name: wish_from(task) for name, task in held.tasks.items()},
        who_reads=rules.words_of(held.readers, held.members),
        read_by=[member.name for member in held.members],
        by=ctx.actor.name,
        at=ctx.now,
    )
    return await asyncio.to_thread(pdf, one)
