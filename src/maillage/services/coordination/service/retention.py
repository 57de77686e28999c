"""How long the desk keeps what is in no record: invitations and absences that are over, a year; the time that appointments took, a day."""

from datetime import timedelta

from maillage.access.context import Context
from maillage.db import load_queries

QUERIES = load_queries("maillage.services.coordination")
KEPT = timedelta(days=365)
"""As long as somebody may come back to it: who was invited where, who was away. Nothing in law says a time for these (RGPD 5.1.e leaves it to us)."""


async def forget(ctx: Context) -> None:
    """For jobs: drops what nobody needs any more."""
    await ctx.run(QUERIES.forget_what_is_over, before=ctx.now - KEPT, yesterday=ctx.now - timedelta(days=1))
