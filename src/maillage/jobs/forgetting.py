"""Work that waits about what is erased (RGPD art. 17) is not done any more."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries

QUERIES = load_queries("maillage.jobs")


@forgets
async def forget_work(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """No document of ours is unnamed by it."""
    patients = [one.id for one in erased if one.type == "Patient"]
    documents = [one.id for one in erased if one.type == "DocumentReference"]
    if patients or documents:
        await ctx.run(QUERIES.forget, patients=patients, documents=documents)
    return []
