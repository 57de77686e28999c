"""What other services may ask of identity."""

from maillage.services.identity.rules.ins import with_key

__all__ = ["with_key"]
