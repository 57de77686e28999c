"""« Lu par »: who said that they read which note of the liaison notebook, and when. Opening the page says nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries
from maillage.errors import Forbidden
from maillage.services.coordination.resources.note import Note

QUERIES = load_queries("maillage.services.coordination")


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody read a note, as it was written at an instant."""

    reader: str
    name: str
    at: datetime
    written: datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """Who read which note, by its id, the first who did first; and who looks."""

    me: str
    by_note: dict[str, list[Reading]]

    def of(self, note: Note) -> list[Reading]:
        """Those who read a note as it stands, but for its author."""
        return [one for one in self.by_note.get(note.id, []) if one.written >= note.written and one.reader != note.by]

    def unread(self, note: Note) -> bool:
        """Whether a note of somebody else is new to who looks."""
        return note.by != self.me and all(one.reader != self.me for one in self.of(note))


def each(notes: Iterable[Note]) -> list[Note]:
    """The notes and their answers."""
    return [one for note in notes for one in (note, *note.replies)]


async def readings(ctx: Context, record: str, notes: Sequence[Note]) -> Readings:
    """Of the notes of a record by its id, in one statement; for who may read them, which the caller has made sure of."""
    rows = await ctx.run(QUERIES.note_readers, patient=record, notes=[one.id for one in each(notes)])
    found: dict[str, list[Reading]] = {}
    for row in rows:
        found.setdefault(row["note"], []).append(Reading(row["reader"], row["name"], row["at"], row["written"]))
    return Readings(ctx.actor.reference or "", found)


async def keep(ctx: Context, record: str, notes: Sequence[Note]) -> None:
    """Whoever acts read these notes of a record, which they see."""
    if ctx.actor.reference is None:
        raise Forbidden("Who reads a note has a name.")
    others = [one for one in each(notes) if one.by != ctx.actor.reference]
    await ctx.run(
        QUERIES.read_notes, patient=record, reader=ctx.actor.reference, name=ctx.actor.name, at=ctx.now,
        notes=[one.id for one in others], written=[one.written for one in others],
    )  # fmt: skip


@forgets
async def forget_readings(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Who read a notebook that is erased, and what people whose record is had read."""
    patients = [one.id for one in erased if one.type == "Patient"]
    readers = [one.name for one in erased if one.type in ("Patient", "RelatedPerson")]
    if patients or readers:
        await ctx.run(QUERIES.forget_note_readers, patients=patients, readers=readers)
    return []
