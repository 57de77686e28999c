"""Two identities side by side: what differs, how much each trait speaks for or against, and a score.

Weights are Fellegi-Sunter log2 likelihood ratios set by hand from the population of a French region (one birth commune in 300,
one birth date in 30,000, two sexes). They inform a steward and decide nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from maillage.services.identity.rules.ins import Ins
from maillage.services.identity.rules.traits import UNKNOWN_BIRTH_PLACE, Traits, loose_name, normal


class Trait(StrEnum):
    BIRTH_NAME = "birth-name"
    GIVEN_NAMES = "given-names"
    BIRTH_DATE = "birth-date"
    SEX = "sex"
    BIRTH_PLACE = "birth-place"
    INS = "ins"
    USED_NAME = "used-name"
    ADDRESS = "address"
    PHONE = "phone"


class Difference(StrEnum):
    """How two values of one trait relate; `near` ones are what a keyboard or a habit makes of the same value."""

    SAME = "same"
    MISSING = "missing"
    HYPHEN = "hyphen"
    OTHER_GIVEN_NAMES_MISSING = "other-given-names-missing"
    SAME_FIRST_GIVEN = "same-first-given"
    TYPING = "typing"
    SWAPPED_NAMES = "swapped-names"
    USED_NAME_GIVEN = "used-name-given"
    DAY_MONTH_SWAPPED = "day-month-swapped"
    YEAR_DIGITS_SWAPPED = "year-digits-swapped"
    ONE_DIGIT = "one-digit"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the comparison: the values as written on both sides, how they relate, and the weight in bits."""

    trait: Trait
    ours: str
    theirs: str
    difference: Difference
    weight: float

    @property
    def near(self) -> bool:
        return self.difference not in (Difference.SAME, Difference.MISSING, Difference.DIFFERENT)


AGREE = {
    Trait.BIRTH_NAME: 11.0, Trait.GIVEN_NAMES: 6.5, Trait.BIRTH_DATE: 14.0, Trait.SEX: 1.0, Trait.BIRTH_PLACE: 8.0,
    Trait.INS: 25.0, Trait.USED_NAME: 6.0, Trait.ADDRESS: 6.0, Trait.PHONE: 9.0,
}  # fmt: skip
DISAGREE = {
    Trait.BIRTH_NAME: -7.0, Trait.GIVEN_NAMES: -5.0, Trait.BIRTH_DATE: -8.0, Trait.SEX: -6.0, Trait.BIRTH_PLACE: -4.0,
    Trait.INS: -12.0, Trait.USED_NAME: -1.0, Trait.ADDRESS: -0.5, Trait.PHONE: -0.5,
}  # fmt: skip
NEAR_FACTOR = 0.55
NEAR_DATE = -2.5
PRIOR = -20.0
"""log2 odds that a person drawn from a region of a million is the one claimed."""


def compare(ours: Traits, theirs: Traits, *, our_ins: Ins | None = None, their_ins: Ins | None = None) -> tuple[Compared, ...]:
    """Every trait of the record (ours) and of the received identity (theirs), strict traits first."""
    left, right = normal(ours), normal(theirs)
    used = (Trait.USED_NAME, _name, left.used_name, right.used_name)
    lines: list[tuple[Trait, Callable[[str, str], Difference], str, str]] = [
        (Trait.BIRTH_NAME, lambda a, b: _birth_name(left, right), left.birth_name, right.birth_name),
        (Trait.GIVEN_NAMES, _given_names, left.given_names, right.given_names),
        (Trait.BIRTH_DATE, _date, left.birth_date, right.birth_date),
        (Trait.SEX, _plain, left.sex, right.sex),
        (Trait.BIRTH_PLACE, _plain, _place(left), _place(right)),
        (Trait.INS, _plain, our_ins.matricule if our_ins else "", their_ins.matricule if their_ins else ""),
        *([used] if left.used_name or right.used_name else []),
        (Trait.ADDRESS, _address, left.address, right.address),
        (Trait.PHONE, _plain, left.phone, right.phone),
    ]
    return tuple(_line(trait, relate, a, b) for trait, relate, a, b in lines)


def score(lines: tuple[Compared, ...]) -> float:
    """Probability (0 to 1) that both are one person, from the sum of the weights and the prior."""
    return 1 / (1 + math.pow(2, -(PRIOR + sum(line.weight for line in lines))))


def _line(trait: Trait, relate: Callable[[str, str], Difference], ours: str, theirs: str) -> Compared:
    difference = relate(ours, theirs) if ours and theirs else Difference.MISSING
    return Compared(trait, ours, theirs, difference, _weight(trait, difference))


def _weight(trait: Trait, difference: Difference) -> float:
    if difference is Difference.MISSING:
        return 0.0
    if difference is Difference.SAME:
        return AGREE[trait]
    if difference is Difference.DIFFERENT:
        return DISAGREE[trait]
    return NEAR_DATE if trait is Trait.BIRTH_DATE else AGREE[trait] * NEAR_FACTOR


def _plain(ours: str, theirs: str) -> Difference:
    return Difference.SAME if ours == theirs else Difference.DIFFERENT


def _name(ours: str, theirs: str) -> Difference:
    if ours == theirs:
        return Difference.SAME
    if loose_name(ours) == loose_name(theirs):
        return Difference.HYPHEN
    return Difference.TYPING if distance(ours, theirs) == 1 else Difference.DIFFERENT


def _birth_name(ours: Traits, theirs: Traits) -> Difference:
    found = _name(ours.birth_name, theirs.birth_name)
    if found is not Difference.DIFFERENT:
        return found
    if ours.birth_name == theirs.first_given and ours.first_given == theirs.birth_name:
        return Difference.SWAPPED_NAMES
    given = (ours.used_name == theirs.birth_name) or (theirs.used_name and theirs.used_name == ours.birth_name)
    return Difference.USED_NAME_GIVEN if given else Difference.DIFFERENT


def _given_names(ours: str, theirs: str) -> Difference:
    found = _name(ours, theirs)
    if found is not Difference.DIFFERENT:
        return found
    shorter, longer = sorted((ours, theirs), key=len)
    if longer.startswith(f"{shorter} "):
        return Difference.OTHER_GIVEN_NAMES_MISSING
    return Difference.SAME_FIRST_GIVEN if ours.split()[0] == theirs.split()[0] else Difference.DIFFERENT


def _date(ours: str, theirs: str) -> Difference:
    if ours == theirs:
        return Difference.SAME
    if len(ours) != len("1979-03-28") or len(theirs) != len(ours):
        return Difference.DIFFERENT
    if ours[:4] == theirs[:4] and ours[5:7] == theirs[8:] and ours[8:] == theirs[5:7]:
        return Difference.DAY_MONTH_SWAPPED
    if ours[4:] == theirs[4:] and sorted(ours[:4]) == sorted(theirs[:4]):
        return Difference.YEAR_DIGITS_SWAPPED
    return Difference.ONE_DIGIT if sum(a != b for a, b in zip(ours, theirs, strict=True)) == 1 else Difference.DIFFERENT


def _address(ours: str, theirs: str) -> Difference:
    return Difference.SAME if loose_name(ours) == loose_name(theirs) else Difference.DIFFERENT


def _place(traits: Traits) -> str:
    return "" if traits.birth_place == UNKNOWN_BIRTH_PLACE else traits.birth_place


def distance(one: str, other: str) -> int:
    """Edit distance with neighbouring transpositions counted as one (optimal string alignment)."""
    before, row = list[int](), list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if last and i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
