"""The proof of the trail: every link recomputed from the stored rows, and the last links, to be kept where nobody of this database can write."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, NamedTuple, Self

import msgspec

from maillage.clock import monotonic
from maillage.db import Connection, Database, load_queries
from maillage.errors import Invalid

QUERIES = load_queries("maillage.access")

LANES = 2  # connections that verify side by side
STEP = 20_000  # links that one statement recomputes
TOLD = 100  # faults that are named; all are counted
LOWEST, HIGHEST = -(2**63), 2**63 - 1
LINES, BYTES = 1, 2  # how the rows of a link are hashed: audit_batch.form
FORMAT = "maillage-audit-heads-1"


class Link(NamedTuple):
    """A link of a chain that does not hold, and why."""

    chain: int
    n: int
    fault: str


class Head(msgspec.Struct, frozen=True):
    """The last link of one chain: its number and its SHA-256 in hexadecimals."""

    chain: Annotated[int, msgspec.Meta(ge=0, le=32_767)]
    n: Annotated[int, msgspec.Meta(ge=1, le=HIGHEST)]
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class KeptHeads(msgspec.Struct, frozen=True):
    """The heads of all chains at one instant, as they are written in a file outside of the database."""

    format: str
    at: datetime
    heads: list[Head]

    @classmethod
    def of(cls, heads: Iterable[Head], *, at: datetime) -> Self:
        return cls(format=FORMAT, at=at, heads=list(heads))

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """What `written` wrote; anything else is Invalid."""
        try:
            kept = msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise Invalid(f"these are no heads of a trail: {fault}") from None
        if kept.format != FORMAT:
            raise Invalid(f"these heads are of format {kept.format!r}, this version reads {FORMAT}")
        return kept

    def written(self) -> bytes:
        """JSON, for a file or a terminal."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


class Range(NamedTuple):
    """Links of one chain that are hashed in one form, both ends included."""

    chain: int
    form: int
    low: int
    high: int


@dataclass
class Verification:
    """What was recomputed and what does not hold: `faults` names the first of `broken`; `kept` counts the heads from outside that were compared."""

    entries: int = 0
    links: int = 0
    kept: int = 0
    seconds: float = 0.0
    broken: int = 0
    faults: list[Link] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every row is as it was written, and every head from outside is there."""
        return not self.broken

    def add(self, found: Iterable[Link]) -> None:
        """More faults."""
        found = list(found)
        self.broken += len(found)
        self.faults = sorted([*self.faults, *found])[:TOLD]


async def verify(database: Database, *, kept: Sequence[Head] = (), lanes: int = LANES) -> Verification:
    """Recomputes every link of every chain from the stored rows, `lanes` connections side by side, while the platform goes on writing.

    A tail cut from a chain leaves a chain that holds: it is found by `kept`, heads that were exported before.
    """
    began, found = monotonic(), Verification(kept=len(kept))
    async with database.transaction() as conn:
        await QUERIES.take_time(conn)
        waiting = iter([one for row in await QUERIES.audit_chains(conn) for one in ranges(**row)])
    await asyncio.gather(*(_lane(database, waiting, found) for _ in range(lanes)))
    async with database.transaction() as conn:
        found.add(await missing(conn, kept))
    found.seconds = monotonic() - began
    return found


def ranges(chain: int, first: int | None, last: int | None, turn: int | None, step: int = STEP) -> Iterator[Range]:
    """All links that a chain may have, in ranges: those found are numbered from `first` to `last`, from `turn` on they are of the form BYTES."""
    if first is None or last is None or turn == first:
        yield from _cut(Range(chain, BYTES, LOWEST, HIGHEST), first or 0, last or 0, step)
    elif turn is None:
        yield from _cut(Range(chain, LINES, LOWEST, HIGHEST), first, last, step)
    else:
        yield from _cut(Range(chain, LINES, LOWEST, turn - 1), first, turn - 1, step)
        yield from _cut(Range(chain, BYTES, turn, HIGHEST), turn, last, step)


async def heads(conn: Connection) -> list[Head]:
    """The last link of each chain: to be kept outside this database."""
    return [Head(**row) for row in await QUERIES.audit_chain_heads(conn)]


async def missing(conn: Connection, kept: Sequence[Head]) -> list[Link]:
    """The heads kept outside that are no longer in the chains, and why."""
    rows = await QUERIES.audit_heads_missing(conn, kept=msgspec.json.encode(kept).decode()) if kept else []
    return [Link(**row) for row in rows]


def _cut(whole: Range, first: int, last: int, step: int) -> Iterator[Range]:
    starts = range(first, last + 1, step)
    for start in starts:
        low = whole.low if start == first else start
        high = whole.high if start == starts[-1] else start + step - 1
        yield whole._replace(low=low, high=high)


async def _lane(database: Database, waiting: Iterator[Range], found: Verification) -> None:
    async with database.transaction() as conn:
        await QUERIES.take_time(conn)
        await QUERIES.read_in_order(conn)
        for one in waiting:
            query = QUERIES.audit_judged_lines if one.form == LINES else QUERIES.audit_judged_bytes
            row: dict[str, Any] = await query(conn, **one._asdict())
            found.entries += row["entries"]
            found.links += row["links"]
            found.add(Link(**fault) for fault in row["faults"])
