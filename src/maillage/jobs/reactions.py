"""Reactions: what a service does when a fact is announced, declared in its `jobs.py`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from maillage.access.context import Context
from maillage.events import Event
from maillage.jobs.naming import name_of

Handler = Callable[[Context, Any], Awaitable[None]]
HandlerOfMany = Callable[[Context, Sequence[Any]], Awaitable[None]]

BATCH = 16
PATIENCE = (timedelta(seconds=0.5), timedelta(seconds=2), timedelta(seconds=8), timedelta(seconds=20))


@dataclass(frozen=True, slots=True)
class Reaction:
    """A handler of some kinds of event. Its database effect happens once for each event, in the order of the feed.

    `batch` events at most share a transaction when many wait; one that fails is then run alone, so a fault undoes nothing else.
    """

    name: str
    events: tuple[type[Event], ...]
    handler: Handler
    batch: int
    of_many: bool = False
    """Whether the handler takes all of them at once."""

    @property
    def kinds(self) -> list[str]:
        """The kinds of event that it handles."""
        return [event.kind for event in self.events]

    async def __call__(self, ctx: Context, *events: Event) -> None:
        """Run the handler for these events, in their order."""
        if self.of_many:
            await self.handler(ctx, events)
            return
        for event in events:
            await self.handler(ctx, event)


def reaction(*events: type[Event], batch: int = BATCH) -> Callable[[Handler], Reaction]:
    """Declare `async def handler(ctx, event)` as the reaction to these events.

    A service's reactions must not go outside the database: what does is an `errand`, put off with `ctx.later`.
    """

    def declare(handler: Handler) -> Reaction:
        return Reaction(name_of(handler), events, handler, batch)

    return declare


def reaction_to_many(*events: type[Event], batch: int) -> Callable[[HandlerOfMany], Reaction]:
    """Declare `async def handler(ctx, events)` as the reaction to up to `batch` of these events at once, handled with few statements.

    What it does for one event must not depend on which others came with it.
    """

    def declare(handler: HandlerOfMany) -> Reaction:
        return Reaction(name_of(handler), events, handler, batch, of_many=True)

    return declare


def pause_after(attempts: int) -> timedelta | None:
    """How long to wait after this many failures of one event; None when it is to be set aside and the next ones go on."""
    return PATIENCE[attempts - 1] if attempts <= len(PATIENCE) else None
