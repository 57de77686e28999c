"""Reactions: the facts that protocols listen to."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.documents.events import DocumentReceived
from maillage.services.identity.events import EncounterFinished
from maillage.services.pathways import rules, service

INPATIENT = "IMP"  # v3-ActCode


@reaction(DocumentReceived)
async def follow_a_document(ctx: Context, event: DocumentReceived) -> None:
    """A document about a person who is known for certain may call for an action, by its type; it is told again once they are.

    One that is hidden from professionals asks nothing of them: the task would tell of it.
    """
    if event.certain and event.replaces is None and event.for_professionals:
        service.follow(
            ctx,
            fact=rules.DOCUMENT_RECEIVED,
            patient=event.patient,
            focus=f"DocumentReference/{event.document}",
            type_code=event.type,
        )


@reaction(EncounterFinished)
async def follow_a_discharge(ctx: Context, event: EncounterFinished) -> None:
    """The end of a hospital stay that leads home calls for actions, whether or not a letter comes."""
    if not event.home or event.encounter_class != INPATIENT:
        return
    service.follow(ctx, fact=rules.ENCOUNTER_FINISHED, patient=event.patient, focus=f"Encounter/{event.encounter}")
