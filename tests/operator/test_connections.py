"""`maillage check` tells each connection that a network carries unencrypted; a provider of identities without TLS stops the start."""

from dataclasses import replace

import pytest

from maillage.access.platform import Platform
from maillage.app import web
from maillage.config import Config
from maillage.connectors.transport import is_here, is_private
from maillage.errors import SetupError
from maillage.operator.checks import CHECKS
from maillage.operator.unencrypted import unencrypted

SAFE = Config(
    database_url="host=db.region.example dbname=maillage sslmode=verify-full", base_url="https://maillage.example", web="127.0.0.1:8000",
    database_replica_url="postgresql://r@replica.example/maillage?sslmode=verify-ca", mllp="0.0.0.0:2575", mllp_tls_certificate="/etc/x.pem",
    smtp="mail.example:587", smtp_tls="starttls", files_url="s3://documents",
)  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value", "kept"),
    [
        ("database_url", "host=db.region.example dbname=maillage", "host=/run/postgresql dbname=maillage"),
        ("database_url", "host=db.region.example sslmode=require", "postgresql://127.0.0.1/maillage"),
        ("database_url", "host=127.0.0.1,db.region.example sslmode=prefer", "host=127.0.0.1,::1"),
        ("database_url", "host=localhost hostaddr=192.0.2.4", ""),
        ("database_replica_url", "postgresql://r@replica.example/maillage", ""),
        ("base_url", "http://maillage.example", "http://127.0.0.1:8000"),
        ("web", "0.0.0.0:8000", "[::1]:8000"),
        ("mllp_tls_certificate", "", "/etc/y.pem"),
        ("smtp_tls", "none", "tls"),
        ("upload_scanner", "clamd://scanner.example:3310", "clamd:///run/clamav/clamd.ctl"),
        ("files_url", "http://store.example/documents", "http://127.0.0.1:9000/documents"),
    ],
)
async def test_each_connection_that_others_read_is_told_by_its_setting(
    platform: Platform, setting: str, value: str, kept: str
) -> None:
    assert unencrypted(SAFE) == []
    assert unencrypted(replace(SAFE, **{setting: kept})) == []
    (said,) = unencrypted(replace(SAFE, **{setting: value}))
    assert f"MAILLAGE_{setting.partition('_tls_certificate')[0].upper()}" in said
    part = dict(CHECKS)["connexions"]
    assert "chiffrées" in await part(replace(platform, config=SAFE))
    with pytest.raises(SetupError, match="MAILLAGE_"):
        await part(replace(platform, config=replace(SAFE, **{setting: value})))


@pytest.mark.parametrize("setting", ["psc_issuer", "psc_discovery", "cardless_issuer", "citizen_issuer", "citizen_discovery"])
def test_a_provider_of_identities_without_tls_stops_the_start(platform: Platform, setting: str) -> None:
    for address, taken in (("https://auth.example", True), ("http://127.0.0.1:9", True), ("http://auth.example", False)):
        started = replace(platform, config=replace(platform.config, **{setting: address}))
        if taken:
            assert web(started)
            continue
        with pytest.raises(SetupError, match=f"MAILLAGE_{setting.upper()}"):
            web(started)


def test_what_is_of_this_machine() -> None:
    assert all(
        map(
            is_here,
            ("localhost", "127.0.0.1:80", "[::1]:80", "::1", "http://127.8.8.8/x", "/run/postgresql", "http://a.localhost:1"),
        )
    )
    assert not any(map(is_here, ("localhost.example", "0.0.0.0:80", "10.0.0.1", "http://127.0.0.1.example", "db")))
    assert is_private("https://elsewhere.example")
    assert not is_private("http://127.0.0.1@elsewhere.example")
