"""Reads documents: one, its original, its body for a page, and those of a patient."""

import asyncio
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Gone, NotFound
from maillage.services.documents.resources import cda, document_reference, narrative
from maillage.services.documents.resources.cda import ClinicalDocument, EmbeddedFile
from maillage.services.documents.resources.narrative import MediaLink
from maillage.services.documents.resources.summary import DocumentSummary, newest_first, summary
from maillage.services.documents.resources.treatments import LetterTreatment
from maillage.services.documents.resources.treatments import treatments as treatments_of

Resource = dict[str, Any]

QUERIES = load_queries("maillage.services.documents")
SHOWN = "current,superseded"
PDF = "application/pdf"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Opened:
    """A document ready to be shown: its summary, its narrative or the type of its one file, the files it carries, its versions.

    `kept` tells whether there is an original to save (a document that came as a CDA); `newer` is the id of the document that replaced it; `older` those it replaced and that the actor may see.
    """

    about: DocumentSummary
    body: Markup
    body_type: str | None
    kept: bool
    files: tuple[tuple[int, str], ...]
    newer: DocumentSummary | None
    older: tuple[DocumentSummary, ...]


async def document(ctx: Context, id: str) -> Resource:
    """The record of a document the actor may see; Gone once it was withdrawn."""
    ctx.require(Permission.DOCUMENT_READ)
    return _shown(await ctx.records.read("DocumentReference", id))


async def original(ctx: Context, id: str) -> bytes:
    """The bytes as they were received."""
    return await _bytes(ctx, await document(ctx, id))


async def is_original(ctx: Context, id: str) -> bool:
    """Whether this id is that of a document whose bytes are kept here; says nothing of who may see it."""
    return await ctx.run(QUERIES.of_document, document=id) is not None


async def bytes_of(ctx: Context, id: str) -> bytes:
    """As `original`, for a door that has its own permission: whoever may see the record may have its bytes."""
    return await _bytes(ctx, _shown(await ctx.records.read("DocumentReference", id)))


async def opened(ctx: Context, id: str, *, level: int = 2) -> Opened:
    """A document with all its page shows; the first headings of its body are at `level`."""
    record = await document(ctx, id)
    read, body = await _contents(ctx, record)
    return Opened(
        about=summary(record),
        body=_shown_body(id, read, body, level),
        body_type=body.media_type if body else None,
        kept=read is not None,
        files=tuple((index, _kind(value)) for index, (_, value) in enumerate(cda.media(read))) if read else (),
        newer=await _newer(ctx, record),
        older=await _older(ctx, record),
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a list shows beside it: the narrative, or that the body is a PDF to be framed from `/documents/{id}/pdf`."""

    body: Markup
    pdf: bool


async def preview(ctx: Context, id: str, *, level: int = 3) -> Preview:
    """The body of a document, to be shown beside a list."""
    read, body = await _contents(ctx, await document(ctx, id))
    return Preview(_shown_body(id, read, body, level), pdf=body is not None and body.media_type == PDF)


async def treatments(ctx: Context, id: str) -> list[LetterTreatment]:
    """The treatments that a letter at discharge writes as entries; none where it is no such letter, or its original is not kept here."""
    record = await document(ctx, id)
    if document_reference.digest_of(record) is None:
        return []
    return treatments_of(await asyncio.to_thread(cda.parse, await _bytes(ctx, record)))


async def body_file(ctx: Context, id: str) -> EmbeddedFile:
    """The one file that is the body of a level 1 document, or of a document that is no CDA."""
    _, body = await _contents(ctx, await document(ctx, id))
    if body is None:
        raise NotFound("This document has sections, not a file, as its body.")
    return body


async def media_file(ctx: Context, id: str, index: int) -> EmbeddedFile:
    """A file that the document carries, counted from 0 in the order of the document."""
    read = await asyncio.to_thread(cda.parse, await original(ctx, id))
    files = cda.media(read)
    if not 0 <= index < len(files):
        raise NotFound("This document carries no such file.")
    return await asyncio.to_thread(cda.media_file, files[index][1])


async def _contents(ctx: Context, record: Resource) -> tuple[ClinicalDocument | None, EmbeddedFile | None]:
    """The CDA, and the file that is its body at level 1; of a document that is no CDA, what its FHIR attachment holds."""
    if document_reference.digest_of(record) is None:
        return None, document_reference.inline_file(record)
    read = await asyncio.to_thread(cda.parse, await _bytes(ctx, record))
    return read, await asyncio.to_thread(cda.non_xml_body, read)


def _shown_body(id: str, read: ClinicalDocument | None, body: EmbeddedFile | None, level: int) -> Markup:
    if body is not None and body.media_type == TEXT:
        return narrative.plain_text(body.data.decode("utf-8", "replace"))
    return narrative.body(read, _links(read, id), level=level) if read else Markup("")


def _shown(record: Resource) -> Resource:
    if record["status"] == "entered-in-error":
        raise Gone("This document was withdrawn by its author.")
    return record


async def _bytes(ctx: Context, record: Resource) -> bytes:
    digest = document_reference.digest_of(record)
    if digest is None:
        raise NotFound("The original of this document is not kept here.")
    return await ctx.files.get(digest)


async def _newer(ctx: Context, record: Resource) -> DocumentSummary | None:
    if record["status"] != "superseded":
        return None
    params = {"relatesto": f"DocumentReference/{record['id']}", "status": SHOWN, "_count": "1"}
    found = await ctx.records.find("DocumentReference", params)
    return summary(found[0]) if found else None


async def _older(ctx: Context, record: Resource) -> tuple[DocumentSummary, ...]:
    replaced = summary(record).replaces
    if not replaced:
        return ()
    found = await ctx.records.find("DocumentReference", {"_id": ",".join(replaced), "status": SHOWN})
    return tuple(newest_first([summary(one) for one in found]))


def _links(read: ClinicalDocument, id: str) -> dict[str, MediaLink]:
    return {
        name: MediaLink(f"/documents/{id}/fichiers/{i}", _kind(value)) for i, (name, value) in enumerate(cda.media(read)) if name
    }


def _kind(value: Any) -> str:
    return str(value.get("mediaType") or "").partition(";")[0].strip().lower()
