"""The inventory of keys: no setting of a key and no algorithm of the source is missing in it (OWASP ASVS 5.0, V11.1)."""

import re
from dataclasses import fields
from pathlib import Path

import maillage
from maillage.config import PREFIX, Config
from maillage.connectors.psc.tokens import ALGORITHMS
from maillage.services.software.service.assertions import ALGORITHMS as OF_SOFTWARE
from tests.support.plugin import ROOT

INVENTORY = (ROOT / "docs" / "howto" / "keys.md").read_text(encoding="utf-8")
SOURCE = Path(maillage.__file__).parent
OF_A_KEY = re.compile(r"(_keys?|_certificate|_ca|_secret|_password)(_file)?$|^token$")

# How the source names an algorithm or a generator, and how the inventory does.
USED = {
    r"\bAESGCM\b": "AES-256-GCM", r"\bPasswordHasher\b": "argon2id", r"\bhmac\.new\(.*sha256": "HMAC-SHA-256", r"\bsha256\b": "SHA-256", r"\bpyotp\b": "RFC 6238",
    r"\bsha1\b": "SHA-1", r"\buuid5\b|\bmd5\b": "UUID version 5", r"\bsecrets\.": "the system's generator", r"\bwebauthn\b": "WebAuthn", r"\bssl\.": "TLS 1.2", r"\bblake2b\b": "BLAKE2b",
    r"\bHKDF\b": "HKDF-SHA-256", r"\bECDH\b": "ECDH on P-256",
}  # fmt: skip
OTHERS = re.compile(
    r"\b(ChaCha20|Fernet|Blowfish|TripleDES|PBKDF2\w*|scrypt|bcrypt|sha512|sha384|sha224|Ed25519\w*|X25519\w*|ECDH\w+)\b"
)


def sources() -> str:
    return "\n".join(
        one.read_text(encoding="utf-8") for one in SOURCE.rglob("*.py") if not {"tests", "emulator", "demo"} & set(one.parts)
    )


def test_every_setting_of_a_key_is_in_the_inventory() -> None:
    settings = {one.name for one in fields(Config) if not one.repr or OF_A_KEY.search(one.name)}
    assert len(settings) >= 14
    assert {one for one in settings if f"`{PREFIX}{one.upper()}`" not in INVENTORY} == set()


def test_every_algorithm_of_the_source_is_in_the_inventory() -> None:
    text = sources()
    for used, named in USED.items():
        assert re.search(used, text), used
        assert named in INVENTORY, named
    assert set(OTHERS.findall(text)) == set(), "name it in docs/howto/keys.md"
    for algorithm in (*ALGORITHMS, *OF_SOFTWARE):
        assert algorithm in INVENTORY, algorithm


def test_each_line_says_how_long_and_for_what() -> None:
    rows = [line.strip("|").split("|") for line in INVENTORY.splitlines() if line.startswith("|") and not line.startswith("|---")]
    assert len(rows) > 25
    assert [row for row in rows if any(not cell.strip() for cell in row[:-1])] == []
