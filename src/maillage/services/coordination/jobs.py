"""Reactions: what protocols ask for becomes a task; a request for support gets its Task, and opens what it was accepted for."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.jobs import reaction, reaction_to_many
from maillage.services.coordination.events import SupportAnswered, SupportAsked
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import episodes, support, tasks
from maillage.services.pathways.events import ActionDue


@reaction_to_many(ActionDue, batch=16)
async def plan_the_action(ctx: Context, events: Sequence[ActionDue]) -> None:
    """An action that is due becomes a task of the person's coordination team, if one supports them."""
    await tasks.plan(ctx, events)


@reaction(SupportAsked)
async def put_before_the_team(ctx: Context, event: SupportAsked) -> None:
    """A request for support has its Task in the team's list."""
    await support.begin(ctx, request=event.request)


@reaction(SupportAnswered)
async def follow_the_answer(ctx: Context, event: SupportAnswered) -> None:
    """What was accepted is opened: the episode, and the team in the circle; what is closed ends."""
    if event.state == State.ACCEPTED:
        await episodes.open_for(ctx, request=event.request, referent=event.by)
    if event.state == State.CLOSED:
        await episodes.end_for(ctx, request=event.request, task=event.task)
