"""HL7 v2 door: MDM^T02, T10, T04 and ORU^R01 that carry CDA documents. Parse, call one verb, answer."""

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Forbidden, Infected, Invalid, NotFound, Unprocessable
from maillage.services.documents import rules
from maillage.services.documents.resources import messages
from maillage.services.documents.resources.messages import DELETE, Carried
from maillage.services.documents.service.receiving import Origin, parsed, receive
from maillage.services.documents.service.withdrawing import withdraw
from maillage.services.exchange.public import Handled, Message, Refused, handles, needed_segment
from maillage.services.identity.public import TOLD_WHEN_IN_DOUBT, claim_of, patient_from


@handles("MDM^T02", "MDM^T10", "MDM^T04", "ORU^R01")
async def receive_documents(ctx: Context, message: Message) -> Handled:
    """Every document of the message, in its order: all are taken or none."""
    ctx.require(Permission.MESSAGE_RECEIVE)
    needed_segment(message, "PID")
    carried = messages.documents_in(message)
    flags = _flags(message)
    origin = Origin(
        door="mllp",
        source=f"{message.value('MSH-4')} ({message.value('MSH-9.1')} {message.value('MSH-9.2')})",
        claim=claim_of(patient_from(message), origin=message.source),
        visibility=rules.visibility(flags),
        replaces=messages.parent_of(message),
    )
    handled = [await _taken(ctx, message, one, origin) for one in carried]
    notes = [one.note for one in handled if one.note]
    return Handled(patient=handled[0].patient, records=tuple(r for one in handled for r in one.records), note=" ; ".join(notes))


def _flags(message: Message) -> dict[str, bool]:
    """The flags of the message; Refused at the OBX that asks to send a document to whom it is hidden from."""
    said = messages.flags_in(message)
    flags = {code: value for code, (value, _) in said.items()}
    if pair := rules.forbidden_pair(flags):
        hidden, sent = pair
        text = f"{hidden} = Y interdit {sent} = Y : ce qui est masqué à quelqu'un ne lui est pas envoyé"
        raise Refused.at("OBX-5.1", text, error="103", sequence=said[sent][1].sequence)
    return flags


async def _taken(ctx: Context, message: Message, carried: Carried, origin: Origin) -> Handled:
    try:
        document = await parsed(carried.content)
        messages.check_against(message, carried, document.header)
        if carried.status == DELETE:
            withdrawn = await withdraw(ctx, document, origin=origin)
            return _handled(withdrawn.patient, withdrawn.document, *(["déjà supprimé"] if withdrawn.again else []))
        received = await receive(ctx, carried.content, origin=origin, read=document)
    except (Conflict, NotFound, Forbidden, Unprocessable) as fault:
        if not fault.french:  # not said by this service of the document: a race that the door tries again, or a fault of ours
            raise
        if isinstance(fault, Infected):
            raise carried.refused("OBX-5.5", fault.french, error="102") from fault
        if fault.issues[0].code == "code-invalid":
            raise carried.refused("OBX-3.1", fault.french, error="103") from fault
        raise carried.refused("OBX-5.5", fault.french, error="205" if isinstance(fault, Conflict) else "204") from fault
    except Refused:
        raise
    except Invalid as fault:
        why = fault.french or f"une valeur ne peut pas être enregistrée ({fault.issues[0].expression})"
        raise carried.refused("OBX-5.5", f"OBX-5 ne porte pas un document CDA lisible : {why}") from fault
    return _handled(received.patient, received.document, *received.notes, *([] if received.certain else [TOLD_WHEN_IN_DOUBT]))


def _handled(patient: str, document: str, *notes: str) -> Handled:
    return Handled(patient=patient, records=(f"DocumentReference/{document}",), note=" ; ".join(notes))
