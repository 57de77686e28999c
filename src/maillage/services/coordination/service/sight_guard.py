"""Whom an EpisodeOfCare, an Encounter or an Appointment shows the record: whoever writes one, those they work with, and those who are of the circle already.

They let the responsible organisation and people see the person (`access/grants.py`) with no place in the circle, where one is named, asked and taken leave of in
front of everybody: somebody else is let in there (docs/adr/0058-who-holds-an-episode.md). An Appointment is looked at by its own guard (`booking_guard`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.grants import Grant, of_encounter, of_episode
from maillage.access.guards import Seen, guard_of_many
from maillage.access.references import local
from maillage.errors import Forbidden, Issue, MaillageError, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources import episode as episodes
from maillage.services.coordination.service.colleagues import strangers

Resource = dict[str, Any]


@guard_of_many("EpisodeOfCare")
async def keep_episodes(ctx: Context, changes: Sequence[Change]) -> Seen:
    """Unprocessable where it lets in a stranger; Forbidden for the support of a team, which is the team's, and is opened by its answer to a request."""
    return await _each(ctx, changes, of_episode, _keep_support)


@guard_of_many("Encounter")
async def keep_encounters(ctx: Context, changes: Sequence[Change]) -> Seen:
    """Unprocessable where it lets in a stranger."""
    return await _each(ctx, changes, of_encounter)


async def _each(
    ctx: Context,
    changes: Sequence[Change],
    lets_in: Callable[[Resource], Iterator[Grant]],
    also: Callable[[Context, Resource, Change], None] | None = None,
) -> Seen:
    if ctx.actor.kind is not ActorKind.PROFESSIONAL:
        return [change.resource for change in changes]
    seen: Seen = []
    for change in changes:
        try:
            before = await ctx.records.before(change)
            if also:
                also(ctx, before, change)
            if change.verb is not Verb.DELETE:
                await refuse_strangers(ctx, before, change.resource, lets_in)
        except MaillageError as refusal:
            return [*seen, refusal]
        seen.append(change.resource)
    return seen


async def refuse_strangers(
    ctx: Context, before: Resource, after: Resource, lets_in: Callable[[Resource], Iterator[Grant]]
) -> None:
    """Unprocessable where this version shows the record to somebody to whom the one before did not, and who is not near."""
    kind = after["resourceType"]
    new = {one.grantee for one in set(lets_in(after)) - set(lets_in(before) if before else ())}
    for one in await strangers(ctx, new, patient=_patient_of(after)) if new else ():
        text = f"{one} is neither whoever writes, nor works with them, nor is of the circle: this {kind} would show them the record. Let them into the CareTeam first"
        raise Unprocessable(text, issues=[Issue("business-rule", text, kind)])


def _patient_of(resource: Resource) -> str:
    """The id of the patient of an EpisodeOfCare, an Encounter, an Appointment; "" where it names none."""
    actors = [one.get("actor") for one in resource.get("participant", [])]
    named = (local(one) or "" for one in (resource.get("patient"), resource.get("subject"), *actors))
    return next((one.removeprefix("Patient/") for one in named if one.startswith("Patient/")), "")


def _keep_support(ctx: Context, before: Resource, change: Change) -> None:
    """A support that a request opened is its team's to change, and nobody writes one by hand."""
    after = {} if change.verb is Verb.DELETE else change.resource
    if not any(map(episodes.is_of_request, (before, after))):
        return
    if not before or not episodes.is_of_request(before):
        raise Forbidden(
            f"the identifier {episodes.OF_REQUEST} is given by the platform, when a team accepts a request for support"
        )
    if episodes.team_of(before) not in ctx.actor.organizations:
        raise Forbidden("the support of a team is changed by the team")
