"""Which handler takes which type of message. Filled when the services' `ports.py` are imported, read afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

from maillage.access.context import Context
from maillage.connectors.mllp.er7 import Message
from maillage.errors import SetupError
from maillage.services.exchange.resources.answers import Handled

Handler: TypeAlias = Callable[[Context, Message], Awaitable[Handled]]

_handlers: dict[str, Handler] = {}


def handles(*types: str) -> Callable[[Handler], Handler]:
    """Registers the function for these types, such as "MDM^T02". One handler per type: a second one is a SetupError.

    The handler runs in the transaction in which the message is recorded as accepted. It raises `Refused` for a fault of
    the message; whatever it wrote is then undone and the message goes to the quarantine. It may be called again with the
    same message, after a lost connection to the database or a replay.
    """

    def register(handler: Handler) -> Handler:
        for kind in types:
            if _handlers.get(kind, handler) is not handler:
                raise SetupError(f"two handlers for messages {kind}")
            _handlers[kind] = handler
        return handler

    return register


def handler_of(kind: str) -> Handler:
    """The handler of a type that `types` holds."""
    return _handlers[kind]


def types() -> Collection[str]:
    """The types for which a handler is registered."""
    return _handlers.keys()
