"""One-time codes (RFC 6238: SHA-1, six digits, thirty seconds) and the recovery codes that stand in for them. Pure but for chance."""

import base64
import hmac
import re
import secrets
from datetime import datetime

import pyotp

STEP = 30
AROUND = 1
"""Steps before and after the present one that count: clocks differ (RFC 6238 §5.2)."""
RECOVERY = 10
ISSUER = "Maillage"


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The step whose code this is, None when it is none of those near now. Time does not tell which."""
    digits = re.sub(r"\s", "", code)
    present = int(now.timestamp()) // STEP
    clock = pyotp.TOTP(shown(secret))
    found = None
    for step in range(present - AROUND, present + AROUND + 1):
        if hmac.compare_digest(clock.generate_otp(step).encode(), digits.encode()):
            found = step
    return found


def shown(secret: bytes) -> str:
    """The secret in base32, to be typed into an authenticator."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, email: str) -> str:
    """The otpauth: address that the square code holds."""
    return pyotp.TOTP(shown(secret)).provisioning_uri(name=email, issuer_name=ISSUER)


def new_recovery() -> list[str]:
    """Ten codes of 80 bits: abcd-efgh-ijkl-mnop."""
    return ["-".join(re.findall("....", base64.b32encode(secrets.token_bytes(10)).decode().lower())) for _ in range(RECOVERY)]


def recovery_of(code: str) -> str | None:
    """A recovery code as it was given out, however it was typed; None for what cannot be one."""
    plain = re.sub(r"[\s-]", "", code).lower()
    return "-".join(re.findall("....", plain)) if re.fullmatch(r"[a-z2-7]{16}", plain) else None
