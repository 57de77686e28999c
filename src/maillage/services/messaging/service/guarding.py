"""What holds of every Communication, and of what is joined to one, whatever the door: who writes signs, nobody changes what another wrote, an answer is for those who read what it answers."""

from collections.abc import Collection
from typing import Any
from uuid import uuid4

from maillage.access.actors import CARE_ROLES, ActorKind, Role
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.references import as_list, local
from maillage.errors import Conflict, Forbidden, Invalid
from maillage.fhir.change import Change, Verb
from maillage.http.live import tell
from maillage.services.directory import public as directory
from maillage.services.messaging.events import MessagePosted
from maillage.services.messaging.resources import message as resources
from maillage.services.messaging.resources import notice
from maillage.services.messaging.resources.attachment import is_joined
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.rules import conversations as rules
from maillage.services.messaging.service.matters import settle
from maillage.services.messaging.service.threads import TOPIC

Resource = dict[str, Any]
SIGNED = ("author", "category", "content", "extension", "subject", "type")
"""What only who joined a file to a conversation changes of its document."""
PEOPLE = (ActorKind.PROFESSIONAL, ActorKind.PATIENT, ActorKind.CARER)


@guard("Communication")
async def keep_conversations(ctx: Context, change: Change) -> Resource:
    """Forbidden to sign for another or to change what another wrote; Invalid for who is not of the circle, or another audience than the conversation's.

    A new message is put into its conversation, delivered live, and announced.
    """
    resource = change.resource
    before = await ctx.records.before(change)
    if ctx.actor.kind is not ActorKind.JOB and notice.names_one(resource) and not (before and notice.names_one(before)):
        raise Forbidden.at(
            "Communication.identifier", "notices are the platform's to post: one that is there keeps it from posting another"
        )
    if ctx.actor.kind in PEOPLE:
        if before:
            _refuse_changes(ctx, before, None if change.verb is Verb.DELETE else resource)
            await _refuse_from_outside(ctx, before, resource)
        elif change.verb is not Verb.DELETE:
            resource = _signed(ctx, resource)
    if change.verb is Verb.DELETE:
        return resource
    resource = _taken_as_message(ctx, resource)
    if not resources.is_message(resource):
        return resource
    _refuse_empty(resource)
    circle = await directory.circle(ctx, resources.message_from({"id": "", **resource}).patient)
    if not before:
        resource = await _placed(ctx, {"id": str(uuid4()), **resource}, circle)
    elif _moved(before, resource):
        raise Conflict("a message stays in its conversation and with its readers: write another")
    elif resource.get("status") == resources.RETIRED != before.get("status"):
        settle(ctx, about=f"Communication/{resource['id']}")
    await _deliver(ctx, resource, circle, new=not before)
    return resource


@guard("DocumentReference")
async def keep_joined(ctx: Context, change: Change) -> Resource:
    """Forbidden to a professional to change what another joined to a conversation, or who reads it; its status goes the way of every document's."""
    resource = change.resource
    if ctx.actor.kind is not ActorKind.PROFESSIONAL or "id" not in resource or change.verb is Verb.CREATE:
        return resource
    before = await ctx.records.before(change)
    own = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    changed = change.verb is Verb.DELETE or any(before.get(name) != resource.get(name) for name in SIGNED)
    if before and is_joined(before) and changed and own.isdisjoint(map(local, before.get("author", []))):
        raise Forbidden("a file of a conversation is changed by who joined it")
    return resource


def _signed(ctx: Context, resource: Resource) -> Resource:
    """Who acts signs: themself, the place and function they work in, or their organisation."""
    sender = local(resource.get("sender"))
    own = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    if "sender" not in resource and ctx.actor.reference:
        return {**resource, "sender": {"reference": ctx.actor.reference}}
    if sender not in own:
        raise Forbidden.at("Communication.sender", "a message is signed by who writes it")
    if resource.get("priority") in resources.URGENT and not ctx.actor.has(*CARE_ROLES):
        raise Forbidden.at("Communication.priority", "those who care say that a message is urgent")
    return resource


def _refuse_changes(ctx: Context, before: Resource, after: Resource | None) -> None:
    """What another wrote is not changed; a notice is treated by whom it was sent to."""
    own = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    if notice.is_notice(before):
        kept = after is not None and {**before, "status": "", "meta": {}} == {**after, "status": "", "meta": {}}
        if kept and own & {notice.recipient_of(before)}:
            return
        raise Forbidden("a notice is only marked as treated, by the one it was sent to")
    if local(before.get("sender")) not in own or (after is not None and after.get("sender") != before.get("sender")):
        raise Forbidden("a message is changed by who wrote it")
    if after is None and resources.is_message(before):
        raise Forbidden("a message of a conversation is taken back (entered-in-error), not deleted")


