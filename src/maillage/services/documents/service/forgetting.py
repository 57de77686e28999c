"""What is known here of documents that are erased (RGPD art. 17): their bytes, and all but the unique id."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries

QUERIES = load_queries("maillage.services.documents")


@forgets
async def forget_documents(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """The digests of their originals; the same document is not received again."""
    documents = [one.id for one in erased if one.type == "DocumentReference"]
    rows = await ctx.run(QUERIES.forget, documents=documents) if documents else []
    return [row["sha256"] for row in rows]
