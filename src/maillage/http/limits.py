"""Addresses and bodies are refused as soon as they are known to be too long: before they are taken apart, or held in memory."""

from starlette.types import Message, Receive, Scope

from maillage.errors import AddressTooLong, TooLarge
from maillage.fhir.query_strings import MAX_QUERY


def refuse_long_query(scope: Scope) -> None:
    """AddressTooLong where the query of the address has more than `MAX_QUERY` bytes."""
    if (length := len(scope.get("query_string", b""))) > MAX_QUERY:
        raise AddressTooLong(
            f"The query of an address has {MAX_QUERY} bytes at most, not {length}: send a longer search by POST to _search."
        )


def limited(scope: Scope, receive: Receive, most: int) -> Receive:
    """A `receive` that raises TooLarge past `most` bytes; raises at once when the declared length is already over."""
    if _declared_length(scope) > most:
        raise _too_large(most)
    taken = 0

    async def receive_at_most() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise _too_large(most)
        return message

    return receive_at_most


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is longer than the {most} bytes that this address takes.")
