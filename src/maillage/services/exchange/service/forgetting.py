"""What is known here of resources that are erased (RGPD art. 17): the messages that brought them, where those waited in the quarantine."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries

QUERIES = load_queries("maillage.services.exchange")


@forgets
async def forget_messages(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """No document of ours is unnamed by it. Messages that were accepted at once are not kept at all."""
    if erased:
        await ctx.run(QUERIES.forget, records=[one.name for one in erased], now=ctx.now)
    return []
