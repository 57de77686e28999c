"""HL7 v2 door: the ADT messages of IHE PAM France. Parse, call the verbs, answer."""

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.exchange.public import Handled, Message, handles
from maillage.services.identity.rules.matching import TOLD_WHEN_IN_DOUBT
from maillage.services.identity.service import movements
from maillage.services.identity.service.identify import Identified


@handles("ADT^A01", "ADT^A03", "ADT^A04", "ADT^A05", "ADT^A28", "ADT^A31", "ADT^Z99")
async def receive_movement(ctx: Context, message: Message) -> Handled:
    """Who the person is, the stay that begins or ends, the consents that come along."""
    ctx.require(Permission.MESSAGE_RECEIVE)
    organization = await movements.sender(ctx, message)
    identified = await movements.person_of(ctx, message, organization=organization)
    stay = await movements.follow_stay(ctx, message, patient=identified.patient, organization=organization)
    consents = await movements.note_consents(ctx, message, patient=identified.patient)
    return _handled(identified, *([stay] if stay else []), *consents)


@handles("ADT^A40")
async def receive_merge(ctx: Context, message: Message) -> Handled:
    """A merge of identifiers at the source is put to a steward."""
    ctx.require(Permission.MESSAGE_RECEIVE)
    organization = await movements.sender(ctx, message)
    return _handled(await movements.merge(ctx, message, organization=organization))


def _handled(identified: Identified, *records: str) -> Handled:
    note = "" if identified.certain else TOLD_WHEN_IN_DOUBT
    return Handled(patient=identified.patient_reference, records=(identified.patient_reference, *records), note=note)
