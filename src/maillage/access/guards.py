"""Rules of the domain that hold at every door: a guard sees each write of its type before the store does."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from maillage.errors import MaillageError
from maillage.fhir.change import Change

if TYPE_CHECKING:
    from maillage.access.context import Context

Resource = dict[str, Any]
Seen = list[Resource | MaillageError]
"""For each change, the resource to write or the error that refuses it; nothing after an error."""

Guard = Callable[["Context", Change], Awaitable[Resource]]
GuardOfMany = Callable[["Context", Sequence[Change]], Awaitable[Seen]]

_GUARDS: dict[str, list[Any]] = {}
_OF_MANY: set[Any] = set()


def guard(resource_type: str) -> Callable[[Guard], Guard]:
    """Declare a guard: `@guard("DocumentReference") async def complete(ctx, change) -> resource`.

    It runs in the transaction of the write, whatever the door. It returns the resource to write (the same, or completed)
    or raises the error that refuses it. Guards of one type run in the order they were declared.
    """

    def declare(function: Guard) -> Guard:
        _declare(resource_type, function)
        return function

    return declare


def guard_of_many(resource_type: str) -> Callable[[GuardOfMany], GuardOfMany]:
    """Declare a guard that sees all changes of its type in one write at once, with few statements for them.

    It must say of each change what it would if that came alone: writes that stand alone are put together (`combining`) where all
    guards of their type are of this form.
    """

    def declare(function: GuardOfMany) -> GuardOfMany:
        _declare(resource_type, function)
        _OF_MANY.add(function)
        return function

    return declare


def guards_of(resource_type: str) -> list[GuardOfMany]:
    """The guards that writes of this type pass."""
    return [one if one in _OF_MANY else _one_by_one(one) for one in _GUARDS.get(resource_type, ())]


def see_many(resource_type: str) -> bool:
    """Whether no guard of this type expects to see a change by itself."""
    return all(one in _OF_MANY for one in _GUARDS.get(resource_type, ()))


def _declare(resource_type: str, function: Guard | GuardOfMany) -> None:
    declared = _GUARDS.setdefault(resource_type, [])
    if function not in declared:
        declared.append(function)


def _one_by_one(function: Guard) -> GuardOfMany:
    async def see(ctx: "Context", changes: Sequence[Change]) -> Seen:
        seen: Seen = []
        for change in changes:
            try:
                seen.append(await function(ctx, change))
            except MaillageError as refusal:
                return [*seen, refusal]
        return seen

    return see
