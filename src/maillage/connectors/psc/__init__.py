"""Sign-in by OpenID Connect: Pro Santé Connect for those with a professional card, a second client for the others."""

from maillage.connectors.psc.claims import Carded, Cardless, Practice, carded, cardless
from maillage.connectors.psc.relying_party import Attempt, Provider, RelyingParty, SignedIn
from maillage.connectors.psc.tokens import SignInRefused

__all__ = [
    "Attempt",
    "Carded",
    "Cardless",
    "Practice",
    "Provider",
    "RelyingParty",
    "SignInRefused",
    "SignedIn",
    "carded",
    "cardless",
]
