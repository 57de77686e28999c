"""Who is told outside of the page that there is a message, and when they want to be left in peace."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from typing import Any

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Invalid, Issue
from maillage.services.directory import public as directory
from maillage.services.messaging.events import MessagePosted
from maillage.services.messaging.resources import message as resources
from maillage.services.messaging.resources.wording import Words, renders
from maillage.services.messaging.rules import conversations as rules
from maillage.services.messaging.service.matters import notify
from maillage.services.messaging.service.mentions_read import MENTION
from maillage.services.messaging.service.telling import Due, owe
from maillage.services.rights import public as rights

QUERIES = load_queries("maillage.services.messaging")


@renders(MENTION)
def mention_words(resource: Mapping[str, Any]) -> Words:
    """« Nora FICTIVE vous a nommé dans une conversation »."""
    message = resources.message_from(resource)
    name = str(resource.get("sender", {}).get("display") or "Un membre du cercle")
    return Words(
        f"{name} s’adresse à vous", "Dans une conversation", address=f"/messages/{message.thread}", urgent=message.urgent
    )


async def tell_of_message(ctx: Context, event: MessagePosted) -> Due:
    """Owes it to those who read a message, puts it before whom it names, and answers what may go at once. By a job."""
    message = resources.message_from(await ctx.records.read("Communication", event.message))
    person = directory.Member(
        reference=f"Patient/{message.patient}",
        name="",
        title="",
        kind="person",
        email=await rights.address_to_write(ctx, message.patient),
    )
    circle = await directory.circle(ctx, message.patient)
    open_to = [
        one for one in rules.readers(circle, message.readers, person=person, sender=message.sender)
        if one.reference != message.sender and not one.reference.startswith("Organization/")
    ]  # fmt: skip
    seen = await ctx.records.seen_by([(_reader(one), "Communication", message.id) for one in open_to])
    told = [one for one, sees in zip(open_to, seen, strict=True) if sees]
    read = {
        row["reader"] for row in await ctx.run(QUERIES.marks_of_thread, thread=message.thread) if row["until"] >= message.sent
    }
    told = [one for one in told if one.reference not in read]
    named = {one.reference for one in told} & set(message.mentions)
    about = f"Communication/{message.id}"
    notify(ctx, kind=MENTION, about=about, patient=message.patient, to=named, sender=message.sender)
    counted = {one for one in named if one.startswith("Practitioner/")}  # by the notice that names them
    return await owe(ctx, [one for one in told if one.reference not in counted], urgent=message.urgent)


def _reader(member: directory.Member) -> Actor:
    """Somebody of the circle, or the person, as they will be when they sign in."""
    actor = directory.reader(member)
    kinds = {"Patient": (ActorKind.PATIENT, Role.PATIENT), "RelatedPerson": (ActorKind.CARER, Role.CARER)}
    kind, role = kinds.get(member.reference.partition("/")[0], (actor.kind, None))
    return replace(actor, kind=kind, roles=frozenset({role})) if role else actor


@dataclass(frozen=True, slots=True)
class Quiet:
    """From when to when somebody is not written to, and whether they are at all."""

    starts: time | None = None
    ends: time | None = None
    mail: bool = True


async def quiet_of(ctx: Context) -> Quiet:
    """When whoever acts wants to be left in peace."""
    ctx.require(Permission.MESSAGES_READ)
    row = await ctx.run(QUERIES.quiet_of, person=ctx.actor.reference or "")
    return Quiet(row["starts"], row["ends"], row["mail"]) if row else Quiet()


async def keep_quiet(ctx: Context, *, starts: str, ends: str, mail: bool) -> None:
    """Says when: « 20:00 », « 07:00 », both or none. Invalid, by field."""
    ctx.require(Permission.MESSAGES_READ)
    faults = {}
    times: dict[str, time | None] = {"debut": None, "fin": None}
    for field, text in (("debut", starts.strip()), ("fin", ends.strip())):
        try:
            times[field] = time.fromisoformat(text) if text else None
        except ValueError:
            faults[field] = "Écrivez une heure, par exemple 20:00."
    if not faults and (times["debut"] is None) != (times["fin"] is None):
        faults["debut" if times["debut"] is None else "fin"] = "Donnez les deux heures, ou aucune."
    if faults:
        raise Invalid("no times of a day", issues=[Issue("invalid", words, field) for field, words in faults.items()])
    await ctx.run(QUERIES.keep_quiet, person=ctx.actor.reference or "", starts=times["debut"], ends=times["fin"], mail=mail)
