"""The liaison notebook: what everyone who passes writes, read by all who care for the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination.resources import note as resources
from maillage.services.coordination.resources.note import KINDS, LONGEST, TYPES, Note
from maillage.services.coordination.resources.photo import named
from maillage.services.coordination.service import photos
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.services.messaging.public import notify
from maillage.ui import Banner

MOST = "100"
IMPORTANT = "note-important"
"""Kind of notice: a note to be read before the next visit."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """What the page shows: the banner and the thread, newest first."""

    banner: Banner
    notes: list[Note]


async def read(ctx: Context, *, patient: str) -> Notebook:
    """The last hundred notes of a person, those under identities that are linked to the record too."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    banner = await identity.banner(ctx, patient)
    return Notebook(banner, resources.thread(await notes_of(ctx, await identity.identities_of(ctx, patient))))


async def notes_of(ctx: Context, patients: list[str]) -> list[dict[str, Any]]:
    """The notes of these people that the actor may see, newest first."""
    people = ",".join(f"Patient/{one}" for one in patients)
    params = [("patient", people), ("type", f"{TYPES}|"), ("status", resources.SHOWN), ("_sort", "-date"), ("_count", MOST)]
    return await ctx.records.find("DocumentReference", params) if patients else []


async def write(ctx: Context, *, patient: str, text: str, kind: str, important: bool, answers: str, pictures: Sequence[bytes] = ()) -> dict[str, Any]:  # fmt: skip
    """A new note, or an answer to one, with its photographs; Invalid without words or with an unknown type."""
    ctx.require(Permission.NOTEBOOK_WRITE, patient=patient)
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        raise Invalid.at("texte", f"a note has between 1 and {LONGEST} characters")
    if kind not in KINDS:
        raise Invalid.at("type", "no such type of note")
    if ctx.actor.reference is None:
        raise Forbidden("A note has an author.")
    if answers:
        await _of_person(ctx, patient, answers)
    id = str(uuid4())
    taken = await photos.taken(ctx, pictures, patient=patient, title=KINDS[kind], note=id)
    note = resources.note_for(
        text, kind=kind, patient=patient, by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now, important=important, answers=answers,
        photos=[one["id"] for one in taken],
    )  # fmt: skip
    written: list[dict[str, Any]] = await ctx.records.write_all([*taken, {**note, "id": id}])
    if important:
        circle = await directory.circle(ctx, patient)
        notify(ctx, kind=IMPORTANT, about=f"DocumentReference/{id}", patient=patient, to=[one.reference for one in circle])
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
