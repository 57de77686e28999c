"""What happens after a Patient came in through the FHIR door: it is matched, or put to a steward."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.identity.events import PatientStored
from maillage.services.identity.service.matching import match


# One event a transaction: each takes the locks of its claim, and two in one transaction could wait crosswise for a message.
@reaction(PatientStored, batch=1)
async def match_stored_patient(ctx: Context, event: PatientStored) -> None:
    """Certain, and opening the record to nobody by their own word: linked to it. Otherwise a steward's case."""
    await match(ctx, patient=event.patient, by_person=event.by_person)
