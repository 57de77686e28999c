"""Web Push: a few words to a browser that asked for them, by the push service of its maker."""

from maillage.connectors.push.pusher import Pusher, PushKey, Subscription, Unsubscribed, pusher_of

__all__ = ["PushKey", "Pusher", "Subscription", "Unsubscribed", "pusher_of"]
