"""Requests for support: asked by a professional, the person or their family; read and answered by the coordination team."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from maillage.access.access import Access
from maillage.access.actors import ActorKind, job_actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Forbidden, Invalid, NotFound, Unprocessable
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.resources.support import REQUEST, SUPPORT, Agreement, Asked, Request
from maillage.services.coordination.rules import support as rules
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import support_guard as _guards
from maillage.services.coordination.service.teams import Team, coordination_teams, own_teams
from maillage.services.identity import public as identity
from maillage.services.identity.public import IdentityClaim, Traits
from maillage.services.rights import public as rights

Resource = dict[str, Any]
keep_requests, keep_answers = _guards.keep_requests, _guards.keep_answers

ASKING = job_actor("coordination/ask")
"""Writes a request about somebody whose record its author does not see, and says nothing of that record."""
PAGE = "1000"
OF_SUPPORT = f"{REQUEST}|{SUPPORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who a request is about: the id of a record that is open to who asks, or what they say of somebody."""

    patient: str | None
    traits: Traits
    matricule: str = ""


async def teams(ctx: Context) -> list[Team]:
    """Whom one may ask."""
    return await coordination_teams(ctx)


async def person_asked_for(ctx: Context, patient: str) -> Person:
    """Somebody whose record is open to who asks; NotFound otherwise."""
    resource = await ctx.records.read("Patient", patient)
    return Person(patient=patient, traits=identity.claim_of(resource).traits)


async def ask(
    ctx: Context, access: Access, person: Person, asked: Asked, *, how: str, team: str, key: str, follows: str = ""
) -> str:
    """Sends a request in the name of who acts; its id. `how` the person agreed, `key` the form's own, so that it is sent once.

    It is the same answer whether or not the person is known here: who asks learns nothing of a record. Unprocessable where the person objects to coordination.
    """
    ctx.require(
        Permission.SUPPORT_OWN if ctx.actor.kind in (ActorKind.PATIENT, ActorKind.CARER) else Permission.SUPPORT_ASK,
        patient=person.patient,
    )
    requester = ctx.actor.reference
    if requester is None:
        raise Forbidden("who asks for support has a name in the directory")
    named = next((one for one in await coordination_teams(ctx) if one.reference == team), None)
    if named is None:
        raise Invalid.at("equipe", "this is no coordination team")
    id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:maillage:support/{requester}/{key}"))
    agreement = Agreement(how=how, collector=None if how == "online" else requester, at=ctx.now)
    async with access.act(ASKING, door=ctx.door) as platform:
        if await platform.records.find("ServiceRequest", {"_id": id}):
            return id
        patient = person.patient or await _identified(platform, person, by=ctx.actor.name)
        made = resources.request_for(
            asked, agreement, id=id, patient=patient, person=person.traits, requester=requester, requester_name=ctx.actor.name,
            team=named.reference, team_name=named.name, at=ctx.now, follows=follows,
        )  # fmt: skip
        try:
            await platform.records.write(made)
        except Unprocessable:  # that somebody learned that the person says no is in the person's trail
            ctx.trace(Action.CREATE, "ServiceRequest", id, patient=patient, query="support=refused", refused=True)
            raise
    ctx.trace(Action.CREATE, "ServiceRequest", id, patient=patient, query="support")
    return id


async def _identified(platform: Context, person: Person, *, by: str) -> str:
    """Under which Patient a request about somebody is filed: as an identity that a source tells of."""
    known = await identity.record_known_by(platform, person.traits, matricule=person.matricule)
    if known:
        return known
    found = await identity.identify(platform, IdentityClaim(person.traits, origin=f"Demande d’appui de {by}"))
    return (found.record_reference or found.patient_reference).removeprefix("Patient/")


@dataclass(frozen=True, slots=True)
class Desk:
    """The requests of a team, in the order in which they wait, and how many there are in each state."""

    requests: Sequence[Request]
    counts: dict[State, int]
    late: int


async def desk(ctx: Context, states: Collection[State] = frozenset(State)) -> Desk:
    """What was sent to the teams of whoever acts and stands in one of these states."""
    ctx.require(Permission.SUPPORT_TRIAGE)
    found = await _of_teams(ctx)
    counts = {one: sum(r.state is one for r in found) for one in State}
    shown = rules.ordered([one for one in found if one.state in states], ctx.now)
    return Desk(shown, counts, sum(rules.late(one, ctx.now) for one in found))


async def _of_teams(ctx: Context) -> list[Request]:
    places = await own_teams(ctx)
    if not places:
        return []
    parameters = [
        ("owner", ",".join(places)),
        ("code", OF_SUPPORT),
        ("_sort", "-authored-on"),
        ("_count", PAGE),
        ("_include", "Task:focus"),
    ]
    page = await ctx.records.search("Task", parameters)
    asked = {f"ServiceRequest/{one['id']}": one for one in page.included}
    return [
        resources.request_from(asked[focus], task) for task in page.matches if (focus := local(task.get("focus")) or "") in asked
    ]


