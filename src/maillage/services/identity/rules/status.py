"""The four identity statuses of the RNIV, from the reliability code and the presence of an INS.

FR Core has no code for « qualifiée » or « récupérée »: the pair (reliability, INS) says it (fr-core 2.2.0, v2-0445).
"""

from enum import StrEnum


class IdentityStatus(StrEnum):
    PROVISIONAL = "provisional"
    RETRIEVED = "retrieved"
    VALIDATED = "validated"
    QUALIFIED = "qualified"


VALIDATED_CODES = frozenset({"VALI"})
DOUBTFUL_CODES = frozenset({"DOUT", "FICT"})
"""Attributes that force the provisional status and forbid the use of the INS."""


def status_of(reliability: frozenset[str], *, has_ins: bool) -> IdentityStatus:
    """The status for these v2-0445 codes and a usable INS or none."""
    if reliability & DOUBTFUL_CODES:
        return IdentityStatus.PROVISIONAL
    validated = bool(reliability & VALIDATED_CODES)
    if has_ins:
        return IdentityStatus.QUALIFIED if validated else IdentityStatus.RETRIEVED
    return IdentityStatus.VALIDATED if validated else IdentityStatus.PROVISIONAL
