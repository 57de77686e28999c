"""Messages: a conversation begun, an answer, a correction, a message taken back."""

from collections.abc import Sequence
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, Gone, Invalid, Issue, NotFound
from maillage.services.messaging.resources import message as resources
from maillage.services.messaging.resources.message import Message, Readers
from maillage.services.messaging.rules import conversations as rules
from maillage.services.messaging.service import guarding, mentions_read, threads

Attached = tuple[str, str]


async def begin(
    ctx: Context, *, patient: str, key: str, topic: str, text: str, readers: Readers, chosen: bool = False,
    mentions: Sequence[str] = (), attached: Sequence[Attached] = (), asked: Sequence[str] = (), urgent: bool = False,
) -> str:  # fmt: skip
    """Begins a conversation about a person and answers its id: `key`, a UUID that the form was given, so that a form sent twice begins one.

    Invalid, with a place for each field, where it cannot be sent.
    """
    ctx.require(Permission.MESSAGES_WRITE, patient=patient)
    if await _sent(ctx, key):
        return key
    _refuse(rules.faults(text=text, topic=topic, chosen=readers.chosen if chosen else None, files=len(attached) + len(asked)))
    message = resources.message_for(
        id=key, patient=patient, sender=_me(ctx), name=ctx.actor.name, at=ctx.now, text=text.strip(), readers=readers, topic=topic.strip(),
        attached=attached, mentions=mentions, asked=asked, urgent=urgent,
    )  # fmt: skip
    await ctx.records.write(message)
    await threads.keep_mark(ctx, key, until=ctx.now)
    return key


async def reply(
    ctx: Context, *, thread: str, key: str, text: str, mentions: Sequence[str] = (), attached: Sequence[Attached] = (),
    asked: Sequence[str] = (), urgent: bool = False,
) -> str:  # fmt: skip
    """Writes in a conversation, to those who read it, and answers the message's id (`key`, as of `begin`)."""
    ctx.require(Permission.MESSAGES_WRITE)
    if await _sent(ctx, key):
        return key
    root = resources.message_from(await threads.root(ctx, thread))
    _refuse(rules.faults(text=text, topic=None, chosen=None, files=len(attached) + len(asked)))
    message = resources.message_for(
        id=key, patient=root.patient, sender=_me(ctx), name=ctx.actor.name, at=ctx.now, text=text.strip(), readers=root.readers, thread=root.id,
        attached=attached, mentions=mentions, asked=asked, urgent=urgent,
    )  # fmt: skip
    message.pop("recipient", None)  # those of the conversation, as its guard says
    await ctx.records.write(message)
    await threads.keep_mark(ctx, root.id, until=ctx.now)
    await mentions_read.treat(ctx, thread=root.id, patient=root.patient)
    return key


async def own(ctx: Context, *, message: str) -> Message:
    """What whoever acts wrote. Forbidden for what another did."""
    return resources.message_from(await _own(ctx, message))


async def correct(ctx: Context, *, message: str, version: str, text: str) -> str:
    """Changes what one wrote; the earlier text stays in the history. Answers the conversation's id."""
    resource = await _own(ctx, message)
    _refuse(rules.faults(text=text, topic=None, chosen=None))
    others = [one for one in resource.get("payload", []) if "contentString" not in one]
    changed = {**resource, "payload": [{"contentString": text.strip()}, *others]}
    changed["meta"] = {**resource["meta"], "versionId": version}
    await ctx.records.write(changed)
    return resources.message_from(resource).thread


async def retire(ctx: Context, *, message: str) -> str:
    """Takes back what one wrote: it is no longer shown, that there was one is; the text stays in the history. Answers the conversation's id."""
    resource = await _own(ctx, message)
    if resource["status"] != resources.RETIRED:
        await ctx.records.write({**resource, "status": resources.RETIRED})
    return resources.message_from(resource).thread


async def _own(ctx: Context, message: str) -> dict[str, Any]:
    ctx.require(Permission.MESSAGES_WRITE)
    resource = await ctx.records.read("Communication", message)
    if not resources.is_message(resource) or resources.message_from(resource).sender != ctx.actor.reference:
        raise Forbidden("a message is changed by who wrote it")
    return resource


async def _sent(ctx: Context, key: str) -> bool:
    """Whether the form of this key has been sent before, by whoever acts."""
    try:
        known = await ctx.records.read("Communication", key)
    except (NotFound, Gone):
        return False
    if resources.message_from(known).sender != ctx.actor.reference:
        raise Forbidden("this form was sent by somebody else")
    return True


def _me(ctx: Context) -> str:
    if ctx.actor.reference is None or ctx.actor.kind not in guarding.PEOPLE:
        raise Forbidden(f"{ctx.actor.name} stands for nobody who could write")
    return ctx.actor.reference


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        issues = [Issue("invalid", words, field) for field, words in faults.items()]
        raise Invalid("the message cannot be sent: " + ", ".join(faults), issues=issues)
