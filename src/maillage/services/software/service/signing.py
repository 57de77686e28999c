"""Our own key: it signs who somebody is, for applications that ask (OpenID Connect Core 1.0 §2)."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from maillage.config import Config, secret_text
from maillage.errors import SetupError

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

SHORTEST = 2048


class Signer:
    """A private key in PEM: RSA of 2048 bits or more signs RS256, EC on P-384 signs ES384. Read when it is first used."""

    def __init__(self, pem: str) -> None:
        self._key, self.algorithm = _imported(pem)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An id_token with these claims."""
        from joserfc import jwt

        return jwt.encode(
            {"alg": self.algorithm, "kid": self._key.kid, "typ": "JWT"}, dict(claims), self._key, algorithms=[self.algorithm]
        )

    def published(self) -> dict[str, Any]:
        """The JWK Set that others check signatures with."""
        return {"keys": [{**self._key.as_dict(private=False), "use": "sig", "alg": self.algorithm, "kid": self._key.kid}]}


def signer_of(config: Config) -> Signer | None:
    """That of this installation; None where the operator set no key: then nobody's identity is told. SetupError for one that does not serve."""
    return _signer(config.openid_key, config.openid_key_file) if is_set(config) else None


def is_set(config: Config) -> bool:
    """Whether identities are told."""
    return bool(config.openid_key or config.openid_key_file)


@cache
def _signer(text: str, path: str) -> Signer:
    return Signer(secret_text("MAILLAGE_OPENID_KEY", text, path))


def _imported(pem: str) -> "tuple[RSAKey | ECKey, str]":
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    for kind, algorithm in ((ECKey, "ES384"), (RSAKey, "RS256")):
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private and _serves(key):
            key.ensure_kid()
            return key, algorithm
    raise SetupError("MAILLAGE_OPENID_KEY: a private key in PEM is expected, RSA of 2048 bits at least or EC on P-384")


def _serves(key: "RSAKey | ECKey") -> bool:
    return key.curve_name == "P-384" if hasattr(key, "curve_name") else key.raw_value.key_size >= SHORTEST
