"""What happens after a Patient came in through the FHIR door: it is matched, or put to a steward."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.jobs import reaction_to_many
from maillage.services.identity.events import PatientStored
from maillage.services.identity.service.matching import match


@reaction_to_many(PatientStored, batch=32)
async def match_stored_patient(ctx: Context, events: Sequence[PatientStored]) -> None:
    """Certain, and opening the record to nobody by their own word: linked to it. Otherwise a steward's case."""
    by_persons = {event.patient for event in events if event.by_person}
    await match(ctx, *dict.fromkeys(event.patient for event in events), by_persons=by_persons)
