"""Which kind of member someone is in a circle, and what a search box asks for. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["care", "coordination", "social", "person"]

COORDINATION_SECTORS = frozenset({"SA57", "SA63"})
SOCIAL_SECTORS = frozenset({"SA18", "SA27", "SA41"})
"""TRE_R02: coordination structures; family help, local authorities and other social structures."""


def kind_of(resource_type: str, *, sectors: frozenset[str] = frozenset(), social: bool = False, part: str = "") -> Kind:
    """The kind of a member: relatives are persons; sector, profession or the part they play tell the others apart."""
    if resource_type in ("RelatedPerson", "Patient"):
        return "person"
    if sectors & COORDINATION_SECTORS or "coordinat" in part.casefold():
        return "coordination"
    return "social" if social or sectors & SOCIAL_SECTORS else "care"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search box asks for: a national number, or words of a name; `place` is a commune or a postal code."""

    words: tuple[str, ...] = ()
    rpps: str = ""
    finess: str = ""
    place: str = ""

    @property
    def empty(self) -> bool:
        return not (self.words or self.rpps or self.finess or self.place)


def wanted(text: str, place: str = "") -> Wanted:
    """Reads « Dr Martin », « 10901234565 », « 810901234565 » (IDNPS) or « 519000015 » (FINESS)."""
    number = re.sub(r"[\s.]", "", text)
    if re.fullmatch(r"8?\d{11}", number):
        return Wanted(rpps=number[-11:], place=place.strip())
    if re.fullmatch(r"1?\d[\dAB]\d{7}", number.upper()):
        return Wanted(finess=number.upper()[-9:], place=place.strip())
    words = [word for word in re.split(r"[\s,]+", text) if word and word.casefold().rstrip(".") not in ("dr", "pr", "mme", "m")]
    return Wanted(words=tuple(words), place=place.strip())
