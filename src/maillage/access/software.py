"""What registered software is called: told by the service that registers it, asked by those that speak of the trail."""

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maillage.access.context import Context

Names = Callable[["Context", Collection[str]], Awaitable[dict[str, str]]]
"""The names of software by client id, of those that are known."""

_TOLD: list[Names] = []


def tells_software(names: Names) -> Names:
    """Declare who knows what software is called: `@tells_software async def named(ctx, ids) -> dict`."""
    if names not in _TOLD:
        _TOLD.append(names)
    return names


async def names_of_software(ctx: "Context", ids: Collection[str]) -> dict[str, str]:
    """What each of these (client ids) is called; its id where nobody knows."""
    found = {id: id for id in ids}
    for names in _TOLD if ids else ():
        found |= await names(ctx, ids)
    return found
