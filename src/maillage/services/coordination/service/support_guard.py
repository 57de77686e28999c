"""What holds of requests for support at every door: who asks in whose name, with the person's agreement, and who answers, step by step."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from maillage.access import writes
from maillage.access.actors import Actor, ActorKind
from maillage.access.context import Context
from maillage.access.guards import Seen, guard_of_many
from maillage.access.references import local
from maillage.errors import Forbidden, Issue, MaillageError, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.events import SupportAnswered, SupportAsked
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.resources.support import is_answer, is_request
from maillage.services.coordination.rules import support as rules
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service.teams import colleagues, coordination_teams, works_in
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights

Resource = dict[str, Any]

KEPT = (
    "category",
    "basedOn",
    "subject",
    "requester",
    "performer",
    "authoredOn",
    "intent",
    "reasonCode",
    "extension",
    "contained",
)
KEPT_OF_ANSWER = ("identifier", "code", "focus", "for", "requester", "owner", "authoredOn")
ALONE = "Vous avez fait cette demande pour une personne que vous ne suivez pas : un collègue de votre équipe l’accepte."
OPPOSED = "La personne s’est opposée à la coordination : la demande ne peut pas partir. Elle seule peut revenir sur ce choix."


@guard_of_many("ServiceRequest")
async def keep_requests(ctx: Context, changes: Sequence[Change]) -> Seen:
    """See `_request`."""
    return await _each(ctx, changes, _request)


@guard_of_many("Task")
async def keep_answers(ctx: Context, changes: Sequence[Change]) -> Seen:
    """See `_answer`."""
    return await _each(ctx, changes, _answer)


async def _each(ctx: Context, changes: Sequence[Change], see: Callable[[Context, Change], Awaitable[Resource]]) -> Seen:
    seen: Seen = []
    for change in changes:
        try:
            seen.append(await see(ctx, change))
        except MaillageError as refusal:
            return [*seen, refusal]
    return seen


async def _request(ctx: Context, change: Change) -> Resource:
    """A request for support is in the name of who asks, with the person's agreement, to one coordination team; afterwards it is only taken back.

    Forbidden in somebody else's name; Unprocessable, with its place, where something is missing or the person objects to coordination.
    """
    stored = await ctx.records.before(change)
    if not is_request(stored) and not is_request(change.resource):
        return change.resource
    if not stored:
        return await _asked(ctx, change.resource)
    if change.verb is Verb.DELETE:
        return _kept_by_the_platform(ctx, change.resource, "a request for support is taken back (status revoked), never deleted")
    _refuse_other(stored, change.resource, KEPT)
    if ctx.actor.kind is not ActorKind.JOB and change.resource.get("status") != stored.get("status"):
        _refuse_unless_taken_back(ctx.actor, stored, change.resource)
    return change.resource


async def _answer(ctx: Context, change: Change) -> Resource:
    """The Task of a request is written by the platform, answered by those of the team it was sent to, step after step.

    Forbidden to others; Unprocessable for a step that does not follow, or without the words that it takes.
    """
    stored = await ctx.records.before(change)
    if not is_answer(stored) and not is_answer(change.resource):
        return change.resource
    if not stored or change.verb is Verb.DELETE or not is_answer(change.resource):
        return _kept_by_the_platform(ctx, change.resource, "the Task of a request for support is the platform's to write")
    _refuse_other(stored, change.resource, KEPT_OF_ANSWER)
    await _refuse_step(ctx, stored, change.resource)
    return change.resource


async def _asked(ctx: Context, resource: Resource) -> Resource:
    asked: Resource = {"id": str(uuid.uuid4()), "authoredOn": ctx.now.isoformat(timespec="seconds"), **resource}
    asked["requester"] = _requester(ctx.actor, asked)
    patient = (local(asked.get("subject")) or "").removeprefix("Patient/")
    if not (local(asked.get("subject")) or "").startswith("Patient/"):
        raise _wrong("subject", "a request for support is about a Patient of this platform")
    if asked.get("status") != "active":
        raise _wrong("status", "a new request for support is active")
    asked["performer"] = [await _team(ctx, asked)]
    read = resources.request_from(asked)
    if not read.words and not read.reason:
        raise _wrong("reasonCode", "say in words what support is asked for")
    await _refuse_handing_over(ctx, asked, patient)
    await _refuse_without_agreement(ctx, asked, patient)
    if not any(one.get("id") == resources.PERSON for one in asked.get("contained", [])):
        asked = await _with_person(ctx, asked, patient)
    ctx.announce(SupportAsked(request=asked["id"], patient=patient, team=asked["performer"][0]["reference"]))
    return asked


def _requester(actor: Actor, asked: Resource) -> Resource:
    """Who asks: whoever acts, or (of a program) whom it names."""
    own = {one for one in (actor.reference, actor.situation) if one}
    named: Resource | None = asked.get("requester")
    if writes.limited(actor) and named is not None and local(named) not in own:
        raise Forbidden("one asks for support in one's own name (ServiceRequest.requester)")
    found = named or {"reference": actor.reference}
    if not local(found):
        raise _wrong("requester", "say who asks, by a reference")
    return {"display": actor.name, **found} if local(found) in own else found


async def _team(ctx: Context, asked: Resource) -> Resource:
    """The coordination team that is asked; where none is named, the only one of the territory."""
    teams = await coordination_teams(ctx)
    named = [local(one) for one in asked.get("performer", [])]
    if not named and len(teams) == 1:
        named = [teams[0].reference]
    found = [one for one in teams if one.reference in named]
    if len(found) != 1 or len(named) != 1:
        raise _wrong("performer", "name one coordination team (Organization), whose sector is that of coordination")
    return {"reference": found[0].reference, "display": found[0].name}


async def _refuse_handing_over(ctx: Context, asked: Resource, patient: str) -> None:
    """Accepting a request that follows another ends that one's support: it is for those of its team to hand over."""
    before = resources.handed_over_by(asked)
    if before is None:
        return
    held = resources.request_from(await ctx.records.read("ServiceRequest", before))
    requester = str(local(asked["requester"]))
    if held.patient != patient or not (requester == held.team or await works_in(ctx, requester, held.team)):
        raise Forbidden("a support is handed over by the team that gives it, for the same person (ServiceRequest.basedOn)")


