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


@dataclass(frozen=True, slots=True)
class Space:
    """Whose record it is (a Patient id), and whether the reader is that person."""

    patient: str
    own: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """All documents, newest first; when each was marked as read by this reader; those to read first."""

    documents: Sequence[DocumentSummary]
    read: dict[str, datetime]
    to_read: Sequence[DocumentSummary]


async def space(ctx: Context) -> Space:
    """The record that this actor may call theirs: their own, or that of the person they help. Forbidden for anyone else."""
    ctx.require(Permission.OWN_RECORD_READ)
    whose = await rights.person_of(ctx)
    return Space(patient=whose, own=ctx.actor.reference == f"Patient/{whose}")


async def shelf(ctx: Context, patient: str) -> Shelf:
    """The documents of a person, with what this reader marked."""
    found = await documents.documents_of(ctx, patient)
    rows = await ctx.run(QUERIES.read_by, reader=ctx.actor.reference, documents=[one.id for one in found])
    read = {row["document"]: row["at"] for row in rows}
    return Shelf(documents=found, read=read, to_read=rules.to_read(found, read, ctx.now))


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
