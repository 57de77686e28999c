"""What an operator can set. The environment is read here and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from maillage.errors import SetupError

PREFIX = "MAILLAGE_"
PUSH_SERVICES = "fcm.googleapis.com,updates.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com"


def _flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(value)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one installation. Each field is the environment variable `MAILLAGE_<FIELD>` in capitals.

    Durations are seconds, sizes are bytes, addresses are `host:port`. Fields marked secret are never logged.
    """

    data: Path = field(default_factory=lambda: Path(".maillage"))  # documents and the embedded PostgreSQL; .maillage if not set
    database_url: str = ""  # empty: the embedded PostgreSQL in `data`
    database_pool: int = 8  # connections of each process, at most
    database_replica_url: str = ""  # a streaming replica that reads go to while it has all that was acknowledged; empty: none
    database_replica_patience: float = 0.1  # how long a read waits for the replica to be in step before it goes to the database
    files_url: str = ""  # empty: the folder `data`/files; else an s3:// address
    files_keys: str = field(default="", repr=False)  # seal documents: "id:base64 of 32 bytes", several by commas, the first seals
    files_keys_file: str = ""  # a file that holds them instead; neither: documents lie as they came
    base_url: str = "http://127.0.0.1:8000"  # how people and clients reach the platform; https makes cookies secure
    web: str = "127.0.0.1:8000"  # where the web process listens
    proxies: str = ""  # networks of our own proxies ("10.0.0.0/8,::1"): their X-Forwarded-For says where requests come from
    client_certificates: str = ""  # clients whose tokens count with their certificate only: "client=CN;…"
    client_certificates_ca: str = ""  # PEM file of the authorities of those certificates, which our proxies say in Client-Cert
    rate_people: int = 1200  # requests a minute of one person, at most, in each web process; 0: no limit
    rate_machines: int = 0  # the same of one software; 0: no limit
    rate_strangers: int = 600  # the same of one address from which nobody signed in
    web_workers: int = 1  # processes that answer; each has its own request counts at /metrics
    body_limit: int = 20_000_000  # longest body that the FHIR door takes
    upload_limit: int = 20_000_000  # longest file in a resource or a clinical document
    upload_count: int = 100  # files in one resource, at most
    upload_types: str = ""  # media types of files, by commas; empty: all but programs
    upload_scanner: str = ""  # looks at each file before it is kept: "clamd://host:3310", "clamd:///socket"; empty: none
    upload_scanner_patience: float = 30.0  # how long a file waits for it; one that was not looked at is not taken
    mllp: str = "127.0.0.1:2575"  # where the MLLP process listens, and where `/health` and `maillage send` look for it
    mllp_frame_limit: int = 64_000_000  # longest message
    mllp_stall: float = 60.0  # a message that has begun and brings no byte for so long is given up, and kept in quarantine
    mllp_tls_certificate: str = ""  # PEM file; empty: no TLS
    mllp_tls_key: str = field(default="", repr=False)  # PEM file
    mllp_tls_client_ca: str = ""  # PEM file of the authority that clients' certificates are signed by; empty: none is asked for
    mllp_sources: str = ""  # who may send with a client certificate: "CN=application|facility;…", empty: every holder
    mllp_database_patience: float = 30.0  # how long a message waits for the database before its connection is closed unanswered
    audit_heads: str = ""  # folder where the heads of the trail are kept each night, best elsewhere; empty: `data`/audit-heads
    audit_alert: str = ""  # e-mail address that is told when the trail no longer holds; empty: nobody is written to
    erasures: str = ""  # folder that lists what was erased, so that restores erase it again; empty: `data`/erasures
    smtp: str = "127.0.0.1:1025"  # the mail server that takes notices
    smtp_tls: str = "none"  # none, starttls or tls
    smtp_user: str = ""  # empty: the server asks for none
    smtp_password: str = field(default="", repr=False)  # of `smtp_user`
    push_key: str = field(default="", repr=False)  # notifications to browsers that asked: a private key in PEM, EC on P-256
    push_key_file: str = ""  # a file that holds it instead; neither: pages offer no notifications
    push_services: str = PUSH_SERVICES  # hosts of the push services of browsers, by commas; "*.": every name under it
    mail_from: str = "ne-pas-repondre@maillage.example"  # sender of notices
    psc_issuer: str = ""  # Pro Santé Connect, or another OpenID provider; empty: nobody can sign in
    psc_client_id: str = "maillage"  # our client there
    psc_client_secret: str = field(default="", repr=False)  # of that client
    psc_discovery: str = ""  # empty: the issuer's .well-known/openid-configuration
    cardless_issuer: str = ""  # empty: the same as psc_issuer
    cardless_client_id: str = "maillage-sans-carte"  # the client of those who have no professional card
    cardless_client_secret: str = field(default="", repr=False)  # of that client
    citizen_issuer: str = ""  # FranceConnect, or another provider of the pivot of identity; empty: none
    citizen_client_id: str = "maillage"  # our client there
    citizen_client_secret: str = field(default="", repr=False)  # of that client
    citizen_discovery: str = ""  # empty: the issuer's .well-known/openid-configuration
    account_keys: str = field(default="", repr=False)  # seal second factors: 32 bytes in base64, several by commas
    account_keys_file: str = ""  # a file that holds them instead; neither: accounts held here are opened by passkeys alone
    breached_passwords: str = ""  # file of SHA-1 of breached passwords, sorted, as of Have I Been Pwned; empty: the list shipped
    openid_key: str = field(default="", repr=False)  # says who somebody is to applications: a private key in PEM, RSA or EC P-384
    openid_key_file: str = ""  # a file that holds it instead; neither: applications are not told (no openid, no fhirUser)
    software_networks: str = ""  # our own networks where software may publish its keys, also by http; others must be public
    software_sandbox: bool = False  # what editors register counts at once: only where every person is made up
    session_idle: int = 30 * 60  # a session ends after so long without a request
    session_lifetime: int = 10 * 3600  # a session ends after so long in any case
    session_most: int = 10  # sessions of one person that are open at once; with one more, the one used longest ago ends
    session_proof: int = 15 * 60  # what is grave asks for a proof of identity again once the last is older than that
    token: str = field(default="", repr=False)  # bearer token of `maillage send --to fhir`
    mail_viewer: str = ""  # address of the mail emulator's page, shown to the demo's personas
    region: str = "Territoire de démonstration"  # name of the territory
    demo: bool = False  # offers personas at sign-in; set by `maillage demo`, never in production
    log_level: str = "INFO"  # DEBUG, INFO, WARNING or ERROR

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
            values[name] = _convert(key, kinds[name], text)
        return cls(**values)  # type: ignore[arg-type]  # names and types were checked just above

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process."""
        return {PREFIX + name.upper(): str(getattr(self, name)) for name in self.__dataclass_fields__}


def secret_text(setting: str, text: str, path: str) -> str:
    """A secret of the settings: the text itself, else what the file holds that `setting`_FILE names; empty where neither is set. SetupError for a file that cannot be read."""
    if text or not path:
        return text
    try:
        return Path(path).read_text("utf-8")
    except OSError as fault:
        raise SetupError(f"{setting}_FILE: {fault.strerror}") from fault
    except ValueError as fault:
        raise SetupError(f"{setting}_FILE: text in UTF-8 is expected") from fault


_KINDS: Mapping[object, tuple[Callable[[str], object], str]] = {
    Path: (Path, "a path"),
    bool: (_flag, "true or false"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "a text"),
}


def _convert(key: str, kind: object, text: str) -> object:
    read, expected = _KINDS[kind]
    try:
        return read(text)
    except ValueError:
        raise SetupError(f"{key}={text!r}: {expected} is expected") from None
