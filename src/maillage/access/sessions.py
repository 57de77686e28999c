"""Sessions of people as services see them."""

from maillage.access.context import Context
from maillage.db import load_queries

QUERIES = load_queries("maillage.access")


async def end_all(ctx: Context, actor: str) -> None:
    """Every session and bearer token of this actor (its id) ends with this transaction."""
    ctx.refuse_to_write()
    await ctx.run(QUERIES.close_sessions_of, actor=actor, now=ctx.now)
    await ctx.run(QUERIES.revoke_tokens_of, actor=actor, now=ctx.now)
