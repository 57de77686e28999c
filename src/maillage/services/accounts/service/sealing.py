"""What is kept of secrets: passwords as argon2id, codes and links as SHA-256, second factors sealed with a key that the database does not have."""

import asyncio
import base64
import binascii
import secrets
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from maillage.config import Config, secret_text
from maillage.errors import SetupError

# RFC 9106 §4, second recommended option: 64 MiB, three passes. One at a time in a process, so that sign-ins cannot eat its memory.
_HASHER = PasswordHasher()
_NONCE = 12
_KEY = 32


def hashed(secret: str) -> bytes:
    """SHA-256 of a secret of our own making: 80 bits at least, so that nothing slower is needed."""
    return sha256(secret.encode()).digest()


class Passwords:
    """argon2id, in a thread of its own."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._one:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def holds(self, kept: str | None, password: str) -> bool:
        """Whether it is the password; as long for somebody who has none."""
        async with self._one:
            return await asyncio.to_thread(_verify, kept, password)

    def is_dated(self, kept: str) -> bool:
        """Whether it was hashed at a cost that is no longer ours."""
        return _HASHER.check_needs_rehash(kept)


def _verify(kept: str | None, password: str) -> bool:
    try:
        _HASHER.verify(kept or _nobody(), password)
    except VerifyMismatchError:
        return False
    return kept is not None


@cache
def _nobody() -> str:
    """What the password of somebody unknown is compared with."""
    return _HASHER.hash(secrets.token_urlsafe(32))


@dataclass(frozen=True, slots=True)
class Seal:
    """AES-256-GCM bound to the account; the first key seals, each of them opens."""

    keys: tuple[bytes, ...]

    @property
    def is_set(self) -> bool:
        """Whether the operator gave a key: without one nothing is sealed, and nobody gets a second factor."""
        return bool(self.keys)

    def close(self, text: bytes, *, account: UUID) -> bytes:
        """Sealed: nonce, then what is sealed with its tag."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.keys[0]).encrypt(nonce, text, account.bytes)

    def open(self, sealed: bytes, *, account: UUID) -> bytes:
        """What was sealed for this account. SetupError when no key of ours opens it."""
        for key in self.keys:
            try:
                return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], account.bytes)
            except InvalidTag:
                continue
        raise SetupError("no key of MAILLAGE_ACCOUNT_KEYS opens a second factor: give the old keys back, behind the new one")

    def derived(self, purpose: str, secret: str) -> bytes:
        """20 bytes that only who has both the key and the secret can know."""
        return sha256(self.keys[0] + purpose.encode() + b"\0" + secret.encode()).digest()[:20]


@cache
def seal_of(config: Config) -> Seal:
    """The operator's keys, from the setting or the file it names. SetupError where one is not 32 bytes in base64."""
    text = secret_text("MAILLAGE_ACCOUNT_KEYS", config.account_keys, config.account_keys_file)
    return Seal(tuple(_key(one) for one in text.replace("\n", ",").split(",") if one.strip()))


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY:
        raise SetupError("MAILLAGE_ACCOUNT_KEYS: each key is 32 bytes in base64 (openssl rand -base64 32)")
    return key
