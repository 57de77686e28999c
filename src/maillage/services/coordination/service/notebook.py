"""The liaison notebook: what everyone who passes writes, read by all who care for the person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination.resources import note as resources
from maillage.services.coordination.resources.note import KINDS, LONGEST, NEVER, READERS, TYPES, Note
from maillage.services.coordination.resources.photo import named
from maillage.services.coordination.service import note_reading, photos
from maillage.services.coordination.service.note_reading import Readings
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.services.messaging.public import notify
from maillage.ui import Banner

MOST = "100"
IMPORTANT = "note-important"
"""Kind of notice: a note to be read before the next visit."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """What the page shows: the banner, the thread, newest first, and who read it."""

    banner: Banner
    notes: list[Note]
    readings: Readings

    @property
    def unread(self) -> list[Note]:
        """The notes, and answers, that are new to who looks."""
        return [one for one in note_reading.each(self.notes) if self.readings.unread(one)]

    @property
    def newest(self) -> str:
        """When the newest note here was written, as a form says it back."""
        return max((one.written for one in note_reading.each(self.notes)), default=NEVER).isoformat()


async def read(ctx: Context, *, patient: str) -> Notebook:
    """The last hundred notes of a person, those under identities that are linked to the record too."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    return await of(ctx, patient)


async def of(ctx: Context, patient: str) -> Notebook:
    """The notebook as whoever acts sees it; the right was asked by the caller."""
    banner = await identity.banner(ctx, patient)
    identities = await identity.identities_of(ctx, patient)
    notes = resources.thread(await notes_of(ctx, identities))
    return Notebook(banner, notes, await note_reading.readings(ctx, identities[0], notes))


async def say_read(ctx: Context, *, patient: str, until: str) -> None:
    """Whoever acts read the notes that they see and that were written until an instant. NotFound where they may not see the record."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    await keep_read(ctx, patient=patient, until=until)


async def keep_read(ctx: Context, *, patient: str, until: str) -> None:
    """The same; the right was asked by the caller."""
    await ctx.records.read("Patient", patient)
    try:
        last = datetime.fromisoformat(until)
    except ValueError:
        raise Invalid.at("jusqua", "no such instant") from None
    if last.tzinfo is None:
        raise Invalid.at("jusqua", "an instant has its offset")
    identities = await identity.identities_of(ctx, patient)
    seen = note_reading.each(resources.thread(await notes_of(ctx, identities)))
    await note_reading.keep(ctx, identities[0], [replace(one, replies=()) for one in seen if one.written <= last])


async def notes_of(ctx: Context, patients: list[str]) -> list[dict[str, Any]]:
    """The notes of these people that the actor may see, newest first."""
    people = ",".join(f"Patient/{one}" for one in patients)
    params = [("patient", people), ("type", f"{TYPES}|"), ("status", resources.SHOWN), ("_sort", "-date"), ("_count", MOST)]
    return await ctx.records.find("DocumentReference", params) if patients else []


async def write(ctx: Context, *, patient: str, text: str, kind: str, important: bool, answers: str, pictures: Sequence[bytes] = (), readers: str = "") -> dict[str, Any]:  # fmt: skip
    """A new note, or an answer to one (for those whom that is for), with its photographs; Invalid without words or with an unknown type."""
    ctx.require(Permission.NOTEBOOK_WRITE, patient=patient)
    return await add(
        ctx, patient=patient, text=text, kind=kind, important=important, answers=answers, pictures=pictures, readers=readers
    )


async def add(
    ctx: Context, *, patient: str, text: str, kind: str, important: bool, answers: str = "", pictures: Sequence[bytes] = (), readers: str = "", day: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The same; the right was asked by the caller."""
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        raise Invalid.at("texte", f"a note has between 1 and {LONGEST} characters")
    if kind not in KINDS:
        raise Invalid.at("type", "no such type of note")
    if ctx.actor.reference is None:
        raise Forbidden("A note has an author.")
    if readers not in READERS:
        raise Invalid.at("lecteurs", "no such readers")
    if answers:
        readers = resources.readers_of(await _of_person(ctx, patient, answers))
    id = str(uuid4())
    taken = await photos.taken(ctx, pictures, patient=patient, title=KINDS[kind], note=id)
    note = resources.note_for(
        text, kind=kind, patient=patient, by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now, important=important, answers=answers,
        photos=[one["id"] for one in taken], readers=readers, day=day,
    )  # fmt: skip
    written: list[dict[str, Any]] = await ctx.records.write_all([*taken, {**note, "id": id}])
    if important:
        kept = {"care": {"person", "coordination", "social"}, "professionals": {"person"}}.get(readers, set())
        circle = [one.reference for one in await directory.circle(ctx, patient) if one.kind not in kept]
        notify(ctx, kind=IMPORTANT, about=f"DocumentReference/{id}", patient=patient, to=circle)
    return written[-1]


async def correct(ctx: Context, *, patient: str, note: str, version: str, text: str) -> None:
    """Changes the words of one's own note; what it said stays in its history. PreconditionFailed where it changed since it was read."""
    ctx.require(Permission.NOTEBOOK_WRITE, patient=patient)
    if not 0 < len(text.strip()) <= LONGEST:
        raise Invalid.at("texte", f"a note has between 1 and {LONGEST} characters")
    resource = await _own(ctx, patient, note)
    meta = {**resource["meta"], "versionId": version or resource["meta"]["versionId"]}
    await ctx.records.write({**resources.corrected(resource, text.strip(), at=ctx.now), "meta": meta})


async def withdraw(ctx: Context, *, patient: str, note: str, version: str) -> None:
    """Takes one's own note out of the notebook, with its photographs; it stays in the record's history, marked as entered in error."""
    ctx.require(Permission.NOTEBOOK_WRITE, patient=patient)
    await take_out(ctx, patient=patient, note=note, version=version)


async def take_out(ctx: Context, *, patient: str, note: str, version: str) -> None:
    """The same; the right was asked by the caller."""
    resource = await _own(ctx, patient, note)
    meta = {**resource["meta"], "versionId": version or resource["meta"]["versionId"]}
    pictures = [await ctx.records.read("Media", one) for one in named(resource.get("context", {}).get("related", []))]
    withdrawn = [{**one, "status": "entered-in-error"} for one in [{**resource, "meta": meta}, *pictures]]
    await ctx.records.write_all(withdrawn)


async def _own(ctx: Context, patient: str, note: str) -> dict[str, Any]:
    resource = await _of_person(ctx, patient, note)
    if ctx.actor.reference not in {one.get("reference") for one in resource.get("author", [])}:
        raise Forbidden("Only its author changes or withdraws a note.")
    return resource


async def _of_person(ctx: Context, patient: str, id: str) -> dict[str, Any]:
    resource = await ctx.records.read("DocumentReference", id)
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if not resources.is_note(resource) or resource.get("subject", {}).get("reference") not in own:
        raise NotFound(f"DocumentReference/{id} is no note of this record")
    return resource
