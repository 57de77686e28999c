"""The guard of every DocumentReference write: a CDA sent through FHIR goes the way of all documents."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.db import load_queries
from maillage.errors import Conflict, Issue, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.files import digest
from maillage.services.documents import rules
from maillage.services.documents.events import DocumentDeleted
from maillage.services.documents.resources import cda, document_reference, markup
from maillage.services.documents.resources.summary import summary
from maillage.services.documents.service.receiving import Origin, Received, announce, prepare
from maillage.services.identity.public import claim_of

QUERIES = load_queries("maillage.services.documents")
Resource = dict[str, Any]

ATTACHMENT = "DocumentReference.content[0].attachment"
KEPT = ("masterIdentifier", "content", "subject", "relatesTo")
"""What nobody changes in the record of an original: send a new document that replaces it."""


@guard("DocumentReference")
async def complete(ctx: Context, change: Change) -> Resource:
    """Completes a document from the CDA it carries, keeps an original's record true, and follows a withdrawal.

    Raises Invalid (not a safe CDA), Unprocessable (another patient than the subject, or a changed original), Conflict (received before).
    """
    resource = change.resource
    if change.verb is Verb.DELETE:
        await _follow_deletion(ctx, resource["id"])
        return resource
    if (content := _cda_in(resource, ctx.records.together)) is not None:
        return await _sent_before(ctx, resource, content) or await _received(ctx, resource, content)
    if ctx.door == "fhir":
        await _refuse_other_bytes(ctx, resource)
        if "id" in resource and change.verb is not Verb.CREATE:
            await _keep_original(ctx, resource)
    return resource


async def _received(ctx: Context, resource: Resource, content: bytes) -> Resource:
    subject = await _subject(ctx, resource, content)
    replaced = document_reference.replaced_ids(resource)
    visibility = tuple(code for code in document_reference.hidden_from(resource) if code in rules.VISIBILITY.values())
    origin = Origin(door=ctx.door, source=ctx.actor.name, subject=subject, visibility=visibility, replaces=replaced)
    prepared = await prepare(ctx, content, origin=origin, id=resource.get("id"))
    if isinstance(prepared, Received):
        raise Conflict(
            f"This document was received before, as DocumentReference/{prepared.document}.",
            issues=[
                Issue(
                    "duplicate", f"received before as DocumentReference/{prepared.document}", "DocumentReference.masterIdentifier"
                )
            ],
        )
    _refuse_other_unique_id(resource, prepared.record)
    if prepared.superseded:
        await ctx.records.write_changes(document_reference.updates(prepared.superseded))
    announce(ctx, prepared)
    return document_reference.merged(resource, prepared.record)


async def _sent_before(ctx: Context, resource: Resource, content: bytes) -> Resource | None:
    """The record as it stands, when a client puts the same document under the same id again; None for a new one."""
    row = await ctx.run(QUERIES.of_document, document=resource["id"]) if "id" in resource else None
    if row is None:
        return None
    if row["sha256"] != digest(content):
        raise Conflict("Another document was received under this id: send a document that replaces it.")
    return await ctx.records.read("DocumentReference", resource["id"])


async def _subject(ctx: Context, resource: Resource, content: bytes) -> str | None:
    """The Patient the client names, once the document is known to be about them; None lets the identity decide."""
    reference = resource.get("subject", {}).get("reference", "")
    if not reference.startswith("Patient/"):
        return None
    patient = await ctx.records.read("Patient", reference.removeprefix("Patient/"))
    said = claim_of(document_reference.source_patient(cda.parse(content).header.subject))
    if reason := rules.contradiction(claim_of(patient), said):
        text = f"The document is about another patient than {reference}: {reason}."
        raise Unprocessable(text, issues=[Issue("business-rule", text, "DocumentReference.subject")])
    return str(reference)


def _cda_in(resource: Resource, together: Sequence[Change]) -> bytes | None:
    """The bytes of the CDA that the one attachment carries, or that a Binary of the same transaction carries for it (IHE ITI-65).

    None when there is none: other contents are FHIR's own affair.
    """
    contents = resource.get("content", [])
    attachment = contents[0].get("attachment", {}) if len(contents) == 1 else {}
    content = _decoded(attachment.get("data") or _data_of(attachment.get("url", ""), together))
    is_cda = markup.looks_like_xml(content) and b"ClinicalDocument" in content.replace(b"\x00", b"")
    return content if is_cda else None


def _data_of(url: str, together: Sequence[Change]) -> str:
    binaries = (one.resource for one in together if one.resource["resourceType"] == "Binary")
    return next((one.get("data", "") for one in binaries if url and url.endswith(f"Binary/{one.get('id')}")), "")


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as fault:
        text = "The data of the attachment is not base64."
        raise Unprocessable(text, issues=[Issue("value", text, f"{ATTACHMENT}.data")]) from fault


def _refuse_other_unique_id(resource: Resource, record: Resource) -> None:
    said = resource.get("masterIdentifier", {}).get("value")
    if said and said != record["masterIdentifier"]["value"]:
        text = f"masterIdentifier is {said}, the document's own id is {record['masterIdentifier']['value']}."
        raise Unprocessable(text, issues=[Issue("business-rule", text, "DocumentReference.masterIdentifier")])


async def _refuse_other_bytes(ctx: Context, resource: Resource) -> None:
    """A digest names the bytes that are shown: said by a client, it would show those of a document that they may not see."""
    row = await ctx.run(QUERIES.of_document, document=resource["id"]) if "id" in resource else None
    ours = row["sha256"] if row else None
    if document_reference.digest_of(resource) != ours:
        text = "The SHA-256 of an original is said by the platform alone, from the bytes that it received."
        raise Unprocessable(text, issues=[Issue("business-rule", text, "DocumentReference.identifier")])


async def _keep_original(ctx: Context, resource: Resource) -> None:
    row = await ctx.run(QUERIES.of_document, document=resource["id"])
    if row is None:
        return
    stored = await ctx.records.read("DocumentReference", resource["id"])
    if changed := [name for name in KEPT if resource.get(name) != stored.get(name)]:
        text = f"{', '.join(changed)}: an original is never changed, send a document that replaces it."
        raise Unprocessable(text, issues=[Issue("business-rule", text, f"DocumentReference.{name}") for name in changed])
    if resource["status"] == "entered-in-error" and stored["status"] != "entered-in-error":
        await _withdrawn(ctx, stored)


async def _follow_deletion(ctx: Context, id: str) -> None:
    if await ctx.run(QUERIES.of_document, document=id):
        await _withdrawn(ctx, await ctx.records.read("DocumentReference", id))


async def _withdrawn(ctx: Context, stored: Resource) -> None:
    await ctx.run(QUERIES.withdraw, document=stored["id"])
    ctx.announce(DocumentDeleted(document=stored["id"], patient=summary(stored).patient))
