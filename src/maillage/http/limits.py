"""Bodies are refused as soon as they are known to be too long, before they are held in memory."""

from starlette.types import Message, Receive, Scope

from maillage.errors import TooLarge


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