async def _refuse_without_agreement(ctx: Context, asked: Resource, patient: str) -> None:
    agreement = resources.agreement_of(asked)
    if agreement is None:
        raise _wrong("extension", f"the person's agreement is missing: {resources.CONSENT} with how and at")
    if agreement.how not in (*rights.WAYS, "online"):
        raise _wrong("extension", f"the person agrees {' or '.join((*rights.WAYS, 'online'))}")
    if agreement.at > ctx.now:
        raise _wrong("extension", "the person's agreement is dated after now")
    chosen = await rights.choices_of(ctx, patient)
    if chosen.denied("coordination") or chosen.denied("sharing"):
        text = "the person objects to coordination: the request stops here"
        raise Unprocessable(text, issues=[Issue("business-rule", text, "ServiceRequest.extension")], french=OPPOSED)


async def _with_person(ctx: Context, asked: Resource, patient: str) -> Resource:
    """Who it is about, for a team that does not see the record: only where whoever asks sees it themself."""
    traits = identity.claim_of(await ctx.records.read("Patient", patient)).traits
    return {
        **asked,
        "contained": [*asked.get("contained", []), resources.person_for(traits)],
        "supportingInfo": [*asked.get("supportingInfo", []), {"reference": f"#{resources.PERSON}"}],
        "subject": {"display": resources.words_for(traits), **asked["subject"]},
    }


async def _refuse_step(ctx: Context, stored: Resource, task: Resource) -> None:
    before, after = str(stored.get("status")), str(task.get("status"))
    if reason := rules.refusal(before, after, words=str(task.get("statusReason", {}).get("text", ""))):
        raise Unprocessable(reason, issues=[Issue("business-rule", reason, "Task.status")])
    if ctx.actor.kind not in (ActorKind.JOB, ActorKind.SYSTEM):
        await _refuse_who_answers(ctx, stored, after)
    team, referent = str(local(stored.get("owner"))), resources.referent_of(task)
    if referent and not await works_in(ctx, referent, team):
        raise Unprocessable.at("Task.output", f"{referent} does not work in {team}")
    if before != after:
        ctx.announce(
            SupportAnswered(
                task=stored["id"], request=str(local(stored.get("focus"))).partition("/")[2],
                patient=str(local(stored.get("for"))).partition("/")[2], state=after, by=referent or ctx.actor.reference,
            )
        )  # fmt: skip


async def _refuse_who_answers(ctx: Context, stored: Resource, after: str) -> None:
    """Those of the team go on as they see fit, the requester answers what they were asked or takes it back."""
    own = {one for one in (ctx.actor.reference, ctx.actor.situation) if one}
    if local(stored.get("requester")) in own and after in (State.ANALYSED, State.WITHDRAWN):
        return
    team = str(local(stored.get("owner")))
    if after == State.WITHDRAWN or not (ctx.actor.reference and await works_in(ctx, ctx.actor.reference, team)):
        raise Forbidden(f"a request for support is answered by the team it was sent to ({team})")
    if after == State.ACCEPTED and local(stored.get("requester")) in own:
        await _refuse_alone(ctx, stored, team)


async def _refuse_alone(ctx: Context, stored: Resource, team: str) -> None:
    """See `alone`."""
    if await alone(ctx, patient=str(local(stored.get("for"))).partition("/")[2], team=team):
        raise Forbidden("who asked for support of somebody they do not follow does not accept it: a colleague does", french=ALONE)


async def alone(ctx: Context, *, patient: str, team: str) -> list[str]:
    """The names of the colleagues who accept what whoever acts asked for; none where they may do so themself.

    Nobody opens to themself the record of somebody whom they do not follow, by asking for it and accepting: a colleague does, where there is one.
    """
    if patient and await ctx.records.find("Patient", {"_id": patient}):
        return []
    return [one.name for one in await colleagues(ctx, team) if one.reference != ctx.actor.reference]


def _refuse_unless_taken_back(actor: Actor, stored: Resource, asked: Resource) -> None:
    own = {one for one in (actor.reference, actor.situation) if one}
    if (stored.get("status"), asked.get("status")) != ("active", "revoked"):
        raise _wrong("status", "a request for support that is there is only taken back (revoked)")
    if writes.limited(actor) and local(stored.get("requester")) not in own:
        raise Forbidden("a request for support is taken back by who made it")


def _refuse_other(stored: Resource, resource: Resource, kept: tuple[str, ...]) -> None:
    for name in kept:
        if stored.get(name) != resource.get(name):
            raise _wrong(name, f"{name} of a request for support that is there does not change", stored["resourceType"])


def _kept_by_the_platform(ctx: Context, resource: Resource, words: str) -> Resource:
    if ctx.actor.kind is not ActorKind.JOB:
        raise Forbidden(words)
    return resource


def _wrong(name: str, text: str, kind: str = "ServiceRequest") -> Unprocessable:
    return Unprocessable(text, issues=[Issue("business-rule", text, f"{kind}.{name}")])
