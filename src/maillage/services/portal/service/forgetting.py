"""What is known here of resources that are erased (RGPD art. 17): who marked a document as read."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries

QUERIES = load_queries("maillage.services.portal")


@forgets
async def forget_marks(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """No document of ours is unnamed by it."""
    documents = [one.id for one in erased if one.type == "DocumentReference"]
    readers = [one.name for one in erased if one.type in ("Patient", "RelatedPerson")]
    await ctx.run(QUERIES.forget, documents=documents, readers=readers)
    return []
