"""An emulator of a browser's push service, and of the browsers that subscribe there."""

from maillage.connectors.push.emulator.service import Delivered, PushService, emulated_push

__all__ = ["Delivered", "PushService", "emulated_push"]
