"""What a process has learnt of a database: kept with its `Database`, and gone with it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from maillage.clock import monotonic
from maillage.db.pool import Connection, Late, Pooled

Learnt = TypeVar("Learnt")


async def remembered(connection: Connection, learn: Callable[[Connection], Awaitable[Learnt]], *, seconds: float) -> Learnt:
    """What `learn` tells of the database behind a connection: asked again after so many seconds, or each time outside a pool."""
    late: object = connection
    taken = await late.taken() if isinstance(late, Late) else connection
    memory: dict[Any, tuple[float, Any]] = taken.memory if isinstance(taken, Pooled) else {}
    now = monotonic()
    if (kept := memory.get(learn)) is None or kept[0] < now:
        kept = memory[learn] = now + seconds, await learn(connection)
    learnt: Learnt = kept[1]
    return learnt
