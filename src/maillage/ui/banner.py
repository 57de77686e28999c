"""The patient banner's values: who, always; what could harm, always. Filled by `identity.public.banner`, drawn by `ui/banner.html`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class InsStatus(StrEnum):
    """How sure the identity is, by the national framework of identity vigilance (RNIV): INS fetched, document checked, both, neither."""

    QUALIFIED = "qualified"
    RETRIEVED = "retrieved"
    VALIDATED = "validated"
    PROVISIONAL = "provisional"


class AllergyState(StrEnum):
    """The three states of NICE CG183, and that whoever looks does not read allergies: for them nobody knows whether somebody asked."""

    KNOWN = "known"
    NONE = "none"
    UNKNOWN = "unknown"
    KEPT = "kept"


@dataclass(frozen=True, kw_only=True, slots=True)
class Banner:
    """What a page says about the person it is about.

    `family` is the birth name, `used` the name used in life when it differs; `birth_date` is FHIR text, maybe partial; `gender` the FHIR code;
    `ins` the 15 digits or None; `allergies` « amoxicilline (œdème, 2014) » each; `warnings` the full-width lines (deceased, homonym);
    `opened_until` until when whoever looks has the record open in an emergency only (break-glass).
    """

    patient: str
    family: str
    given: str
    birth_date: str | None
    gender: str
    ins: str | None
    ins_status: InsStatus
    used: str | None = None
    allergy_state: AllergyState = AllergyState.UNKNOWN
    allergies: Sequence[str] = ()
    allergies_asked: str | None = None
    flags: Sequence[str] = ()
    general_practitioner: str | None = None
    trusted: str | None = None
    trusted_phone: str | None = None
    warnings: Sequence[str] = ()
    opened_until: datetime | None = None

    @property
    def feminine(self) -> bool:
        """Whether French words about the person take their feminine form."""
        return self.gender == "female"

    @property
    def sex(self) -> str:
        """F, M, or the words for the rest."""
        return {"female": "F", "male": "M", "other": "autre"}.get(self.gender, "inconnu")
