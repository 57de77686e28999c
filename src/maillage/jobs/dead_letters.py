"""Events that a reaction could not handle: who reads them may ask for one more try."""

from dataclasses import dataclass
from datetime import datetime

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import NotFound

QUERIES = load_queries("maillage.jobs")
SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One event set aside. `fault` is a class and a place in the code; `retry` says that a new try was asked."""

    id: int
    reaction: str
    happened: datetime
    kind: str
    attempts: int
    fault: str
    at: datetime
    retry: bool


async def dead_letters(ctx: Context) -> list[DeadLetter]:
    """The events set aside, the latest first, SHOWN at most."""
    ctx.require(Permission.CONNECTORS_READ)
    return [DeadLetter(**row) for row in await ctx.run(QUERIES.dead_letters, count=SHOWN)]


async def try_again(ctx: Context, *, dead_letter: int) -> None:
    """Hand an event set aside to its reaction once more. Raises NotFound when it is no longer there."""
    ctx.require(Permission.QUARANTINE_REPLAY)
    reaction = await ctx.run(QUERIES.ask_again, id=dead_letter)
    if reaction is None:
        raise NotFound("This event is not set aside any more.")
    await ctx.run(QUERIES.wake_reaction, reaction=reaction)
