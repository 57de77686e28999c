"""What an operator can set. The environment is read here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from maillage.errors import SetupError

PREFIX = "MAILLAGE_"


def _flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("expected true or false")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one installation. Each field is the environment variable `MAILLAGE_<FIELD>` in capitals.

    Durations are seconds, sizes are bytes, addresses are `host:port`. Fields marked secret are never logged.
    """

    data: Path = field(default_factory=lambda: Path(".maillage"))
    database_url: str = ""  # empty: the embedded PostgreSQL in `data`
    database_pool: int = 8
    files_url: str = ""  # empty: the folder `data`/files; else an s3:// address
    base_url: str = "http://127.0.0.1:8000"
    web: str = "127.0.0.1:8000"
    web_workers: int = 1
    body_limit: int = 20_000_000
    mllp: str = "127.0.0.1:2575"
    mllp_frame_limit: int = 64_000_000
    mllp_tls_certificate: str = ""
    mllp_tls_key: str = field(default="", repr=False)
    mllp_tls_client_ca: str = ""
    mllp_sources: str = ""  # who may send with a client certificate: "CN=application|facility;…", empty: every holder
    mllp_database_patience: float = 30.0
    smtp: str = "127.0.0.1:1025"
    smtp_tls: str = "none"  # none, starttls or tls
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    mail_from: str = "ne-pas-repondre@maillage.example"
    psc_issuer: str = ""
    psc_client_id: str = "maillage"
    psc_client_secret: str = field(default="", repr=False)
    psc_discovery: str = ""  # empty: the issuer's .well-known/openid-configuration
    cardless_issuer: str = ""  # empty: the same as psc_issuer
    cardless_client_id: str = "maillage-sans-carte"
    cardless_client_secret: str = field(default="", repr=False)
    session_idle: int = 30 * 60
    session_lifetime: int = 10 * 3600
    token: str = field(default="", repr=False)  # bearer token of `maillage send --to fhir`
    mail_viewer: str = ""  # address of the mail emulator's page, shown to the demo's personas
    region: str = "Territoire de démonstration"
    demo: bool = False
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads `MAILLAGE_*`; an unknown name or a bad value is a SetupError that names it."""
        values: dict[str, object] = {}
        kinds = {name: f.type for name, f in cls.__dataclass_fields__.items()}
        for key, text in environ.items():
            if not key.startswith(PREFIX):
                continue
            name = key.removeprefix(PREFIX).lower()
            if name not in kinds:
                known = ", ".join(PREFIX + k.upper() for k in kinds)
                raise SetupError(f"{key} is not a setting of Maillage; known: {known}")
            values[name] = _convert(key, str(kinds[name]), kinds[name], text)
        return cls(**values)  # type: ignore[arg-type]  # names and types were checked just above

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process."""
        return {PREFIX + name.upper(): str(getattr(self, name)) for name in self.__dataclass_fields__}


def _convert(key: str, label: str, kind: object, text: str) -> object:
    convert = {Path: Path, bool: _flag, int: int, float: float}.get(kind, str)  # type: ignore[call-overload]
    try:
        return convert(text)
    except ValueError as fault:
        raise SetupError(f"{key}={text!r}: {label} expected ({fault})") from None
