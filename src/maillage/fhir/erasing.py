"""Erasing: whatever a resource ever said leaves the store; what stays says that there was one of this id, and neither what nor whose.

What stays are lines of the log, all deletions: one for the number of each version, and the next. A log that begins with a deletion is an
erasure, and its id is never taken again: a creation meets the first line, a writer who was at work the one behind the version that they saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from psycopg.errors import DeadlockDetected

from maillage.db import Connection, load_queries
from maillage.errors import Conflict
from maillage.fhir import ids
from maillage.fhir.reading import place

QUERIES = load_queries("maillage.fhir")

FIRST = 1
"""The version of a deletion that is an erasure."""


@dataclass(frozen=True, slots=True)
class Erased:
    """A resource that is there no more, and in whose compartment it last was."""

    type: str
    id: str
    patient: UUID | None

    @property
    def name(self) -> str:
        """Its reference."""
        return f"{self.type}/{self.id}"


async def erase(conn: Connection, names: Sequence[tuple[str, str]]) -> list[Erased]:
    """Erases those of these resources (type and id) that are there, or were, with all their versions; again changes nothing.

    It holds their rows until the transaction ends. Conflict where another writer waits for us as we wait for them.
    """
    rows = [{"rt": place(kind, id)[0], "id": str(place(kind, id)[1]), "kind": kind, "name": id} for kind, id in names]
    if not rows:
        return []
    wanted = msgspec.json.encode(rows).decode()
    try:
        await QUERIES.hold_to_erase(conn, wanted=wanted)
        found = await QUERIES.versions_to_erase(conn, wanted=wanted)
    except DeadlockDetected as fault:
        raise Conflict("another writer changes the same resources at the same time: try again") from fault
    gone = [
        {"rt": one["rt"], "id": str(one["id"]), "kind": one["kind"], "name": one["name"], "last": one["last"]} for one in found
    ]
    if gone:
        text = msgspec.json.encode(gone).decode()
        await QUERIES.erase_found_by(conn, gone=text)
        await QUERIES.erase_versions(conn, gone=text)
        await QUERIES.leave_erased(conn, gone=text)
    return [Erased(ids.kind(one["rt"]), one["name"], one["patient"]) for one in found]
