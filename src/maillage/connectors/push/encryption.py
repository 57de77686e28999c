"""The encryption of Web Push (RFC 8291, content coding aes128gcm of RFC 8188): the push service carries what only the browser reads."""

import base64
import secrets

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD = 4096
"""Size of a record, and so of a message: there is one only."""
LAST = b"\x02"
"""Delimiter of the last record (RFC 8188 §2)."""
LONGEST = RECORD - 16 - len(LAST)


def encrypted(
    message: bytes, *, browser: bytes, auth: bytes, salt: bytes | None = None, key: EllipticCurvePrivateKey | None = None
) -> bytes:
    """The body of a push. `browser` is its public key (65 bytes, uncompressed), `auth` its secret of 16; `salt` and `key` are new each time, but in tests.

    ValueError for a key that is no point of the curve, a secret of another size, or more than one record.
    """
    if len(auth) != 16 or len(message) > LONGEST:
        raise ValueError("an auth secret has 16 bytes, and a message one record")
    theirs = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), browser)
    key = key or generate_private_key(SECP256R1())
    salt = salt or secrets.token_bytes(16)
    ours = point(key.public_key())
    content_key, nonce = derived(key.exchange(ECDH(), theirs), auth=auth, salt=salt, browser=browser, sender=ours)
    header = salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(content_key).encrypt(nonce, message + LAST, None)


def derived(shared: bytes, *, auth: bytes, salt: bytes, browser: bytes, sender: bytes) -> tuple[bytes, bytes]:
    """The content key and the nonce of the only record (RFC 8291 §3.4)."""
    material = _hkdf(shared, salt=auth, info=b"WebPush: info\0" + browser + sender, length=32)
    return (
        _hkdf(material, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16),
        _hkdf(material, salt=salt, info=b"Content-Encoding: nonce\0", length=12),
    )


def _hkdf(material: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)


def point(key: EllipticCurvePublicKey) -> bytes:
    """A public key as an uncompressed point, as browsers give theirs."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def is_point(data: bytes) -> bool:
    """Whether these bytes are a public key on P-256."""
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), data)
    except ValueError:
        return False
    return len(data) == 65


def to_text(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """The bytes of base64url, padded or not. ValueError where it is none."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
