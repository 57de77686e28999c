"""Withdraws a document at its author's demand: the bytes and the history are kept, nobody is shown it any more."""

from dataclasses import dataclass

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import NotFound
from maillage.services.documents import rules
from maillage.services.documents.events import DocumentDeleted
from maillage.services.documents.resources import document_reference
from maillage.services.documents.resources.cda import ClinicalDocument
from maillage.services.documents.rules import Held
from maillage.services.documents.service.receiving import Origin, custodian_of
from maillage.services.identity.public import claim_of

QUERIES = load_queries("maillage.services.documents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The record that was withdrawn and whose it is; `again` is true when it had been withdrawn before."""

    document: str
    patient: str
    again: bool = False


async def withdraw(ctx: Context, document: ClinicalDocument, *, origin: Origin) -> Withdrawn:
    """Withdraw the document that this CDA is (a deletion message carries its last version).

    Only its unique id, its patient and its custodian count: the bytes may be those of another export.
    Raises NotFound when it was never received, Unprocessable when it is about someone else, Forbidden when it is another's.
    """
    ctx.require(Permission.DOCUMENT_WRITE)
    header = document.header
    said = claim_of(document_reference.source_patient(header.subject))
    if refused := rules.refusal_of_carrier(origin.claim, said):
        raise refused
    row = await ctx.run(QUERIES.known, unique_id=header.id.text)
    if row is None:
        raise NotFound(
            f"the document {header.id.text} was never received: there is nothing to withdraw",
            french=f"document inconnu : {header.id.text} n'a jamais été reçu, il n'y a rien à supprimer",
        )
    held = Held(**row)
    if forbidden := rules.refusal_to_touch(held, custodian=custodian_of(header)):
        raise forbidden
    record = await ctx.records.read("DocumentReference", held.document or "")
    patient = record["subject"]["reference"]
    stored = claim_of(document_reference.patient_of(record))
    if refused := rules.refusal_to_withdraw(stored, said):
        raise refused
    if held.withdrawn:
        return Withdrawn(document=record["id"], patient=patient, again=True)
    await ctx.run(QUERIES.withdraw, document=record["id"])
    await ctx.records.write(document_reference.deleted(record))
    ctx.announce(DocumentDeleted(document=record["id"], patient=patient.removeprefix("Patient/")))
    return Withdrawn(document=record["id"], patient=patient)
