"""What a browser says of itself when it subscribes."""

import msgspec

from maillage.connectors.push import Subscription
from maillage.connectors.push.encryption import from_text
from maillage.errors import Invalid


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Said(msgspec.Struct):
    endpoint: str
    keys: _Keys


def subscription_of(text: str) -> Subscription:
    """The subscription of a `PushSubscription.toJSON`. Invalid for anything else."""
    try:
        said = msgspec.json.decode(text.encode(), type=_Said)
        return Subscription(endpoint=said.endpoint, browser=from_text(said.keys.p256dh), auth=from_text(said.keys.auth))
    except ValueError as fault:
        raise Invalid("this is no subscription of a browser") from fault
