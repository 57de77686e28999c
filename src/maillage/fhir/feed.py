"""The change feed: every write once, in an order in which nothing appears behind the reader.

Sequence order is not commit order: a reader of `seq` alone loses rows of transactions that commit late. Rows are read in the order
(xid, seq) and only below the oldest transaction that still runs.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from maillage.db import Connection, load_queries
from maillage.fhir import ids
from maillage.fhir.change import Operation
from maillage.fhir.reading import text_id

QUERIES = load_queries("maillage.fhir")
_OPERATIONS = {"c": Operation.CREATE, "u": Operation.UPDATE, "d": Operation.DELETE}


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A place in the feed. Transaction numbers are those of the cluster: after a dump is restored elsewhere readers begin anew."""

    xid: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the log has it; the resource itself is read from the store."""

    place: Place
    at: datetime
    type: str
    id: str
    version: int
    operation: Operation
    patient: UUID | None


async def read(conn: Connection, after: Place, limit: int = 500) -> list[Write]:
    """The writes after a place, oldest first, at most `limit`."""
    return [
        Write(
            Place(int(row["xid"]), row["seq"]),
            row["at"],
            ids.kind(row["rt"]),
            text_id(row["head"].encode()),
            row["version"],
            _OPERATIONS[row["op"]],
            row["patient"],
        )
        for row in await QUERIES.feed(conn, xid=str(after.xid), seq=after.seq, limit=limit)
    ]
