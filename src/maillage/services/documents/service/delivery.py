"""Who was given a document: the services above, which deliver it, say so here."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from maillage.access.context import Context


@dataclass(frozen=True, slots=True)
class Delivery:
    """Someone who was given a document: their name, and whether they said they had dealt with it."""

    name: str
    treated: bool


Teller: TypeAlias = Callable[[Context, str], Awaitable[Sequence[Delivery]]]

_TELLERS: list[Teller] = []


def tells_deliveries(teller: Teller) -> Teller:
    """Declare `async def (ctx, document id) -> deliveries`: asked when a document's page is shown."""
    if teller not in _TELLERS:
        _TELLERS.append(teller)
    return teller


async def deliveries(ctx: Context, document: str) -> list[Delivery]:
    """Everyone that the actor may know was given this document, by name."""
    told = [delivery for teller in _TELLERS for delivery in await teller(ctx, document)]
    return sorted(told, key=lambda one: one.name)
