"""The quarantine: what was refused, corrected and replayed, or dismissed with a reason. The original never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maillage.access.access import Access
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.connectors.mllp.er7 import Place
from maillage.db import load_queries
from maillage.errors import Conflict, Invalid, MaillageError, NotFound, Unavailable
from maillage.services.exchange.resources import sheets
from maillage.services.exchange.resources.answers import Refused
from maillage.services.exchange.service.receiving import Arrival, Original, accept, readable

QUERIES = load_queries("maillage.services.exchange")

PAGE = 50

KIND = "quarantine"
"""How the trail names an entry: its original tells of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A refused message as the list shows it. `reason`: refused, failed (our fault), truncated, oversize, unframed."""

    id: str
    source: str
    control_id: str
    type: str
    reason: str
    code: str | None
    error: str
    place: Place
    text: str
    arrivals: int
    size: int
    state: str
    received_at: datetime
    last_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A text that was replayed: by whom, when, and the answer it got."""

    number: int
    actor: str
    at: datetime
    code: str
    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One entry with its original bytes and what was tried."""

    entry: Entry
    original: bytes
    attempts: tuple[Attempt, ...]


async def entries(ctx: Context, *, state: str = "open", source: str | None = None, after: Entry | None = None) -> list[Entry]:
    """At most 50 entries in this state, the latest first, beginning after the entry given."""
    ctx.require(Permission.QUARANTINE_READ)
    rows = await ctx.run(
        QUERIES.quarantined,
        state=state,
        source=source,
        before_at=after.last_at if after else None,
        before_id=after.id if after else None,
        count=PAGE,
    )
    return [_entry(row) for row in rows]


async def detail(ctx: Context, entry_id: str) -> Detail:
    """One entry; NotFound when there is none by that id."""
    ctx.require(Permission.QUARANTINE_READ)
    row = await ctx.run(QUERIES.quarantine_entry, id=_uuid(entry_id))
    if row is None:
        raise NotFound("aucun message de la quarantaine ne porte cet identifiant")
    ctx.trace(Action.READ, KIND, str(row["id"]))
    attempts = await ctx.run(QUERIES.attempts, id=row["id"])
    return Detail(entry=_entry(row), original=bytes(row["original"]), attempts=tuple(Attempt(**attempt) for attempt in attempts))


async def replay(ctx: Context, access: Access, *, entry_id: str, text: str) -> Attempt:
    """Hand the corrected text to its handler, as the source would have; the entry is closed when it is accepted.

    The message is handled in a transaction of its own, by the machine actor of its source: the steward corrects, and does not
    gain the right to read records. Raises Conflict when the entry is closed, Invalid when the text has no bytes.
    """
    ctx.require(Permission.QUARANTINE_REPLAY)
    row = await _open_entry(ctx, entry_id)
    ctx.trace(Action.EXECUTE, KIND, str(row["id"]))
    content = sheets.corrected(text, bytes(row["original"]))
    arrival = Arrival(content=content, peer=f"replay by {ctx.actor.id}", at=ctx.now)
    attempt = await _tried(access, arrival, Original(row["source"], row["control_id"], bytes(row["sha256"])))
    await ctx.run(QUERIES.attempt, id=row["id"], content=content, actor=ctx.actor.id, at=ctx.now, **attempt)
    if attempt["code"] == "AA":
        await _close(ctx, row["id"], "replayed", "")
    done = await ctx.run(QUERIES.attempts, id=row["id"])
    return Attempt(**done[-1])


async def dismiss(ctx: Context, *, entry_id: str, reason: str) -> None:
    """Close an entry that will not be replayed. Invalid without a reason, Conflict when it is closed already."""
    ctx.require(Permission.QUARANTINE_REPLAY)
    if not reason.strip():
        raise Invalid("dites pourquoi ce message ne sera pas rejoué")
    row = await _open_entry(ctx, entry_id)
    ctx.trace(Action.UPDATE, KIND, str(row["id"]))
    await _close(ctx, row["id"], "dismissed", reason.strip())
    await ctx.run(QUERIES.settle_refused, source=row["source"], control_id=row["control_id"], sha256=row["sha256"])


async def _open_entry(ctx: Context, entry_id: str) -> dict[str, Any]:
    row: dict[str, Any] | None = await ctx.run(QUERIES.lock_quarantine_entry, id=_uuid(entry_id))
    if row is None:
        raise NotFound("aucun message de la quarantaine ne porte cet identifiant")
    if row["state"] != "open":
        raise Conflict("ce message a déjà été rejoué ou écarté")
    return row


async def _tried(access: Access, arrival: Arrival, original: Original) -> dict[str, str]:
    """The answer a replay got: the code, and the place and reason when it was refused again."""
    try:
        await accept(access, arrival, readable(arrival), corrects=original)
    except Refused as refused:
        return {"code": refused.answer_code, "place": str(refused.place), "text": refused.text}
    except Unavailable:
        raise
    except MaillageError as fault:
        return {"code": "AE", "place": "MSH", "text": Refused.internal(fault).text}
    return {"code": "AA", "place": "", "text": ""}


async def _close(ctx: Context, entry: UUID, state: str, reason: str) -> None:
    await ctx.run(QUERIES.close_quarantine_entry, id=entry, state=state, at=ctx.now, actor=ctx.actor.id, reason=reason)


def _entry(row: dict[str, Any]) -> Entry:
    place = Place(*(row[level] for level in Place._fields))
    kept = {name: row[name] for name in Entry.__slots__ if name in row and name not in ("id", "place")}
    return Entry(id=str(row["id"]), place=place, **kept)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("aucun message de la quarantaine ne porte cet identifiant") from None
