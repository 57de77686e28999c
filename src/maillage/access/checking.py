"""What each verification of the whole trail found: kept, for the officer, the operator and the next one."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from maillage.access.chain import QUERIES, Link, Verification
from maillage.access.permissions import Permission
from maillage.db import Connection

if TYPE_CHECKING:
    from maillage.access.context import Context


class Check(msgspec.Struct, frozen=True):
    """What a verification found, as it is kept: the first of `broken` faults by name."""

    at: datetime
    seconds: float
    entries: int
    links: int
    kept: int
    broken: int
    faults: list[Link]

    @classmethod
    def of(cls, row: dict[str, Any] | None) -> Self | None:
        """A row of `audit_check`, None for none."""
        return cls(**row | {"faults": [Link(**fault) for fault in row["faults"]]}) if row else None


async def last(conn: Connection) -> Check | None:
    """The last one, None where none was done yet."""
    return Check.of(await QUERIES.last_check(conn))


async def last_seen(ctx: "Context") -> Check | None:
    """The same, for the officer."""
    ctx.require(Permission.AUDIT_READ)
    return Check.of(await ctx.run(QUERIES.last_check))


async def note(ctx: "Context", found: Verification) -> bool:
    """Keeps what a verification found; whether it names a fault that the one before did not."""
    before = Check.of(await ctx.run(QUERIES.last_check))
    await ctx.run(
        QUERIES.note_check, at=ctx.now, seconds=found.seconds, entries=found.entries, links=found.links, kept=found.kept, broken=found.broken,
        faults=msgspec.json.encode([link._asdict() for link in found.faults]).decode(),
    )  # fmt: skip
    return not set(found.faults) <= set(before.faults if before else ())
