"""Writes that stand alone, committed together: those of one actor that arrive while a group is being written are the next group.

A group is one transaction of its actor, like a bundle that they had sent: one statement each to write, to derive grants, to trace. There is
no timer. When a group fails, nothing of it is written and each member is written by itself, so that none fails for another.
"""

import asyncio
from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager
from contextvars import Context as Empty
from dataclasses import dataclass
from typing import NamedTuple

from maillage.access.actors import Actor
from maillage.access.context import Context
from maillage.access.purpose import Purpose
from maillage.errors import Unavailable
from maillage.fhir.change import Change, Stored

GROUP = 50  # writes in one transaction at most


class Hand(NamedTuple):
    """Whose writes go together: what they may see, and what the trail says of them, is then the same."""

    actor: Actor
    purpose: Purpose
    door: str
    origin: str | None = None


Acting = Callable[[Hand], AbstractAsyncContextManager[Context]]


@dataclass(slots=True, eq=False)
class _Waiting:
    change: Change
    done: asyncio.Future[Stored]

    @property
    def target(self) -> Hashable:
        """The resource it is about; a new one has none yet."""
        id = self.change.resource.get("id")
        return self if id is None else (self.change.resource["resourceType"], id)


class CombinedWrites:
    """`alone` opens a context whose failure leaves a trail; `tentative` one whose failure leaves none, as its writes are tried again."""

    def __init__(self, *, alone: Acting, tentative: Acting) -> None:
        self._alone = alone
        self._tentative = tentative
        self._waiting: dict[Hand, list[_Waiting]] = {}
        self._writers: dict[Hand, asyncio.Task[None]] = {}

    async def write(self, hand: Hand, change: Change) -> Stored:
        """Return once the change (from `completing.allowed`) is committed, or raise what refused it."""
        one = _Waiting(change, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(hand, []).append(one)
        if hand not in self._writers:
            self._writers[hand] = asyncio.create_task(self._write_all(hand), context=Empty())
        return await one.done

    async def _write_all(self, hand: Hand) -> None:
        try:
            while group := self._next(hand):
                if len(group) == 1 or not await self._written_together(hand, group):
                    for one in group:
                        await self._write_alone(hand, one)
        finally:
            del self._writers[hand]
            for one in self._waiting.pop(hand, ()):
                one.done.cancel()  # the process ends

    def _next(self, hand: Hand) -> list[_Waiting]:
        """The next group: of the writes to one resource the first, the others wait for the group after. Who has gone away is left out."""
        group: list[_Waiting] = []
        later: list[_Waiting] = []
        targets: set[Hashable] = set()
        for one in self._waiting.pop(hand, ()):
            if not one.done.done():
                (later if one.target in targets or len(group) == GROUP else group).append(one)
                targets.add(one.target)
        if later:
            self._waiting[hand] = later
        return group

    async def _written_together(self, hand: Hand, group: list[_Waiting]) -> bool:
        """Whether the members were told; otherwise nothing was written, and each is to be written by itself."""
        stored: list[Stored] | None = None
        try:
            async with self._tentative(hand) as ctx:
                stored = await ctx.records.write_changes([one.change for one in group], checked=True)
        except Unavailable as fault:
            if stored is None:
                return False
            for one in group:  # the connection was lost with the commit under way: to write again could be to write twice
                _tell(one, Unavailable(fault.message))
            return True
        except Exception:  # noqa: BLE001  # whatever it was, the transaction is undone, and the member whose fault it is will be told
            return False
        for one, version in zip(group, stored, strict=True):
            _tell(one, version)
        return True

    async def _write_alone(self, hand: Hand, one: _Waiting) -> None:
        try:
            async with self._alone(hand) as ctx:
                stored = await ctx.records.write_changes([one.change], checked=True)
        except Exception as fault:  # noqa: BLE001  # told to the one who waits, who raises it
            _tell(one, fault)
        else:
            _tell(one, stored[0])


def _tell(one: _Waiting, answer: Stored | Exception) -> None:
    if one.done.done():
        return  # whoever waited has gone
    if isinstance(answer, Exception):
        one.done.set_exception(answer)
    else:
        one.done.set_result(answer)
