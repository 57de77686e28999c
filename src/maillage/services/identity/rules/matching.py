"""Is the person a message speaks of one we know? Exact rules only: a doubt is always left to a steward."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from maillage.services.identity.rules.ins import Ins, usable
from maillage.services.identity.rules.status import DOUBTFUL_CODES
from maillage.services.identity.rules.traits import Traits, complete, normal


class Reason(StrEnum):
    """Why a claim was or was not recognised; the steward reads it in words."""

    SAME_INS = "same-ins"
    SAME_IDENTIFIER = "same-identifier"
    DISCORDANT = "discordant"
    DISCORDANT_IDENTIFIER = "discordant-identifier"
    SAME_TRAITS = "same-traits"
    SEVERAL = "several"
    UNKNOWN = "unknown"
    MERGE = "merge"
    OPENS_RECORD = "opens-record"


TOLD_WHEN_IN_DOUBT = "identité confiée à l'identitovigilance"
"""What a sender is told of a person who was not recognised for certain (note of an HL7 answer, in French)."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier of a person given by a facility: FHIR system and value."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a source says of a person: INS, its own identifiers, traits, reliability codes (v2-0445; empty when not said).

    `origin` tells a steward in words where it comes from; `organization` is the `Organization/…` that vouches for it.
    """

    traits: Traits
    ins: Ins | None = None
    identifiers: tuple[Identifier, ...] = ()
    reliability: frozenset[str] = frozenset()
    origin: str = ""
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A person we hold: `record` is the regional record it is or refers to, None while a steward has not decided."""

    patient: str
    traits: Traits
    record: str | None = None
    ins: Ins | None = None
    identifiers: frozenset[Identifier] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Decision:
    """The known person to file under (None: a new source identity), why, and whom a steward should compare with."""

    known: Known | None
    reason: Reason
    near: tuple[Known, ...] = ()

    @property
    def certain(self) -> bool:
        return self.known is not None and self.known.record is not None


def coherent(one: Traits, other: Traits) -> bool:
    """True when birth name, first given name, birth date and sex are known on both sides and equal once normalised.

    The birth place is left to the comparison: communes merge, the INSi search does not need it, and official messages of one
    and the same test person carry 51215 and 63220.
    """
    left, right = normal(one), normal(other)
    keys = ("birth_name", "first_given", "birth_date", "sex")
    return complete(left) and complete(right) and all(getattr(left, key) == getattr(right, key) for key in keys)


def decide(claim: Claim, known: Sequence[Known]) -> Decision:
    """Recognise the claim among the people found by its INS, its identifiers or its traits.

    INS and coherent traits, or a facility identifier and coherent traits, are certain; anything else is a steward's.
    """
    same_ins = [person for person in known if _same_ins(claim, person)]
    same_identifier = [person for person in known if person.identifiers & set(claim.identifiers)]
    if settled := _settled(claim, same_ins, Reason.SAME_INS, Reason.DISCORDANT):
        return settled
    if settled := _settled(claim, same_identifier, Reason.SAME_IDENTIFIER, Reason.DISCORDANT_IDENTIFIER):
        return settled
    alike = [person for person in known if coherent(claim.traits, person.traits)]
    return Decision(None, Reason.SAME_TRAITS if alike else Reason.UNKNOWN, near=tuple(alike))


def _settled(claim: Claim, people: list[Known], agreed: Reason, contradicted: Reason) -> Decision | None:
    """The decision among people who share one identifier with the claim, or None when nobody does."""
    if not people:
        return None
    alike = [person for person in people if coherent(claim.traits, person.traits) and not _other_ins(claim, person)]
    if not alike:
        return Decision(None, contradicted, near=tuple(people))
    if len({person.record for person in alike if person.record}) > 1:
        return Decision(None, Reason.SEVERAL, near=tuple(alike))
    chosen = min(alike, key=lambda person: (person.record != person.patient, person.record is None, person.patient))
    return Decision(chosen, agreed)


def _same_ins(claim: Claim, person: Known) -> bool:
    trusted = claim.ins is not None and usable(claim.ins) and not claim.reliability & DOUBTFUL_CODES
    return trusted and person.ins == claim.ins


def _other_ins(claim: Claim, person: Known) -> bool:
    return claim.ins is not None and person.ins is not None and claim.ins != person.ins
