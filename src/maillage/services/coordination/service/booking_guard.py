"""What holds of every Appointment, whatever the door: nobody who said yes to one is taken by another at the same time (docs/adr/0050-agenda.md), nor is a stranger
let in by a yes (docs/adr/0058-who-holds-an-episode.md)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.access.grants import of_appointment
from maillage.access.guards import Seen, guard_of_many
from maillage.access.references import local
from maillage.clock import PARIS
from maillage.db import load_queries
from maillage.errors import Conflict, MaillageError
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources import booking as resources
from maillage.services.coordination.resources import telling
from maillage.services.coordination.service.sight_guard import refuse_strangers
from maillage.ui.words import care_date, spoken_time

QUERIES = load_queries("maillage.services.coordination")
Resource = dict[str, Any]


@guard_of_many("Appointment")
async def keep_agendas(ctx: Context, changes: Sequence[Change]) -> Seen:
    """Conflict where somebody is taken at that time. What a job writes down as it came from elsewhere is kept, and takes its time.

    Everybody whom the changes take is held at once, in one order: two bundles that book the same people in opposite orders wait for each other no longer than that.
    """
    booked = [held.people for one in changes if one.verb is not Verb.DELETE and (held := resources.booking_of(one.resource))]
    if people := await _persons(ctx, frozenset().union(*booked)):
        await ctx.run(QUERIES.hold_agendas, people=sorted(people))
    seen: Seen = []
    for change in changes:
        try:
            seen.append(await _keep(ctx, change))
        except MaillageError as refusal:
            return [*seen, refusal]
    return seen


async def _keep(ctx: Context, change: Change) -> Resource:
    resource = change.resource
    if change.verb is Verb.DELETE:
        await ctx.run(QUERIES.unbook, appointments=[resource["id"]])
        return resource
    if ctx.actor.kind is ActorKind.PROFESSIONAL:
        await refuse_strangers(ctx, await ctx.records.before(change), resource, of_appointment)
    held = resources.booking_of(resource)
    if held is None:
        if change.verb is not Verb.CREATE and "id" in resource:
            await ctx.run(QUERIES.unbook, appointments=[resource["id"]])
        return resource
    if change.verb is Verb.CREATE or "id" not in resource:
        resource = {**resource, "id": str(uuid4())}
    people = sorted(await _persons(ctx, held.people))
    known = await ctx.run(QUERIES.booked, appointment=resource["id"])
    if [(row["person"], row["since"], row["until"]) for row in known] == [(one, held.since, held.until) for one in people]:
        return resource
    if ctx.actor.kind is not ActorKind.JOB:
        await _refuse_twice(ctx, resource, held, people)
    await ctx.run(QUERIES.unbook, appointments=[resource["id"]])
    await ctx.run(QUERIES.book, appointment=resource["id"], people=people, since=held.since, until=held.until)
    return resource


@forgets
async def forget_bookings(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """The time that appointments took which are erased. No document of ours is unnamed by it."""
    if gone := [one.id for one in erased if one.type == "Appointment"]:
        await ctx.run(QUERIES.unbook, appointments=gone)
    return []


async def _refuse_twice(ctx: Context, resource: Resource, held: resources.Booking, people: list[str]) -> None:
    taken = await ctx.run(QUERIES.taken, people=people, since=held.since, until=held.until, appointment=resource["id"])
    if not taken:
        return
    asked = [("_id", ",".join(sorted({row["appointment"] for row in taken})))]
    seen = {one["id"]: one for one in await ctx.records.find("Appointment", asked)}
    names = resources.names_of(resource)
    for one in seen.values():
        names = resources.names_of(one) | names
    raise Conflict(
        "; ".join(f"{row['person']} is taken {row['since'].isoformat()} to {row['until'].isoformat()}" for row in taken),
        french=" ".join(_words(row, seen.get(row["appointment"]), names) for row in taken),
    )


def _words(row: dict[str, Any], other: Resource | None, names: dict[str, str]) -> str:
    """What somebody has at that time, as far as whoever acts may see it."""
    who = names.get(row["person"], "Cette personne")
    what = f"« {telling.appointment_words(other)} »" if other else "un rendez-vous"
    since, until = (row[name].astimezone(PARIS) for name in ("since", "until"))
    return f"{who} a déjà {what} le {care_date(since)}, de {spoken_time(since)} à {_end(since, until)}."


def _end(since: datetime, until: datetime) -> str:
    return spoken_time(until) if until.date() == since.date() else f"{spoken_time(until)} le {care_date(until)}"


async def _persons(ctx: Context, people: frozenset[str]) -> set[str]:
    """The people themselves: who takes part in a function (PractitionerRole) is taken in all of theirs."""
    roles = sorted(one.removeprefix("PractitionerRole/") for one in people if one.startswith("PractitionerRole/"))
    if not roles:
        return set(people)
    found = await ctx.records.find("PractitionerRole", [("_id", ",".join(roles)), ("_count", "100")])
    known = {f"PractitionerRole/{one['id']}": who for one in found if (who := local(one.get("practitioner")))}
    return {known.get(one, one) for one in people}
