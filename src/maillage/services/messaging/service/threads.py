"""Conversations as whoever acts sees them: listed, opened, and said to be read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.db import load_queries
from maillage.errors import NotFound
from maillage.http.live import tell
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.services.messaging.resources import message as resources
from maillage.services.messaging.resources.message import Message, Readers
from maillage.services.messaging.rules import conversations as rules
from maillage.services.messaging.rules.conversations import Thread
from maillage.services.messaging.service import mentions_read
from maillage.ui import Banner
from maillage.ui.words import person_name

QUERIES = load_queries("maillage.services.messaging")
TOPIC = "messages"
MOST = 300
"""Messages that a list of conversations is made of, the newest."""
SHOWN = 100
SENDERS = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Organization", "Device")


@dataclass(frozen=True, slots=True)
class Conversations:
    """A list of conversations, the people they are about by id, the names of who wrote last by reference, and where older ones go on."""

    threads: list[Thread]
    patients: dict[str, dict[str, Any]]
    names: dict[str, str]
    next: str | None = None

    @property
    def new(self) -> int:
        """How many hold something new."""
        return sum(1 for one in self.threads if one.new)

    def between(self, thread: Thread, *, me: str) -> str:
        """Among whom a conversation of a few is, « vous » first: two with one topic are told apart by it."""
        everybody = dict.fromkeys((thread.begun_by, *thread.readers.chosen, thread.last.sender))
        others = [self.names.get(one, "") for one in everybody if one != me]
        return rules.listed(["vous", *filter(None, others)])


@dataclass(frozen=True, slots=True)
class Mark:
    """Somebody (a reference, their name) said that they read a conversation until this moment."""

    who: str
    name: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation: its messages oldest first, who reads it now, who said that they read until when. `earlier`: older ones are not shown."""

    id: str
    patient: str
    topic: str
    readers: Readers
    messages: list[Message]
    members: list[directory.Member]
    circle: list[directory.Member]
    names: dict[str, str]
    marks: dict[str, datetime]
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    earlier: bool = False

    @property
    def audience(self) -> Readers:
        """Who sees what is filed for the readers: those who were chosen, and who chose them."""
        first = next(one.sender for one in self.messages if one.id == self.id)
        named = self.readers.chosen
        return replace(self.readers, chosen=tuple(dict.fromkeys((*named, first)))) if named else self.readers


async def conversations(
    ctx: Context, *, patient: str | None = None, cursor: str | None = None, most: int = MOST
) -> Conversations:
    """The conversations that whoever acts sees, of one person or of all, those with the newest message first; from `cursor` on, where a list of the `most` newest messages went on."""
    ctx.require(Permission.MESSAGES_READ, patient=patient)
    asked = [("category", resources.WANTED), ("_sort", "-sent"), ("_count", str(most)), ("_include", "Communication:subject")]
    asked += [("_include", f"Communication:sender:{kind}") for kind in SENDERS]
    asked += [("_include", f"Communication:recipient:{kind}") for kind in SENDERS]
    if patient:
        asked.append(("patient", ",".join(await identity.identities_of(ctx, patient))))
    page = await ctx.records.search("Communication", [*asked, ("_cursor", cursor)] if cursor else asked)
    messages = [resources.message_from(one) for one in page.matches if resources.is_message(one)]
    if cursor:
        messages = await _not_listed_before(ctx, messages)
    roots, began = await _roots_missing(ctx, messages)
    marks = await _marks(ctx, {one.thread for one in messages})
    found = rules.threads([*messages, *roots], marks, reader=ctx.actor.reference or "")
    persons = {one["id"]: one for one in page.included if one["resourceType"] == "Patient"}
    return Conversations([one for one in found if one.patient in persons], persons, names_of([*page.included, *began]), page.next)


async def _not_listed_before(ctx: Context, messages: Sequence[Message]) -> list[Message]:
    """Those of conversations in which nothing newer was written: the list named the others already."""
    if not messages:
        return []
    roots = ",".join(sorted({f"Communication/{one.thread}" for one in messages}))
    after = messages[0].sent.isoformat()
    newer = await ctx.records.find("Communication", [("part-of", roots), ("sent", f"gt{after}"), ("_count", "1000")])
    before = {resources.message_from(one).thread for one in newer}
    return [one for one in messages if one.thread not in before]


