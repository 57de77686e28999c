"""Deterministic identifiers and numbers with valid keys: resource ids, RPPS, FINESS, NIR."""

import uuid
from functools import lru_cache

from maillage.services.identity.public import with_key

NAMESPACE = uuid.UUID("5ba5d3a1-6d1f-5c0e-9d53-51a215c0de51")


@lru_cache(maxsize=16_384)
def resource_id(kind: str, name: str) -> str:
    """The id of a demonstration resource: the same for the same name, whatever the date or the scale."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


def luhn_digit(digits: str) -> int:
    """The check digit that makes `digits` + digit valid for Luhn."""
    doubled = (2 * int(d) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return -sum(n - 9 if n > 9 else n for n in doubled) % 10


def luhn_valid(digits: str) -> bool:
    return luhn_digit(digits[:-1]) == int(digits[-1])


def rpps(rank: int) -> str:
    """An 11-digit RPPS-like number, valid for Luhn."""
    body = f"109{rank:07d}"
    return f"{body}{luhn_digit(body)}"


def finess(rank: int, department: str = "51") -> str:
    """A 9-digit FINESS-like number of a département, valid for Luhn."""
    body = f"{department}9{rank:05d}"
    return f"{body}{luhn_digit(body)}"


def matricule(*, sex: str, birth_date: str, commune: str, order: int) -> str:
    """The 15 characters of a NIR: sex, year, month, COG commune, order of the birth (1 to 999), key."""
    return with_key(f"{1 if sex == 'male' else 2}{birth_date[2:4]}{birth_date[5:7]}{commune}{order:03d}")
