"""Rules of the domain that hold at every door: a guard sees each write of its type before the store does."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from maillage.fhir.change import Change

if TYPE_CHECKING:
    from maillage.access.context import Context

Guard = Callable[["Context", Change], Awaitable[dict[str, Any]]]

_GUARDS: dict[str, list[Guard]] = {}


def guard(resource_type: str) -> Callable[[Guard], Guard]:
    """Declare a guard: `@guard("DocumentReference") async def complete(ctx, change) -> resource`.

    It runs in the transaction of the write, whatever the door. It returns the resource to write (the same, or completed)
    or raises the error that refuses it. Guards of one type run in the order they were declared.
    """

    def declare(function: Guard) -> Guard:
        declared = _GUARDS.setdefault(resource_type, [])
        if function not in declared:
            declared.append(function)
        return function

    return declare


def guards_of(resource_type: str) -> tuple[Guard, ...]:
    """The guards that a write of this type passes."""
    return tuple(_GUARDS.get(resource_type, ()))
