"""Sign-in of citizens by OpenID Connect in the manner of FranceConnect: the same flow as professionals', with the pivot of identity."""

from maillage.connectors.franceconnect.claims import Pivot, pivot_of

ACR = "eidas1"
SCOPE = "openid given_name family_name birthdate gender birthplace birthcountry"

__all__ = ["ACR", "SCOPE", "Pivot", "pivot_of"]
