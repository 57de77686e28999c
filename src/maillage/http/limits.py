"""Addresses and bodies are refused as soon as they are known to be too long: before they are taken apart, or held in memory. And bodies that never end."""

import asyncio

from starlette.types import Message, Receive, Scope

from maillage.errors import AddressTooLong, TooLarge, TooSlow
from maillage.fhir.query_strings import MAX_QUERY

PATIENCE, SLOWEST = 60.0, 2_000
"""Seconds that any body has to come, and bytes that give it a second more: a photograph by a telephone at the edge of a network comes whole, and who
sends a byte a minute does not hold a place for ever."""

LONGEST_LENGTH = 18
"""Digits of a content-length that are read: with more, it is beyond every bound."""


def refuse_long_query(scope: Scope) -> None:
    """AddressTooLong where the query of the address has more than `MAX_QUERY` bytes."""
    if (length := len(scope.get("query_string", b""))) > MAX_QUERY:
        raise AddressTooLong(
            f"The query of an address has {MAX_QUERY} bytes at most, not {length}: send a longer search by POST to _search."
        )


def limited(scope: Scope, receive: Receive, most: int) -> Receive:
    """A `receive` that raises TooLarge past `most` bytes, TooSlow where they take too long; raises at once when the declared length is already over."""
    if _declared_length(scope) > most:
        raise _too_large(most)
    clock = asyncio.get_running_loop().time
    began, taken, whole = clock(), 0, False

    async def receive_at_most() -> Message:
        nonlocal taken, whole
        if whole:  # what comes after is that the client left
            return await receive()
        try:
            async with asyncio.timeout_at(began + PATIENCE + taken / SLOWEST):
                message = await receive()
        except TimeoutError:
            raise TooSlow(f"The body came more slowly than {SLOWEST} bytes a second.") from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > most:
            raise _too_large(most)
        return message

    return receive_at_most


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value[:LONGEST_LENGTH]) if value.isdigit() else 0
    return 0


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is longer than the {most} bytes that this address takes.")
