"""What other services use of exchange: handlers of messages, reading a message, refusing it."""

from maillage.connectors.mllp.er7 import NULL, Message, Place, Segment
from maillage.services.exchange.resources.answers import Handled, Refused
from maillage.services.exchange.service.forgetting import forget_messages
from maillage.services.exchange.service.receiving import Arrival, receive
from maillage.services.exchange.service.routes import handles
from maillage.services.exchange.service.watch import Connector, flow, watches

__all__ = [
    "NULL",
    "Arrival",
    "Connector",
    "Handled",
    "Message",
    "Place",
    "Refused",
    "Segment",
    "flow",
    "forget_messages",
    "handles",
    "needed",
    "needed_segment",
    "receive",
    "watches",
]


def needed_segment(message: Message, name: str) -> Segment:
    """The first segment of this name; Refused (100) when the message has none."""
    segment = message.segment(name)
    if segment is None:
        raise Refused.at(name, f"le message n'a pas de segment {name}", error="100")
    return segment


def needed(message: Message, path: str, *, rep: int = 0) -> str:
    """The text at `PID-3.1`; Refused when the segment is missing (100) or the field is empty (101)."""
    value = needed_segment(message, path.split("-")[0]).value(path, rep=rep)
    if not value or value == NULL:
        raise Refused.at(path, f"{path} est obligatoire et vide", error="101", rep=rep)
    return value