async def unread(ctx: Context) -> int:
    """How many conversations hold something new for whoever acts: the figure in the top bar."""
    asked = [("category", resources.WANTED), ("_sort", "-sent"), ("_count", str(MOST))]
    found = await ctx.records.find("Communication", asked)
    messages = [resources.message_from(one) for one in found if resources.is_message(one)]
    marks = await _marks(ctx, {one.thread for one in messages})
    return sum(1 for one in rules.threads(messages, marks, reader=ctx.actor.reference or "") if one.new)


async def conversation(ctx: Context, thread: str, *, whole: bool = False) -> Conversation:
    """One conversation, by the id of its root or of any message of it; its newest messages, or all of them. NotFound where it holds nothing for whoever acts."""
    ctx.require(Permission.MESSAGES_READ)
    return await _held(ctx, thread, whole=whole)


async def _held(ctx: Context, thread: str, *, whole: bool = False) -> Conversation:
    above = await root(ctx, thread)
    asked = [
        ("part-of", f"Communication/{above['id']}"),
        ("category", resources.WANTED),
        ("_sort", "-sent"),
        ("_count", str(SHOWN)),
    ]
    page = await ctx.records.search(
        "Communication", [*asked, *(("_include", f"Communication:sender:{kind}") for kind in SENDERS)]
    )
    first = resources.message_from(above)
    found, more = list(page.matches), page.next
    while whole and more:
        older = await ctx.records.search("Communication", [*asked, ("_cursor", more)])
        found, more = [*found, *older.matches], older.next
    messages = [*map(resources.message_from, found), first]
    circle = await directory.circle(ctx, first.patient)
    person = await person_of(ctx, first.patient)
    members = rules.readers(circle, first.readers, person=person, sender=first.sender)
    known = {one.reference: one.name for one in [person, *circle]}
    rows = await ctx.run(QUERIES.marks_of_thread, thread=first.id)
    return Conversation(
        id=first.id,
        patient=first.patient,
        topic=first.topic or rules.UNTITLED,
        readers=first.readers,
        messages=sorted(messages, key=lambda one: (one.sent, one.thread != one.id)),
        members=members,
        circle=[person, *circle],
        names=await _names(ctx, [*page.included], messages, known),
        marks={row["reader"]: row["until"] for row in rows},
        tasks=await _tasks(ctx, {name for one in messages for name in one.asked}),
        earlier=more is not None,
    )


async def readers_of(ctx: Context, message: str) -> list[Mark]:
    """Who said that they read the conversation of a message: oneself; and, of a message that one wrote, its readers who read as far. As the page shows it."""
    held = await _held(ctx, message, whole=True)
    me, said = ctx.actor.reference or "", next(one for one in held.messages if one.id == message)
    shown = rules.readers_until(said, held.marks, held.members) if said.sender == me else {}
    own = {me: held.marks[me]} if me in held.marks else {}
    return [Mark(who, held.names.get(who, ""), until) for who, until in sorted((shown | own).items())]


async def root(ctx: Context, message: str) -> dict[str, Any]:
    """The root of the conversation that a message is of. NotFound where there is none to see."""
    resource = await ctx.records.read("Communication", message)
    if (first := resources.root_of(resource)) is not None:
        resource = await ctx.records.read("Communication", first)
    if not resources.is_message(resource):
        raise NotFound(f"Communication/{message} is of no conversation")
    return resource


async def mark(ctx: Context, thread: str, *, read: bool) -> None:
    """Says that one read a conversation as far as it goes now, or takes that back."""
    ctx.require(Permission.MESSAGES_READ)
    await say_read(ctx, thread, read=read)


async def say_read(ctx: Context, thread: str, *, read: bool) -> None:
    """The same through a software, whose scopes the door asked."""
    held = await _held(ctx, thread)
    reader = ctx.actor.reference or ""
    if read:
        await keep_mark(ctx, held.id, until=held.messages[-1].sent)
        await mentions_read.treat(ctx, thread=held.id, patient=held.patient)
    else:
        await ctx.run(QUERIES.mark_unread, thread=held.id, reader=reader)
    await tell(ctx, [one.reference for one in held.members] + [reader], topic=TOPIC)


