"""TLS for MLLP: both sides show a certificate when the configuration names an authority for the other."""

from __future__ import annotations

import ssl
from pathlib import Path


def server_context(*, certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """TLS ≥ 1.2 with this certificate; with an authority, only clients that show a certificate signed by it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(*, authority: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Trusts the authority (the system's when None) and shows the certificate, when there is one."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def common_name(subject: object) -> str | None:
    """The CN in `getpeercert()["subject"]`, a tuple of relative names, each a tuple of (name, value)."""
    if not isinstance(subject, tuple):
        return None
    pairs = (pair for relative in subject for pair in relative)
    return next((value for name, value in pairs if name == "commonName"), None)
