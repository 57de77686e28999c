"""Documents sealed: each under a data key of its own (AES-256-GCM, in pieces), and that key under one that the operator keeps elsewhere.

Pieces follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): the nonce counts them and says which is the last, so that none is left
out, moved, repeated or cut off unseen. All are bound to the name of the document, the SHA-256 of its plain bytes.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from maillage.config import secret_text
from maillage.errors import Damaged, SetupError, Unavailable

MAGIC = b"maillage sealed 1\n"
PIECE = 256 * 1024
"""Plain bytes of a piece: what is held at once, whatever the length of the document."""
_TAG = 16
_NONCE = 12
_KEY = 32
_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")


class Wrapped(msgspec.Struct, frozen=True):
    """What lies beside a sealed document: its data key, sealed by the operator's key of this id. In base64."""

    key: str
    data: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The operator's keys by id; `current` seals, each of them opens. None at all: nothing is sealed."""

    current: str = ""
    by_id: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def wrap(self, data_key: bytes, name: str) -> bytes:
        """What to keep beside the document of this name."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + AESGCM(self.by_id[self.current]).encrypt(nonce, data_key, _bound(name, self.current))
        return msgspec.json.encode(Wrapped(self.current, base64.b64encode(sealed).decode()))

    def unwrap(self, kept: bytes, name: str) -> bytes:
        """The data key. Unavailable where the operator's key is not here, Damaged where it does not open what is kept."""
        wrapped = wrapped_of(kept, name)
        key = self.by_id.get(wrapped.key)
        if key is None:
            raise Unavailable(
                f"{name} is sealed with the key {wrapped.key!r}, which MAILLAGE_FILES_KEYS does not have: give it back",
                french="la clé de ce document n’est pas dans les réglages de la plateforme",
            )
        try:
            sealed = base64.b64decode(wrapped.data, validate=True)
            return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(name, wrapped.key))
        except (InvalidTag, ValueError) as fault:
            raise Damaged(f"the key of {name} was changed, or the key {wrapped.key!r} is another than it was") from fault


def wrapped_of(kept: bytes, name: str) -> Wrapped:
    """What lies beside a document, read. Damaged where it is no such thing."""
    try:
        return msgspec.json.decode(kept, type=Wrapped)
    except msgspec.MsgspecError as fault:
        raise Damaged(f"what lies beside {name} is no key of a document") from fault


def keys_of(text: str, file: str = "") -> Keys:
    """The keys of the settings, "id:base64,id:base64" or lines of a file: the first seals. SetupError for what is none."""
    text = secret_text("MAILLAGE_FILES_KEYS", text, file)
    named = [one.strip().partition(":") for one in text.replace("\n", ",").split(",") if one.strip()]
    found = {id: _key(id, key) for id, _, key in named}
    if len(found) < len(named):
        raise SetupError("MAILLAGE_FILES_KEYS: two keys have one id")
    return Keys(next(iter(found), ""), found)


def _key(id: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY or not _ID.fullmatch(id):
        raise SetupError("MAILLAGE_FILES_KEYS: each key is id:key, the key 32 bytes in base64 (openssl rand -base64 32)")
    return key


def _bound(name: str, key: str) -> bytes:
    return f"maillage data key\0{name}\0{key}".encode()


def new_data_key() -> bytes:
    """The key of one document."""
    return secrets.token_bytes(_KEY)


def seal(pieces: Iterable[bytes], data_key: bytes, name: str) -> Iterator[bytes]:
    """The sealed form of plain bytes that come in pieces of any length: the same bytes and key always give the same."""
    cipher, bound = AESGCM(data_key), name.encode()
    yield MAGIC
    number, held = 0, None
    for piece in _cut(pieces, PIECE):
        if held is not None:
            yield cipher.encrypt(_nonce(number, last=False), held, bound)
            number += 1
        held = piece
    yield cipher.encrypt(_nonce(number, last=True), held or b"", bound)


def unseal(pieces: Iterable[bytes], data_key: bytes, name: str) -> Iterator[bytes]:
    """The plain bytes. Damaged at the first piece that is not as it was sealed, at its place, or where the last is missing."""
    cipher, bound = AESGCM(data_key), name.encode()
    number, held = 0, None
    for piece in _cut(_without_magic(pieces), PIECE + _TAG):
        if held is not None:
            yield _opened(cipher, _nonce(number, last=False), held, bound)
            number += 1
        held = piece
    yield _opened(cipher, _nonce(number, last=True), held or b"", bound)


def _opened(cipher: AESGCM, nonce: bytes, piece: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, piece, bound)
    except (InvalidTag, ValueError) as fault:
        raise Damaged(
            f"the document {bound.decode()} is not as it was stored", french="ce document a été modifié ou abîmé dans le stockage"
        ) from fault


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NONCE - 1, "big") + (b"\1" if last else b"\0")


def _without_magic(pieces: Iterable[bytes]) -> Iterator[bytes]:
    left = len(MAGIC)
    for piece in pieces:
        yield piece[left:]
        left = max(0, left - len(piece))


def _cut(pieces: Iterable[bytes], length: int) -> Iterator[bytes]:
    """The same bytes in pieces of this length, the last one shorter or as long."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= length:
            yield bytes(held[:length])
            del held[:length]
    if held:
        yield bytes(held)