async def _refuse_from_outside(ctx: Context, before: Resource, after: Resource) -> None:
    """Who left the circle goes on seeing what they wrote there, and takes it back; they write no more in it, in no message that stands."""
    message = resources.message_from(before)
    if not resources.is_message(before) or after.get("status") == resources.RETIRED:
        return
    if not await ctx.records.find("Patient", {"_id": message.patient}):
        raise Forbidden("who left the circle takes back what they wrote, and changes nothing else of it")


def _taken_as_message(ctx: Context, resource: Resource) -> Resource:
    """What people or their software say about a person without saying what it is, or as part of a conversation, is a message."""
    spoken = resource.get("payload") and (local(resource.get("subject")) or "").startswith("Patient/")
    if ctx.actor.kind is ActorKind.JOB or resource.get("category") or not spoken:
        return resource
    return {**resource, "category": resources.categories(Readers())}


def _refuse_empty(resource: Resource) -> None:
    message = resources.message_from({"id": "", **resource})
    if len(message.text) > rules.LONGEST:
        raise Invalid.at("Communication.payload", f"a message has {rules.LONGEST} characters at most, not {len(message.text)}")
    if len(message.topic) > rules.LONGEST_TOPIC:
        raise Invalid.at("Communication.topic", f"a topic has {rules.LONGEST_TOPIC} characters at most, not {len(message.topic)}")
    if not message.text.strip() and not any(set(one) - {"contentString", "id"} for one in as_list(resource.get("payload"))):
        raise Invalid.at("Communication.payload", "a message says something")


async def _placed(ctx: Context, resource: Resource, circle: Collection[directory.Member]) -> Resource:
    """A new message with the audience of its conversation, to people of the circle."""
    message = resources.message_from(resource)
    if message.thread != message.id:
        resource = await _of_thread(ctx, resource, circle)
    chosen = resources.readers_of(resource).chosen
    strangers = set(chosen) - {f"Patient/{message.patient}"} - _names(circle)
    if strangers and ctx.actor.kind in PEOPLE and not _sees_nobody(ctx):
        raise Invalid.at("Communication.recipient", f"{', '.join(sorted(strangers))}: not of the person's circle")
    return {**resource, "sent": resource.get("sent") or ctx.now.isoformat(timespec="milliseconds")}


async def _of_thread(ctx: Context, resource: Resource, circle: Collection[directory.Member]) -> Resource:
    root = await ctx.records.read("Communication", resources.message_from(resource).thread)
    if (above := resources.root_of(root)) is not None:
        root = await ctx.records.read("Communication", above)
    first = resources.message_from(root)
    if first.patient != resources.message_from(resource).patient:
        raise Invalid.at("Communication.subject", "an answer is about the person whom the conversation is about")
    if not resources.is_message(root):
        return resource
    here = {name for name in (*first.readers.chosen, first.sender) if name in _names(circle) | {f"Patient/{first.patient}"}}
    recipients = sorted(here - {ctx.actor.reference}) or sorted(first.readers.chosen)
    placed = {**resource, "partOf": [{"reference": f"Communication/{first.id}"}], "category": resources.categories(first.readers)}
    placed.pop("recipient", None)
    return placed | ({"recipient": [{"reference": one} for one in recipients]} if first.readers.chosen else {})


def _names(circle: Collection[directory.Member]) -> set[str]:
    return {name for one in circle for name in (one.reference, one.role, one.organization) if name}


def _sees_nobody(ctx: Context) -> bool:
    """A carer may not see who is in the circle: what they answer goes to the readers of the conversation."""
    return ctx.actor.has(Role.CARER) and not ctx.actor.has(Role.REPRESENTATIVE)


def _moved(before: Resource, after: Resource) -> bool:
    kept = ("subject", "partOf", "recipient", "category", "sent", "priority")
    return any(before.get(name) != after.get(name) for name in kept)


async def _deliver(ctx: Context, resource: Resource, circle: Collection[directory.Member], *, new: bool) -> None:
    """Tells the open pages of those who read it, and of who wrote it, and announces it."""
    message = resources.message_from(resource)
    person = directory.Member(reference=f"Patient/{message.patient}", name="", title="", kind="person")
    readers = rules.readers(circle, message.readers, person=person, sender=message.sender)
    await tell(ctx, {one.reference for one in readers} | {message.sender} - {""}, topic=TOPIC)
    if new:
        ctx.announce(MessagePosted(message=message.id, thread=message.thread, patient=message.patient, sender=message.sender))
