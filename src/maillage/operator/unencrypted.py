"""Which connections of these settings a network carries as they are, and how each is mended: what stays on this machine needs no encryption."""

from collections.abc import Iterator

from psycopg.conninfo import conninfo_to_dict

from maillage.config import Config
from maillage.connectors.transport import is_here, is_private

VERIFIED = frozenset({"verify-ca", "verify-full"})
"""`require` alone speaks TLS with whoever answers; the others fall back to none (libpq, sslmode)."""


def unencrypted(config: Config) -> list[str]:
    """One sentence for each, which names the setting."""
    return [*_databases(config), *_doors(config), *_others(config)]


def _databases(config: Config) -> Iterator[str]:
    for name, dsn in (("DATABASE_URL", config.database_url), ("DATABASE_REPLICA_URL", config.database_replica_url)):
        said = conninfo_to_dict(dsn) if dsn else {}
        hosts = [*str(said.get("host") or "").split(","), *filter(None, str(said.get("hostaddr") or "").split(","))]
        if not all(is_here(one) for one in hosts) and said.get("sslmode") not in VERIFIED:
            yield f"MAILLAGE_{name} needs sslmode=verify-full and sslrootcert"


def _doors(config: Config) -> Iterator[str]:
    if not is_private(config.base_url):
        yield "MAILLAGE_BASE_URL is http: people and software need https"
    if not is_here(config.web):
        yield "MAILLAGE_WEB listens beyond this machine without TLS: put the proxy on it and listen at 127.0.0.1"
    if not is_here(config.mllp) and not config.mllp_tls_certificate:
        yield "MAILLAGE_MLLP listens beyond this machine: it needs MAILLAGE_MLLP_TLS_CERTIFICATE"


def _others(config: Config) -> Iterator[str]:
    if not is_here(config.smtp) and config.smtp_tls == "none":
        yield "MAILLAGE_SMTP_TLS is none: starttls or tls"
    if config.upload_scanner and not is_here(config.upload_scanner):
        yield "MAILLAGE_UPLOAD_SCANNER is elsewhere, and clamd has no TLS: run it on this machine, at its socket"
    if config.files_url.startswith("http:") and not is_private(config.files_url):
        yield "MAILLAGE_FILES_URL is http"
