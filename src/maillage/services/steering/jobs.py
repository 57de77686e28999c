"""Reaction: a document that comes is counted."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.documents.events import DocumentReceived
from maillage.services.steering import service
from maillage.services.steering.service import Tally


@reaction(DocumentReceived)
async def count_the_document(ctx: Context, event: DocumentReceived) -> None:
    """One more document, the day it came; told again once a steward knows whose it is, it counts as qualified."""
    tally = Tally(
        document=event.document,
        day=service.local_day(ctx.now),
        type=event.type,
        organization=(event.organization or "").removeprefix("Organization/"),
        qualified=event.certain and event.ins,
        replacement=event.replaces is not None,
    )
    await service.count(ctx, [tally])
