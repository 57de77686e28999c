"""Clients that come with a certificate (RFC 8705 §3, where TLS ends at a proxy of ours): their tokens count with it only.

The proxy says the certificate in `Client-Cert` (RFC 9440 §2.2), having asked the client for it; said by anybody else, the header is nothing. The chain is checked here once
more, so that a proxy that lets unknown certificates through opens nothing.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from maillage.access.actors import Actor
from maillage.config import Config
from maillage.errors import SetupError, Unauthenticated
from maillage.http.origins import Proxies, from_proxy
from maillage.http.request import Request

HEADER = "client-cert"
LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Certificates:
    """Which clients must show a certificate: id of the client → CN of its certificate, signed by one of `authorities`."""

    names: Mapping[str, str]
    authorities: Sequence[x509.Certificate]
    proxies: Proxies

    def refuse_unproven(self, request: Request, actor: Actor, *, now: datetime) -> None:
        """Unauthenticated where the token is of a client that must show its certificate, and this request does not."""
        wanted = self.names.get(actor.client or actor.id)
        if wanted is None:
            return
        if not from_proxy(request, self.proxies):
            raise Unauthenticated("This client comes with its certificate, through our proxy.")
        if (reason := self._refusal(request.headers.getlist(HEADER), wanted, now)) is not None:
            raise Unauthenticated(f"The certificate of this client {reason}.")

    def _refusal(self, said: Sequence[str], wanted: str, now: datetime) -> str | None:
        if len(said) != 1:
            return "is missing, or is said twice"
        certificate = _certificate(said[0])
        if certificate is None:
            return "cannot be read"
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return "is not valid at this time"
        if not any(_signed_by(certificate, authority) for authority in self.authorities):
            return "is signed by no authority of ours"
        names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return None if names == [wanted] else "is another client's"


def certificates_of(config: Config, proxies: Proxies) -> Certificates:
    """Those of the settings; SetupError for what is malformed, or could never be checked."""
    pairs = [one.strip().rpartition("=") for one in config.client_certificates.split(";") if one.strip()]
    if any(not client or not name for client, _, name in pairs):
        raise SetupError("MAILLAGE_CLIENT_CERTIFICATES: each is client=CN, with semicolons between")
    if not pairs:
        return Certificates({}, (), proxies)
    if not config.client_certificates_ca or not proxies:
        raise SetupError("MAILLAGE_CLIENT_CERTIFICATES needs MAILLAGE_CLIENT_CERTIFICATES_CA and MAILLAGE_PROXIES")
    try:
        authorities = x509.load_pem_x509_certificates(Path(config.client_certificates_ca).read_bytes())
    except (OSError, ValueError) as fault:
        raise SetupError(f"MAILLAGE_CLIENT_CERTIFICATES_CA: {fault}") from fault
    return Certificates({client: name for client, _, name in pairs}, authorities, proxies)


def _certificate(said: str) -> x509.Certificate | None:
    """What a `Client-Cert` says, a byte sequence of a structured field (RFC 8941 §3.3.5): `:base64 of DER:`."""
    if len(said) > LONGEST or not (said.startswith(":") and said.endswith(":")):
        return None
    try:
        return x509.load_der_x509_certificate(base64.b64decode(said[1:-1], validate=True))
    except (binascii.Error, ValueError):
        return None


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
