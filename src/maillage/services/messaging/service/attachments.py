"""Files joined to a message: kept as documents of the record, for the readers of the message."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from uuid import UUID, uuid5

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Forbidden, MaillageError, NotFound
from maillage.fhir.change import Change, Verb
from maillage.files.kinds import begins_as
from maillage.files.names import file_name
from maillage.files.photographs import KIND as PHOTOGRAPH
from maillage.files.photographs import photographed
from maillage.files.pictures import undressed
from maillage.services.messaging.resources.attachment import JOINED, document_for, file_of
from maillage.services.messaging.resources.message import Label, Readers
from maillage.services.messaging.rules import conversations as rules


@dataclass(frozen=True, slots=True)
class File:
    """One file as it was sent."""

    title: str
    kind: str
    content: bytes


PHOTOGRAPHS = ("image/jpeg", "image/webp")
"""What a telephone takes, whatever the file is said to be: kept without the place and device that it writes into them, no larger than a page that is read needs."""
READABLE, SMALL = 2400, 160


async def keep(
    ctx: Context,
    files: Sequence[File],
    *,
    patient: str,
    key: str,
    readers: Readers,
    words: str = JOINED,
    labels: Sequence[Label] = (),
) -> list[tuple[str, str]]:
    """Files them in the record and answers their references and titles; those of a form sent twice (`key`) are kept once.

    TooLarge, Unsupported, Unprocessable or Infected as of every document; Forbidden with the key of what somebody else sent.
    """
    ctx.require(Permission.MESSAGES_WRITE, patient=patient)
    files = [await _kept(one) for one in files]
    documents = [
        document_for(
            id=str(uuid5(UUID(key), str(place))), patient=patient, author=ctx.actor.reference or "",
            at=ctx.now.isoformat(timespec="milliseconds"), title=one.title, kind=one.kind, content=one.content, readers=readers,
            words=words, labels=labels,
        )
        for place, one in enumerate(files)
    ]  # fmt: skip
    known = await _known(ctx, [one["id"] for one in documents])
    await ctx.records.write_changes([Change(Verb.CREATE, one) for one in documents if one["id"] not in known])
    return [(f"DocumentReference/{one['id']}", file.title) for one, file in zip(documents, files, strict=True)]


async def _kept(one: File) -> File:
    """The file as it is filed. Unprocessable or TooLarge for a photograph or a picture that is none."""
    title = file_name(one.title)
    if not any(begins_as(kind, one.content) for kind in PHOTOGRAPHS):
        return replace(one, title=title, content=undressed(one.content, "fichiers"))
    content = await photographed(one.content, "fichiers", side=READABLE)
    return File(f"{PurePath(title).stem}.jpg", PHOTOGRAPH, content)


async def _known(ctx: Context, documents: Sequence[str]) -> set[str]:
    """Those that are filed already; the key of a message stands in its address, and files nothing for who did not write it."""
    found = await ctx.records.find("DocumentReference", {"_id": ",".join(documents)}) if documents else []
    if any(ctx.actor.reference not in map(local, one.get("author", [])) for one in found):
        raise Forbidden("this form was sent by somebody else")
    return {one["id"] for one in found}


async def opened(ctx: Context, document: str, *, small: bool = False) -> tuple[str, str, bytes]:
    """Title, media type and bytes of a file joined to a message that whoever acts may read; `small` those of the likeness of a picture. NotFound where there is none."""
    ctx.require(Permission.MESSAGES_READ)
    found = file_of(await ctx.records.read("DocumentReference", document))
    if found is None:
        raise NotFound(f"DocumentReference/{document} carries no file")
    return await _likeness(*found) if small else found


async def _likeness(title: str, kind: str, content: bytes) -> tuple[str, str, bytes]:
    if not rules.is_picture(title):
        raise NotFound("this file is no picture")
    try:
        return title, PHOTOGRAPH, await photographed(content, "fichiers", side=SMALL)
    except MaillageError as fault:
        raise NotFound("this picture cannot be shown") from fault
