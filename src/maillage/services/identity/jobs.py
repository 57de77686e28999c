"""What happens after a Patient came in through the FHIR door: it is matched, or put to a steward."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.identity.events import PatientStored
from maillage.services.identity.service.matching import match


@reaction(PatientStored)
async def match_stored_patient(ctx: Context, event: PatientStored) -> None:
    """Certain: linked to its record. Otherwise a steward's case."""
    await match(ctx, patient=event.patient)
