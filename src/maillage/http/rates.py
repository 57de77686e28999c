"""How many requests one actor, or one address that nobody signed in from, may send in a minute: what is more is told to wait.

Counted in the memory of each web process: with several, each allows as many. Bulk work is for machines, whose rate is the operator's.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from maillage.access.actors import Actor, ActorKind
from maillage.clock import monotonic
from maillage.errors import TooMany

KEPT = 50_000  # senders remembered: the one that has been silent longest is forgotten first
MINUTE = 60.0
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests a minute; 0 for no limit."""

    people: int
    machines: int
    strangers: int


class Rates:
    """A bucket for each sender: it holds a minute's worth and fills steadily."""

    def __init__(self, limits: Limits, *, now: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float, float]] = OrderedDict()

    def count_actor(self, actor: Actor) -> None:
        """One more request of whoever signed in or holds a token (what a software does for a person is counted apart). TooMany when it is one too many."""
        machine = actor.kind in (ActorKind.SYSTEM, ActorKind.JOB)
        self._count(f"actor {actor.id} {actor.client or ''}", self._limits.machines if machine else self._limits.people)

    def count_stranger(self, origin: str | None) -> None:
        """One more request from an address from which nobody signed in. TooMany when it is one too many."""
        self._count(f"address {origin or UNKNOWN}", self._limits.strangers)

    def _count(self, sender: str, limit: int) -> None:
        if not limit:
            return
        now = self._now()
        left, since, told = self._buckets.pop(sender, (float(limit), now, now - MINUTE))
        left = min(float(limit), left + (now - since) * limit / MINUTE)
        first = left < 1 and now - told >= MINUTE
        self._buckets[sender] = (left - 1 if left >= 1 else left, now, now if first else told)
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)
        if left < 1:
            raise TooMany(f"Too many requests: {limit} a minute at most.", wait=ceil((1 - left) * MINUTE / limit), first=first)
