"""What a person or their carer does in their own space: look, read, say that they have read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.services.directory import public as directory
from maillage.services.documents import public as documents
from maillage.services.documents.public import DocumentSummary
from maillage.services.portal import rules
from maillage.services.rights import public as rights

QUERIES = load_queries("maillage.services.portal")
MOST_VISITS, LINES_OF_VISITS = 4, 60
LOOKED_AT = 20
MOST_PAGES = 5
"""What there is to read is looked for among the last hundred documents, twenty at a time."""


@dataclass(frozen=True, slots=True)
class Space:
    """Whose record it is (a Patient id), and whether the reader is that person."""

    patient: str
    own: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """The documents that came last, the newest first, and those to read first."""

    newest: Sequence[DocumentSummary]
    to_read: Sequence[DocumentSummary]


@dataclass(frozen=True, slots=True)
class Library:
    """A page of documents; when each was marked as read by this reader; the ids of those to read; the cursor of the next page."""

    documents: Sequence[DocumentSummary]
    read: dict[str, datetime]
    to_read: frozenset[str]
    next: str | None


async def space(ctx: Context) -> Space:
    """The record that this actor may call theirs: their own, or that of the person they help. Forbidden for anyone else."""
    ctx.require(Permission.OWN_RECORD_READ)
    whose = await rights.person_of(ctx)
    return Space(patient=whose, own=ctx.actor.reference == f"Patient/{whose}")


async def shelf(ctx: Context, patient: str) -> Shelf:
    """The last documents of a person, and those to read first: as few pages are looked at as these take."""
    first = await documents.documents_of(ctx, patient, count=LOOKED_AT)
    read = await _read(ctx, first.documents)
    waiting, page = rules.to_read(first.documents, read, ctx.now), first
    for _ in range(MOST_PAGES - 1):
        if page.next is None or len(waiting) >= rules.MOST_TO_READ or not rules.fresh(page.documents[-1], ctx.now):
            break
        page = await documents.documents_of(ctx, patient, cursor=page.next, count=LOOKED_AT)
        waiting += rules.to_read(page.documents, await _read(ctx, page.documents), ctx.now)
    return Shelf(newest=first.documents, to_read=waiting[: rules.MOST_TO_READ])


async def library(ctx: Context, patient: str, *, cursor: str | None) -> Library:
    """A page of all documents of a person, the last received first."""
    page = await documents.documents_of(ctx, patient, cursor=cursor)
    read = await _read(ctx, page.documents)
    waiting = [one.id for one in page.documents if one.id not in read and rules.fresh(one, ctx.now)]
    return Library(page.documents, read, frozenset(waiting), page.next)


async def read_at(ctx: Context, document: DocumentSummary) -> datetime | None:
    """When this reader marked a document as read, None while they have not."""
    return (await _read(ctx, [document])).get(document.id)


async def _read(ctx: Context, found: Sequence[DocumentSummary]) -> dict[str, datetime]:
    rows = await ctx.run(QUERIES.read_by, reader=ctx.actor.reference, documents=[one.id for one in found])
    return {row["document"]: row["at"] for row in rows}


async def team(ctx: Context, patient: str) -> Sequence[directory.Member]:
    """The circle of a person, their general practitioner first."""
    return await directory.circle(ctx, patient)


async def visits(ctx: Context, patient: str) -> rights.Visits:
    """The last few visits of others to this record."""
    found = await rights.who_looked(ctx, patient, lines=LINES_OF_VISITS)
    return replace(found, visits=found.visits[:MOST_VISITS])


async def mark_read(ctx: Context, document: str) -> None:
    """The reader has read a document that they may see."""
    ctx.require(Permission.OWN_RECORD_READ)
    await documents.document(ctx, document)
    await ctx.run(QUERIES.mark_read, reader=ctx.actor.reference, document=document, at=ctx.now)


async def take_back(ctx: Context, document: str) -> None:
    """The reader wants it among those to read again."""
    ctx.require(Permission.OWN_RECORD_READ)
    await documents.document(ctx, document)
    await ctx.run(QUERIES.take_back, reader=ctx.actor.reference, document=document)
