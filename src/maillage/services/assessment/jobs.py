"""Reactions: what a finished assessment is followed by."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.assessment.events import AssessmentRecorded
from maillage.services.assessment.service import recording


@reaction(AssessmentRecorded)
async def record_what_it_says(ctx: Context, event: AssessmentRecorded) -> None:
    """Its scores reach the record, and who asked for it is told."""
    await recording.record(ctx, event)
