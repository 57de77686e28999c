"""Reactions: what protocols ask for becomes a task."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.coordination.service import tasks
from maillage.services.pathways.events import ActionDue


@reaction(ActionDue)
async def plan_the_action(ctx: Context, event: ActionDue) -> None:
    """An action that is due becomes a task of the person's coordination team, if one supports them."""
    await tasks.plan(ctx, protocol=event.protocol, action=event.action, patient=event.patient, focus=event.focus, due=event.due)
