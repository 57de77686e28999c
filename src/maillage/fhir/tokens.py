"""The 64-bit numbers that stand for searchable tokens, the same for the writer (index) and the reader (search)."""

from functools import lru_cache
from hashlib import blake2b
from struct import Struct

_NUMBER = Struct("<q")  # half the cost of `int.from_bytes`, for the sixty of a Patient


def unremembered64(text: str) -> int:
    """The first 8 bytes of BLAKE2b of `text` as a signed integer (PostgreSQL int8): for texts that seldom come again."""
    number: int = _NUMBER.unpack(blake2b(text.encode(), digest_size=8).digest())[0]
    return number


hash64 = lru_cache(maxsize=16_384)(unremembered64)
"""The same number, remembered: for codes, systems and names."""


def token(kind: str, parameter: str, code: str, system: str | None = None) -> int:
    """The number for one searched value of a token (or uri) parameter of a resource type.

    `system` None: `code` under any system (`?code=x`). `system` "": only without a system (`?code=|x`).
    Otherwise exactly `system|code`; an empty `code` then means any code of that system (`?code=s|`).
    """
    return hash64(f"{kind}|{parameter}|{code}" if system is None else f"{kind}|{parameter}|{system}|{code}")
