"""What holds of a circle at every door: it is about somebody who is here, and names members who are."""

from collections.abc import Iterator, Sequence
from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import Seen, guard_of_many
from maillage.access.references import local
from maillage.errors import Issue, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.events import MemberLeft, ReferentNamed
from maillage.services.coordination.resources.circle import is_referent, leaving, now_in

Resource = dict[str, Any]
LAST = "Le cercle garde un référent : nommez-en un autre avant de le retirer."
MEMBERS = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Organization")


@guard_of_many("CareTeam")
async def keep_circles(ctx: Context, changes: Sequence[Change]) -> Seen:
    """Unprocessable, with each place, where a software names somebody who is neither here nor written with the circle: nobody would be let in, and nobody told.

    Whom it named before may go on being named. Who is referent from now on, and that somebody leaves, is announced.
    """
    for place, change in enumerate(changes):
        if await _leaves_no_referent(ctx, change):
            text = "a circle that had a referent keeps one: name another first"
            fault = Unprocessable(text, issues=[Issue("business-rule", text, "CareTeam.participant")], french=LAST)
            return [*(one.resource for one in changes[:place]), fault]
    if ctx.door != "fhir":
        return [change.resource for change in changes]
    written = {f"{one.resource['resourceType']}/{one.resource['id']}" for one in ctx.records.together if "id" in one.resource}
    named = {reference for change in changes for _, reference in _named(change)} - written
    there = await _there(ctx, named)
    seen: Seen = []
    for change in changes:
        lost = [(place, reference) for place, reference in _named(change) if reference in named - there]
        if lost and (lost := await _new(ctx, change, lost)):
            issues = [
                Issue("not-found", f"{reference} is neither here nor in this transaction", place) for place, reference in lost
            ]
            return [*seen, Unprocessable(issues[0].diagnostics, issues=issues)]
        seen.append(change.resource)
    return seen


def _named(change: Change) -> Iterator[tuple[str, str]]:
    """Whom a circle names, by place: those that references of this store can lead to."""
    team = change.resource
    if change.verb is Verb.DELETE:
        return
    places = [("CareTeam.subject", team.get("subject"))]
    places += [
        (f"CareTeam.participant[{rank}].member", one.get("member")) for rank, one in enumerate(team.get("participant", []))
    ]
    places += [(f"CareTeam.managingOrganization[{rank}]", one) for rank, one in enumerate(team.get("managingOrganization", []))]
    for place, reference in places:
        name = local(reference)
        if name and name.startswith(tuple(f"{kind}/" for kind in MEMBERS)):
            yield place, name


async def _leaves_no_referent(ctx: Context, change: Change) -> bool:
    """Whether somebody takes the last referent out of a circle that goes on; the end of a support does (a job). Another referent is announced."""
    patient = (local(change.resource.get("subject")) or "").removeprefix("Patient/")
    stored = await ctx.records.before(change)
    _announce_leaving(ctx, stored, {} if change.verb is Verb.DELETE else change.resource)
    if change.verb is Verb.DELETE or change.resource.get("status") != "active":
        return False
    before, after = _referent(ctx, stored), _referent(ctx, change.resource)
    if after and after != before and patient:
        ctx.announce(ReferentNamed(patient=patient, member=after))
    return bool(before and not after) and ctx.actor.kind is not ActorKind.JOB


def _announce_leaving(ctx: Context, before: Resource, after: Resource) -> None:
    """Those who are in the circle and will not be are announced: at once, or for the day after their last."""
    patient = (local(before.get("subject")) or "").removeprefix("Patient/")
    for moment, who in leaving(before, after, ctx.now).items() if patient else ():
        ctx.announce(MemberLeft(patient=patient, who=tuple(sorted(who)), at=moment.isoformat() if moment > ctx.now else ""))


def _referent(ctx: Context, team: Resource) -> str | None:
    return next(
        (local(one.get("member")) for one in team.get("participant", []) if is_referent(one) and now_in(one, ctx.now)), None
    )


async def _new(ctx: Context, change: Change, lost: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that the circle as it is stored does not name."""
    if change.verb is Verb.CREATE or "id" not in change.resource:
        return lost
    stored = await ctx.records.before(change) or {"resourceType": "CareTeam"}
    known = {reference for _, reference in _named(Change(Verb.CREATE, stored))}
    return [one for one in lost if one[1] not in known]


async def _there(ctx: Context, names: set[str]) -> set[str]:
    found = set()
    for kind in MEMBERS:
        ids = sorted(name.partition("/")[2] for name in names if name.startswith(f"{kind}/"))
        if ids:
            rows = await ctx.records.find(kind, {"_id": ",".join(ids), "_count": str(len(ids))})
            found |= {f"{kind}/{one['id']}" for one in rows}
    return found
