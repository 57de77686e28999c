"""Tells of documents that waited: filed under an identity that a steward had still to decide on."""

from maillage.access.context import Context
from maillage.fhir.change import Resource
from maillage.services.documents.events import DocumentReceived
from maillage.services.documents.resources import document_reference
from maillage.services.documents.resources.summary import summary


async def tell(ctx: Context, *, identity: str, record: str) -> None:
    """Announce the current documents filed under an identity which is now known to be that of a regional record."""
    params = [("patient", identity), ("status", "current"), ("_count", "500")]
    for document in await ctx.records.find("DocumentReference", params):
        if document_reference.digest_of(document):
            ctx.announce(_told_later(document, record))


def _told_later(document: Resource, record: str) -> DocumentReceived:
    about = summary(document)
    return DocumentReceived(
        document=about.id,
        patient=record,
        certain=True,
        type=about.type_code,
        door="identity",
        author=document_reference.first_of(document["author"], "Practitioner/"),
        organization=document_reference.first_of([document["custodian"]], "Organization/"),
        recipients=document_reference.recipients_of(document),
        ins=document_reference.carries_ins(document),
        hidden=document_reference.hidden_from(document),
    )
