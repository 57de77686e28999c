"""What holds for plans and goals at every door: an archived plan does not change, no date is out of sense, each goal is the person's own."""

from typing import Any

from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.errors import Conflict, Issue, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.rules import plan as rules

Resource = dict[str, Any]


@guard("CarePlan")
async def keep_plans(ctx: Context, change: Change) -> Resource:
    """Refuses what has no sense in a plan of coordination, naming each place; other CarePlans pass as they are."""
    resource = change.resource
    if "id" in resource and change.verb is not Verb.CREATE:
        await _keep_archived(ctx, change)
    if change.verb is Verb.DELETE or not plans.is_ours(resource):
        return resource
    if found := rules.issues(resource):
        raise Unprocessable(found[0].diagnostics, issues=found, french="Une date de ce plan n’a pas de sens.")
    return resource


@guard("Goal")
async def keep_goals(ctx: Context, change: Change) -> Resource:
    """Refuses a goal that would be due before it starts."""
    if change.verb is not Verb.DELETE and (found := rules.goal_issues(change.resource)):
        raise Unprocessable(found[0].diagnostics, issues=found, french="L’échéance de cet objectif est avant son début.")
    return change.resource


async def _keep_archived(ctx: Context, change: Change) -> None:
    before = await ctx.records.before(change)
    after = {"status": "deleted"} if change.verb is Verb.DELETE else change.resource
    if before and plans.is_ours(before) and not rules.may_become(before, after):
        text = "an archived plan does not change; write a new one that replaces it"
        raise Conflict(
            text, issues=[Issue("conflict", text, "CarePlan.status")], french="Ce plan est archivé : il ne se change plus."
        )
