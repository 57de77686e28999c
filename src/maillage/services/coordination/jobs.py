"""Reactions: what protocols ask for becomes a task."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.jobs import reaction_to_many
from maillage.services.coordination.service import tasks
from maillage.services.pathways.events import ActionDue


@reaction_to_many(ActionDue, batch=16)
async def plan_the_action(ctx: Context, events: Sequence[ActionDue]) -> None:
    """An action that is due becomes a task of the person's coordination team, if one supports them."""
    await tasks.plan(ctx, events)
