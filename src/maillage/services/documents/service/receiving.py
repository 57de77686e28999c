"""Receives a document: reads it, knows whose it is, keeps its bytes, records it, and makes old what it replaces."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.fhir.change import Resource, instant
from maillage.services.documents import rules
from maillage.services.documents.events import DocumentReceived, DocumentReplaced
from maillage.services.documents.resources import cda, document_reference
from maillage.services.documents.resources.cda import ClinicalDocument
from maillage.services.documents.resources.document_reference import Links, Original
from maillage.services.documents.resources.header import Header, InstanceId
from maillage.services.documents.rules import Held
from maillage.services.documents.service import directory
from maillage.services.identity.public import IdentityClaim, claim_of, identify, record_of, usable

QUERIES = load_queries("maillage.services.documents")

SMALL = 256_000
"""Bytes of a document that is read in a few milliseconds."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a document came.

    `door` is mllp, fhir…; `source` says in words who sent it; `claim` is what the carrier says of the patient (PID), `subject` the
    "Patient/…" a caller has established already; `visibility` codes of TRE_A07, None when the carrier does not say who may see the
    document; `replaces` unique ids the carrier says are replaced; `own` of what the platform itself writes from a record that changes hands: it
    replaces the one before, whichever establishment kept that.
    """

    door: str
    source: str = ""
    claim: IdentityClaim | None = None
    subject: str | None = None
    visibility: tuple[str, ...] | None = None
    replaces: tuple[InstanceId, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of a document: its record and whose it is ("Patient/…"), whether that is certain, what it replaced.

    `again` is true when it had been received before: nothing was written but who may see it, where the carrier says that anew.
    `notes` are for the sender, in French.
    """

    document: str
    patient: str
    certain: bool
    again: bool = False
    replaced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document that is ready to be written: its record, the records it makes old, what will be announced."""

    record: Resource
    superseded: tuple[Resource, ...]
    replaced: tuple[str, ...]
    received: DocumentReceived
    claim: Held
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Whose:
    """The "Patient/…" a document is filed under, and the regional record that is, None while a steward decides."""

    filed: str
    record: str | None

    @property
    def told(self) -> str:
        """The id that events name."""
        return (self.record or self.filed).removeprefix("Patient/")


async def parsed(content: bytes) -> ClinicalDocument:
    """The document in these bytes, read as `cda.parse` does."""
    return await beside_the_loop(cda.parse, content, size=len(content))


async def beside_the_loop(function: Callable[[Given], Made], given: Given, *, size: int) -> Made:
    """What a function makes of a document of `size` bytes: a large one in a thread; for a small one that would cost more than it saves."""
    return function(given) if size <= SMALL else await asyncio.to_thread(function, given)


@asynccontextmanager
async def _meanwhile(work: Awaitable[object]) -> AsyncIterator[None]:
    """Does some work while the block runs, and is done with it when the block ends. A failure of the block ends the work."""
    task = asyncio.ensure_future(work)
    try:
        yield
    except BaseException:
        task.cancel()
        raise
    await task


async def receive(ctx: Context, content: bytes, *, origin: Origin, read: ClinicalDocument | None = None) -> Received:
    """Record a CDA document. The same unique id with the same bytes gives the same answer and writes nothing but a changed visibility.

    `read` is the document in these bytes, where the caller has read it already.
    Raises Invalid (not a safe CDA), Unprocessable (a type that is not in JDV_J07, two patients), Conflict (unique id taken by other bytes,
    or withdrawn), Forbidden (it replaces another establishment's document), Unavailable (the bytes cannot be kept).
    """
    prepared = await _recorded(ctx, content, origin=origin, read=read)
    if isinstance(prepared, Received):
        return prepared
    announce(ctx, prepared)
    return _received_as(prepared)


async def import_document(ctx: Context, content: bytes, *, origin: Origin, came: datetime) -> Received:
    """Record a document that existed before the platform, with when it had come: as `receive`, but nobody is told of it."""
    prepared = await _recorded(ctx, content, origin=origin, came=came)
    return prepared if isinstance(prepared, Received) else _received_as(prepared)


async def _recorded(
    ctx: Context, content: bytes, *, origin: Origin, read: ClinicalDocument | None = None, came: datetime | None = None
) -> Prepared | Received:
    """The document with its record written, or as it was received before."""
    ctx.require(Permission.DOCUMENT_WRITE)
    prepared = await prepare(ctx, content, origin=origin, read=read, came=came)
    if isinstance(prepared, Prepared):
        await ctx.records.write_changes(document_reference.changes(prepared.record, prepared.superseded))
    return prepared


def _received_as(prepared: Prepared) -> Received:
    event = prepared.received
    return Received(
        document=event.document,
        patient=prepared.record["subject"]["reference"],
        certain=event.certain,
        replaced=prepared.replaced,
        notes=prepared.notes,
    )


async def prepare(
    ctx: Context,
    content: bytes,
    *,
    origin: Origin,
    read: ClinicalDocument | None = None,
    id: str | None = None,
    came: datetime | None = None,
) -> Prepared | Received:
    """Everything but the writing of the record: for `receive`, and for the guard of DocumentReference at the FHIR door.

    `id` is the record's id where the caller has chosen it; `came` when it came, else now.
    """
    document = read if read is not None else await parsed(content)
    files = await beside_the_loop(cda.files, document, size=len(content))
    for place, file in files:
        ctx.uploads.check_carried(file.media_type, file.data, place)
        await ctx.uploads.scan_file(file.data, place)
    await ctx.uploads.scan_file(content, "ClinicalDocument")
    body = dict(files).get(cda.BODY)
    header = _with_carrier(document.header, origin)
    if unknown := rules.refusal_of_type(header.type):
        raise unknown
    said = claim_of(document_reference.source_patient(header.subject), origin=_words(header, origin))
    if refused := rules.refusal_of_carrier(origin.claim, said):
        raise refused
    original, identifier = Original.of(content), id or str(uuid4())
    held = await _take(ctx, header, original, identifier)
    if held.document != identifier:
        return await _again(ctx, held, origin)
    async with _meanwhile(ctx.files.put(content)):
        whose = await _whose(ctx, said, origin)
        known = await directory.known(ctx, header)
        replaced = await _replaced(ctx, header, origin)
    links = Links(
        patient=whose.filed,
        known=known,
        replaced={one.unique_id: f"DocumentReference/{one.document}" for one in replaced if one.document},
    )
    record = document_reference.document_reference(
        header,
        original,
        links,
        id=identifier,
        received=instant(came or ctx.now),
        body_type=body.media_type if body else None,
        visibility=origin.visibility or (),
    )
    current = [one for one in replaced if one.document and not one.withdrawn]
    old = [await ctx.records.read("DocumentReference", one.document or "") for one in current]
    return Prepared(
        record=document_reference.superseded(record) if held.replaced_by else record,
        superseded=tuple(document_reference.superseded(one) for one in old if one["status"] == "current"),
        replaced=tuple(one["id"] for one in old),
        received=_received(header, record, whose, origin, tuple(one["id"] for one in old), known),
        claim=held,
        notes=_notes(held, replaced),
    )


def announce(ctx: Context, prepared: Prepared) -> None:
    """The facts of a document that is being written."""
    event = prepared.received
    for old in prepared.replaced:
        ctx.announce(DocumentReplaced(document=old, patient=event.patient, by=event.document))
    if prepared.claim.replaced_by is None:
        ctx.announce(event)


async def _take(ctx: Context, header: Header, original: Original, identifier: str) -> Held:
    row = await ctx.run(
        QUERIES.claim,
        unique_id=header.id.text,
        document=identifier,
        sha256=original.sha256,
        custodian=custodian_of(header),
    )
    held = Held(**row)
    if taken := rules.refusal_to_receive(held, document=identifier, sha256=original.sha256):
        raise taken
    return held


async def _again(ctx: Context, held: Held, origin: Origin) -> Received:
    """A document that is here already. Its bytes do not change; who may see it may, where the carrier says so (CI-SIS: MODIF_CONF_CODE)."""
    record = await ctx.records.read("DocumentReference", held.document or "")
    patient = record["subject"]["reference"]
    certain = await record_of(ctx, patient.removeprefix("Patient/")) is not None
    notes = ["document déjà reçu"]
    if origin.visibility is not None and set(origin.visibility) != set(document_reference.hidden_from(record)):
        await ctx.records.write(document_reference.shown_to(record, origin.visibility))
        notes.append("sa visibilité est mise à jour")
    return Received(document=record["id"], patient=patient, certain=certain, again=True, notes=tuple(notes))


async def _whose(ctx: Context, said: IdentityClaim, origin: Origin) -> Whose:
    if origin.subject:
        record = await record_of(ctx, origin.subject.removeprefix("Patient/"))
        return Whose(origin.subject, f"Patient/{record}" if record else None)
    carrier = origin.claim
    if carrier:
        identifiers = tuple(dict.fromkeys((*said.identifiers, *carrier.identifiers)))
        said = replace(
            said,
            ins=said.ins or carrier.ins,
            identifiers=identifiers,
            reliability=carrier.reliability,
            organization=carrier.organization,
        )
    identified = await identify(ctx, _with_usable_ins(said))
    return Whose(identified.patient_reference, identified.record_reference)


def _with_usable_ins(said: IdentityClaim) -> IdentityClaim:
    """A false INS identifies nobody: the person is then known by the rest, or put to a steward. The document keeps it as sent."""
    return said if said.ins is None or usable(said.ins) else replace(said, ins=None)


async def _replaced(ctx: Context, header: Header, origin: Origin) -> Sequence[Held]:
    if not header.replaces:
        return ()
    rows = await ctx.run(QUERIES.supersede, unique_ids=sorted({one.text for one in header.replaces}), by=header.id.text)
    found = [Held(**row) for row in rows]
    for held in found:
        if not origin.own and (forbidden := rules.refusal_to_touch(held, custodian=custodian_of(header))):
            raise forbidden
    return found


def _with_carrier(header: Header, origin: Origin) -> Header:
    """What the carrier says is replaced counts with what the document says; a document never replaces itself."""
    named = {one.text: one for one in (*header.replaces, *origin.replaces) if one.text != header.id.text}
    return replace(header, replaces=tuple(named.values()))


def _received(
    header: Header,
    record: Resource,
    whose: Whose,
    origin: Origin,
    replaces: tuple[str, ...],
    known: dict[str, str],
) -> DocumentReceived:
    author = header.authors[0]
    return DocumentReceived(
        document=record["id"],
        patient=whose.told,
        certain=whose.record is not None,
        type=header.type.code,
        door=origin.door,
        author=known.get(author.id.text) if author.id else None,
        organization=known.get(custodian_of(header)),
        recipients=tuple(agent.id.extension for agent in header.recipients if agent.id and agent.id.extension),
        replaces=next(iter(replaces), None),
        ins=header.subject.ins is not None,
        hidden=document_reference.hidden_from(record),
    )


def _notes(held: Held, replaced: Sequence[Held]) -> tuple[str, ...]:
    awaited = [one.unique_id for one in replaced if one.document is None]
    notes = [f"le document remplacé {one} n'a jamais été reçu" for one in awaited]
    return (*notes, "ce document était déjà remplacé avant d'arriver") if held.replaced_by else tuple(notes)


def custodian_of(header: Header) -> str:
    """The custodian's identifier, or its name where the document gives no other."""
    return header.custodian.id.text if header.custodian.id else header.custodian.name


def _words(header: Header, origin: Origin) -> str:
    """Where a claim comes from, for a steward."""
    return f"{header.title} — {origin.source or header.custodian.name}"
