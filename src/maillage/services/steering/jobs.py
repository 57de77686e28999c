"""Reaction: documents that come are counted."""

from collections.abc import Sequence
from datetime import date

from maillage.access.context import Context
from maillage.jobs import reaction_to_many
from maillage.services.documents.events import DocumentReceived
from maillage.services.rights import public as rights
from maillage.services.steering import service
from maillage.services.steering.service import Tally


@reaction_to_many(DocumentReceived, batch=64)
async def count_the_document(ctx: Context, events: Sequence[DocumentReceived]) -> None:
    """One more document, the day it came; told again once a steward knows whose it is, it counts as qualified.

    Those of people whose data serve their care only are not counted.
    """
    for_care = await rights.for_care_only(ctx, {event.patient for event in events})
    counted = [event for event in events if event.patient not in for_care]
    tallies = {event.document: _tally(event, service.local_day(ctx.now)) for event in counted}  # the last word on each counts
    await service.count(ctx, list(tallies.values()))


def _tally(event: DocumentReceived, day: date) -> Tally:
    return Tally(
        document=event.document,
        day=day,
        type=event.type,
        organization=(event.organization or "").removeprefix("Organization/"),
        qualified=event.certain and event.ins,
        replacement=event.replaces is not None,
    )