async def keep_mark(ctx: Context, thread: str, *, until: datetime) -> None:
    """Until when whoever acts read a conversation: who answers has read what is before their answer."""
    await ctx.run(QUERIES.mark_read, thread=thread, reader=ctx.actor.reference or "", until=until)


async def around(ctx: Context, patient: str) -> list[directory.Member]:
    """The person and those of their circle, to choose among."""
    ctx.require(Permission.MESSAGES_WRITE, patient=patient)
    return [await person_of(ctx, patient), *await directory.circle(ctx, patient)]


async def person_of(ctx: Context, patient: str) -> directory.Member:
    """The person themself, as a member of their circle."""
    found: Banner = await identity.banner(ctx, patient)
    title = "La patiente" if found.gender == "female" else "Le patient"
    return directory.Member(
        reference=f"Patient/{patient}", name=f"{found.given} {found.family}".strip(), title=title, kind="person"
    )


def names_of(resources_named: Iterable[dict[str, Any]]) -> dict[str, str]:
    """How a page names those who wrote, by reference."""
    return {f"{one['resourceType']}/{one['id']}": _name(one) for one in resources_named}


def _name(resource: dict[str, Any]) -> str:
    if resource["resourceType"] in ("Patient", "RelatedPerson"):
        return person_name(resource.get("name", []))
    return directory.display_name(resource) or "Auteur inconnu"


async def _names(
    ctx: Context, included: list[dict[str, Any]], messages: Sequence[Message], known: dict[str, str]
) -> dict[str, str]:
    names = names_of(included) | known
    for reference in {one.sender for one in messages} - names.keys():
        kind, _, id = reference.partition("/")
        if kind in SENDERS:
            names |= names_of(await ctx.records.find(kind, {"_id": id}))
    return names


async def _tasks(ctx: Context, references: Iterable[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for kind in ("Task", "ServiceRequest"):
        if wanted := [one.partition("/")[2] for one in sorted(references) if one.startswith(f"{kind}/")]:
            for one in await ctx.records.find(kind, {"_id": ",".join(wanted), "_count": str(SHOWN)}):
                found[f"{kind}/{one['id']}"] = one
    return found


async def _roots_missing(ctx: Context, messages: Sequence[Message]) -> tuple[list[Message], list[dict[str, Any]]]:
    """The roots of which only later messages were found, which hold the topic, and those who wrote them."""
    wanted = {one.thread for one in messages} - {one.id for one in messages}
    if not wanted:
        return [], []
    asked = [("_id", ",".join(sorted(wanted))), ("_count", str(MOST))]
    asked += [("_include", f"Communication:sender:{kind}") for kind in SENDERS]
    page = await ctx.records.search("Communication", asked)
    return [resources.message_from(one) for one in page.matches], page.included


async def _marks(ctx: Context, threads: Iterable[str]) -> dict[str, datetime]:
    rows = await ctx.run(QUERIES.marks_of_reader, reader=ctx.actor.reference or "", threads=sorted(threads))
    return {row["thread"]: row["until"] for row in rows}


async def own_patient(ctx: Context) -> str | None:
    """The id of the person whose record is one's own, or of whom one helps; None for a professional."""
    reference = ctx.actor.reference or ""
    if reference.startswith("Patient/"):
        return reference.removeprefix("Patient/")
    if not reference.startswith("RelatedPerson/"):
        return None
    carer = await ctx.records.read("RelatedPerson", reference.removeprefix("RelatedPerson/"))
    return (local(carer.get("patient")) or "").removeprefix("Patient/") or None


@forgets
async def forget_marks(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Nobody read what is erased; the marks of people whose record is erased go with it."""
    await ctx.run(
        QUERIES.forget_marks,
        threads=[one.id for one in erased if one.type == "Communication"],
        readers=[one.name for one in erased if one.type in ("Patient", "RelatedPerson")],
    )
    return []
