"""What holds of every task of coordination, whatever the door: whose it is to change, and what may become of it."""

from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.references import local
from maillage.errors import Conflict, Forbidden, Invalid
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources import alert as alerts
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.rules import tasks as rules
from maillage.services.coordination.service.colleagues import colleagues, is_near

Resource = dict[str, Any]
WORKING = ("Practitioner/", "PractitionerRole/", "Organization/")


@guard("Task")
async def keep_tasks(ctx: Context, change: Change) -> Resource:
    """Forbidden to change a task of another team; Conflict for a move that no task makes; Invalid where it would be about somebody else.

    Tasks of other systems and of other uses are their own affair: it is by the code of coordination that one of ours is known.
    """
    resource = change.resource
    if ctx.actor.kind is not ActorKind.PROFESSIONAL:
        return resource
    before = await ctx.records.before(change)
    if not before or not resources.is_ours(before):
        if resources.is_ours(resource) and change.verb is not Verb.DELETE:
            _refuse_borrowed_name(ctx, resource)
            await _refuse_strangers(ctx, {}, resource)
        return resource
    if change.verb is Verb.DELETE:
        raise Conflict("a task is not deleted: cancel it, and say why")
    await _refuse_others(ctx, before)
    _refuse_other_words(ctx, before, resource)
    await _refuse_strangers(ctx, before, resource)
    if not resources.is_ours(resource) or local(resource.get("for")) != local(before.get("for")):
        raise Invalid.at("Task.for", "a task stays what it is and about whom it is")
    if not rules.may_become(before["status"], resource["status"]):
        raise Conflict(f"a task that is {before['status']} does not become {resource['status']}")
    return resource


def _refuse_borrowed_name(ctx: Context, resource: Resource) -> None:
    """Who asks signs: a professional asks in their own name."""
    asked = local(resource.get("requester"))
    if asked and asked not in _names(ctx):
        raise Forbidden("a task is asked for in one's own name (Task.requester)")


def _refuse_other_words(ctx: Context, before: Resource, after: Resource) -> None:
    """What was said of a task stays, in its order; who asks, and who says something more, does so in their own name."""
    if before.get("requester") != after.get("requester"):
        _refuse_borrowed_name(ctx, after)
    said, now = before.get("note", []), after.get("note", [])
    if now[: len(said)] != said:
        raise Conflict("what was said of a task stays: add a note (Task.note)")
    if any(local(one.get("authorReference")) not in (None, *_names(ctx)) for one in now[len(said) :]):
        raise Forbidden("one says something of a task in one's own name (Task.note)")


async def _refuse_strangers(ctx: Context, before: Resource, after: Resource) -> None:
    """Whoever has a task sees it: it is given to whom the page would give it to. Jobs give it to whom a rule names."""
    owner, person = local(after.get("owner")), local(after.get("for")) or ""
    if ctx.door != "fhir" or not owner or owner == local(before.get("owner")):
        return
    if owner.startswith(WORKING) and not await is_near(ctx, owner, patient=person.removeprefix("Patient/")):
        raise Invalid.at("Task.owner", "a task is given to oneself, a colleague, a team, or somebody of the circle")


def _names(ctx: Context) -> tuple[str | None, ...]:
    return (ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations)


async def _refuse_others(ctx: Context, before: Resource) -> None:
    if not await is_for(ctx, before):
        raise Forbidden(
            "a task is changed by who has it, who asked for it, and their team", french="Cette tâche est à une autre équipe."
        )


async def is_for(ctx: Context, task: Resource) -> bool:
    """Whether a task is that of whoever acts, of their team or a colleague; an alert is also that of whoever was told of it."""
    owner, requester = local(task.get("owner")) or "", local(task.get("requester")) or ""
    actor, teams = ctx.actor.reference, ctx.actor.organizations
    concerned = {owner, *(alerts.told_of(task) if resources.is_alert(task) else ())}
    if any(rules.is_theirs(owner=one, requester=requester, actor=actor, teams=teams, colleagues=()) for one in concerned):
        return True
    near = {one.reference for one in await colleagues(ctx)}
    return any(rules.is_theirs(owner=one, requester=requester, actor=actor, teams=teams, colleagues=near) for one in concerned)
