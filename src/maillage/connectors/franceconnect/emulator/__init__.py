"""An emulator in the manner of FranceConnect: the code flow with a signed userinfo answer and the pivot of identity, for people who do not exist."""

from maillage.connectors.psc.emulator.app import Service

FRANCE_CONNECT = Service(
    name="FranceConnect", realm="/api/v2", authorize="/api/v2/authorize", token="/api/v2/token", userinfo="/api/v2/userinfo",  # noqa: S106  # addresses
    keys="/api/v2/jwks", sign_out="/api/v2/session/end",
)  # fmt: skip

__all__ = ["FRANCE_CONNECT"]
