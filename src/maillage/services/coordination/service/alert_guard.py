"""What holds of every alert, whatever the door: it is put before somebody, says what it said, and is ended by who was told of it."""

from typing import Any
from uuid import uuid4

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.errors import Conflict, Forbidden
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.events import AlertEnded, AlertRaised
from maillage.services.coordination.resources import alert as resources
from maillage.services.coordination.service.task_guard import is_for

Resource = dict[str, Any]
SAID = ("extension", "identifier", "category", "code", "subject")


@guard("Flag")
async def keep_alerts(ctx: Context, change: Change) -> Resource:
    """Conflict to delete an alert, or to say that it said something else; Forbidden to end it to whom it was not put before."""
    resource = change.resource
    before = await ctx.records.before(change)
    if not before or not resources.is_alert(before):
        if change.verb is Verb.DELETE or not resources.is_alert(resource) or resource.get("status") != "active":
            return resource
        raised = {"id": str(uuid4()), **resource}
        ctx.announce(AlertRaised(flag=raised["id"]))
        return raised
    if ctx.actor.kind is ActorKind.PROFESSIONAL:
        if change.verb is Verb.DELETE or any(before.get(name) != resource.get(name) for name in SAID):
            raise Conflict("an alert says what it said: end it, and say why")
        await _refuse_strangers(ctx, before["id"])
    if before.get("status") == "active" and (change.verb is Verb.DELETE or resource.get("status") != "active"):
        ctx.announce(AlertEnded(flag=before["id"]))
    return resource


async def _refuse_strangers(ctx: Context, flag: str) -> None:
    for task in await ctx.records.find("Task", [("_id", resources.task_id(flag))]):
        if not await is_for(ctx, task):
            raise Forbidden(
                "an alert is ended by who was told of it, and their team", french="Cette alerte est à une autre équipe."
            )
