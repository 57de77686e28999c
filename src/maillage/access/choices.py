"""What a person chose, as their Consents say it: who does not see their record, or which part of it.

Only what is denied counts: the circle of care sees a record unless the person says no (CSP L1110-4), and where two Consents differ, no prevails.
A choice ends with its Consent (`inactive`), or with the period of its provision.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.periods import ALWAYS, Span, span
from maillage.access.references import local

Resource = dict[str, Any]

CHOICES = "urn:maillage:choice"
"""System of Consent.category for the choices that the platform asks about (`services/rights`)."""
FROM_CARERS = "from-carers"
"""Code of the choice that keeps a stay or a document from carers and legal representatives."""
EVERY_PROFESSIONAL = "audience/professional"
EVERY_COORDINATOR = "audience/coordination"
IN_EMERGENCY = "purpose/emergency"
"""Grantees who are nobody by name: all who care or coordinate, those who coordinate only, whoever opens a record in an emergency."""

ALL_OF_THEM, IN_AN_EMERGENCY, BY_NAME = 1, 2, 3

PRIVACY = "patient-privacy"
DMP = "urn:maillage:dmp-consent"
_BY_PURPOSE = {
    "TREAT": EVERY_PROFESSIONAL,
    "COC": EVERY_COORDINATOR,
    "CAREMGT": EVERY_COORDINATOR,
    "ETREAT": IN_EMERGENCY,
    "BTG": IN_EMERGENCY,
}
"""Purposes of v3-ActReason to which a person may object in one word, and from whom that keeps their record."""
_WITHOUT_EFFECT_HERE = frozenset({"dmp-feeding", "dmp-reading", "secondary-use", "messaging"})
"""Choices that other services ask about before they act: they hide no record from the circle."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Somebody ("Practitioner/12", or one of the grantees above) does not see the record, during a span."""

    grantee: str
    during: Span = ALWAYS

    @property
    def weight(self) -> int:
        """How it stands against what gives a sight (`access_grant.weight`): somebody by name also when they open the record in an emergency."""
        return ALL_OF_THEM if self.grantee in (EVERY_PROFESSIONAL, EVERY_COORDINATOR) else BY_NAME


@dataclass(frozen=True, slots=True)
class Hiding:
    """One record ("DocumentReference/3") is kept from professionals, its authors excepted, until an instant; `from_carers`: from carers instead."""

    record: str
    until: datetime | None = None
    from_carers: bool = False


def denials(consent: Resource) -> list[Denial]:
    """From whom the record is kept as a whole."""
    return list(dict.fromkeys(denial for provision, during in _denied(consent) for denial in _of(consent, provision, during)))


def hidings(consent: Resource) -> list[Hiding]:
    """The records that are kept from professionals one by one."""
    return list(
        dict.fromkeys(
            Hiding(record, during[1], is_secret(consent))
            for provision, during in _denied(consent)
            for data in provision.get("data", [])
            if (record := local(data.get("reference")))
        )
    )


def is_secret(consent: Resource) -> bool:
    """Whether it keeps a record from who helps or represents the person, rather than from professionals (CSP L1111-5)."""
    return any(
        coding.get("system") == CHOICES and coding.get("code") == FROM_CARERS
        for concept in consent.get("category", [])
        for coding in concept.get("coding", [])
    )


def is_discreet(consent: Resource) -> bool:
    """Whether a Consent names somebody, or a record: it would tell those whom it concerns what it keeps from them."""
    return any("data" in provision or "actor" in provision for provision, _ in _denied(consent))


def _of(consent: Resource, provision: Resource, during: Span) -> Iterator[Denial]:
    if provision.get("data"):
        return
    if provision.get("actor"):
        named = filter(None, (local(actor.get("reference")) for actor in provision["actor"]))
        yield from (Denial(one, during) for one in named if not one.startswith("Patient/"))  # nobody shuts themself out
        return
    purposes = [purpose.get("code") for purpose in provision.get("purpose", [])]
    yield from (Denial(_BY_PURPOSE[code], during) for code in purposes if code in _BY_PURPOSE)
    if not purposes and not _is_for_other_services(consent):
        yield Denial(EVERY_PROFESSIONAL, during)


def _is_for_other_services(consent: Resource) -> bool:
    codings = [coding for concept in consent.get("category", []) for coding in concept.get("coding", [])]
    return any(
        coding.get("system") == DMP or (coding.get("system") == CHOICES and coding.get("code") in _WITHOUT_EFFECT_HERE)
        for coding in codings
    )


def _denied(consent: Resource) -> Iterator[tuple[Resource, Span]]:
    scope = {coding.get("code") for coding in consent.get("scope", {}).get("coding", [])}
    if consent.get("status") == "active" and PRIVACY in scope and "provision" in consent:
        yield from _denied_in(consent["provision"], ALWAYS)


def _denied_in(provision: Resource, within: Span) -> Iterator[tuple[Resource, Span]]:
    """Each provision that denies, however deep. What is permitted inside of a denial does not soften it: no is no until it is taken back."""
    during = span(provision.get("period"), within)
    if provision.get("type") == "deny":
        yield provision, during
    for inner in provision.get("provision", []):
        yield from _denied_in(inner, during)