async def mine(ctx: Context) -> list[Request]:
    """What whoever acts asked for, newest first, with its state."""
    ctx.require(Permission.SUPPORT_OWN if ctx.actor.kind in (ActorKind.PATIENT, ActorKind.CARER) else Permission.SUPPORT_ASK)
    parameters = [
        ("requester", ctx.actor.reference or "Practitioner/none"), ("category", OF_SUPPORT), ("_sort", "-authored"), ("_count", "100"),
        ("_revinclude", "Task:focus"),
    ]  # fmt: skip
    page = await ctx.records.search("ServiceRequest", parameters)
    answers = {local(one.get("focus")): one for one in page.included if resources.is_answer(one)}
    return [resources.request_from(one, answers.get(f"ServiceRequest/{one['id']}")) for one in page.matches]


async def one(ctx: Context, id: str) -> Request:
    """A request that whoever acts sent or may answer; NotFound otherwise."""
    resource = await ctx.records.read("ServiceRequest", id)
    if not resources.is_request(resource):
        raise NotFound(f"ServiceRequest/{id} is no request for support")
    return resources.request_from(resource, await _answer_to(ctx, id))


async def may_answer(ctx: Context, request: Request) -> bool:
    """Whether whoever acts works in the team that was asked."""
    return request.team in await own_teams(ctx)


async def accepted_by_others(ctx: Context, request: Request) -> list[str]:
    """Who of the team accepts a request in the place of whoever acts, who made it about somebody they do not follow; none where they may."""
    own = {one for one in (ctx.actor.reference, ctx.actor.situation) if one}
    if request.requester not in own or not request.state.open:
        return []
    return await _guards.alone(ctx, patient=request.patient or "", team=request.team)


async def opened(ctx: Context, request: Request) -> bool:
    """Whether the record of the person is open to whoever acts."""
    return bool(await ctx.records.find("Patient", {"_id": request.patient})) if request.patient else False


async def move(
    ctx: Context, id: str, state: State, *, words: str = "", version: str = "", directed: bool = False, referent: str = ""
) -> None:
    """The team's answer to a request: analysed, waiting for what is missing, accepted (`referent` follows the person), refused or directed elsewhere.

    `version` of the Task that was read: PreconditionFailed where a colleague answered meanwhile. What the guard refuses is refused.
    """
    ctx.require(Permission.SUPPORT_TRIAGE)
    task = await _answer_to(ctx, id)
    if task is None:
        raise NotFound(f"ServiceRequest/{id} has no answer to give yet")
    if task.get("status") == state.value and state.decides:
        return
    if version:
        task = {**task, "meta": {**task["meta"], "versionId": version}}
    if state is State.ACCEPTED:
        task = resources.with_referent(task, referent or ctx.actor.reference or "")
    written = resources.moved(
        task, state, words=words, by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now, directed=directed
    )
    await ctx.records.write(written)


async def reply(ctx: Context, access: Access, id: str, *, words: str) -> None:
    """The requester says what was missing."""
    await _by_requester(ctx, access, id, State.ANALYSED, words=words)


async def take_back(ctx: Context, access: Access, id: str) -> None:
    """The requester no longer asks."""
    await _by_requester(ctx, access, id, State.WITHDRAWN, words="Demande retirée par son auteur")


async def _by_requester(ctx: Context, access: Access, id: str, state: State, *, words: str) -> None:
    """People write no Task: the platform notes what they said, once it is sure that it is theirs to say."""
    resource = await ctx.records.read("ServiceRequest", id)
    if not resources.is_request(resource) or local(resource.get("requester")) not in {
        ctx.actor.reference,
        ctx.actor.situation,
    } - {None}:
        raise Forbidden("a request for support is answered for by who made it")
    async with access.act(ASKING, door=ctx.door) as platform:
        task = await _answer_to(platform, id)
        if task is None:
            raise NotFound(f"ServiceRequest/{id} has no answer to give yet")
        if task.get("status") == state.value:
            return
        await platform.records.write(
            resources.moved(task, state, words=words, by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now)
        )
    ctx.trace(
        Action.UPDATE,
        "ServiceRequest",
        id,
        patient=(local(resource.get("subject")) or "").removeprefix("Patient/"),
        query=f"support={state}",
    )


async def _answer_to(ctx: Context, id: str) -> Resource | None:
    found = await ctx.records.find("Task", {"focus": f"ServiceRequest/{id}", "code": OF_SUPPORT})
    return found[0] if found else None


async def begin(ctx: Context, *, request: str) -> None:
    """For jobs: the Task of a new request, once. What the person agreed to becomes their choice when the support begins (`episodes.open_for`)."""
    resource = await ctx.records.read("ServiceRequest", request)
    if await _answer_to(ctx, request) is None:
        await ctx.records.write(resources.task_for(resources.request_from(resource), at=ctx.now))


async def figures(ctx: Context) -> dict[str, list[rules.Tally]]:
    """What was sent to the teams of whoever acts, counted."""
    ctx.require(Permission.SUPPORT_TRIAGE)
    return rules.tallies(await _of_teams(ctx))


async def whose(ctx: Context) -> str:
    """Whose record whoever acts may ask for: the person themself, or whom they help."""
    return await rights.person_of(ctx)
