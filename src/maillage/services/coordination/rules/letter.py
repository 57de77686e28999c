"""What a letter asks to change in the treatments of a record: one line for each medication. Pure. A letter says nothing by silence: what it does not name stays."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maillage.services.coordination.resources import telling
from maillage.services.coordination.resources.treatment import cited
from maillage.services.documents.public import LetterTreatment

Resource = Mapping[str, Any]

ADDED, STOPPED, DOSE = "added", "stopped", "dose"
LONGEST = 300
"""Characters of a name or of a dose that are looked at: what is longer is no name."""
_OIDS = {"http://www.whocc.no/atc": "2.16.840.1.113883.6.73"}
_STRENGTH = re.compile(r"(\d+(?:,\d+)?)\s*(mg|ug|g|ui|ml|%)(?![a-z])")
_QUANTITY = re.compile(r"\s*(\d+(?:,\d+)?)\b")
_TIMES = re.compile(r"(\d+) fois (?:par|/) ?jour|(\d+) ?/ ?jour")


@dataclass(frozen=True, slots=True)
class Proposed:
    """One change: `held` is the treatment of the record that it changes, first of `alike` (one drug may stand as prescribed and as taken), `decided` the one by which a doctor answered already."""

    key: str
    kind: str
    asked: LetterTreatment
    held: Resource | None = None
    decided: Resource | None = None
    alike: Sequence[Resource] = ()

    @property
    def version(self) -> int:
        return int(self.held["meta"]["versionId"]) if self.held else 0

    @property
    def before(self) -> str:
        """The treatment of the record as its words say it."""
        return ", ".join(filter(None, (telling.drug(dict(self.held)), telling.dose(dict(self.held))))) if self.held else ""

    @property
    def followed(self) -> bool:
        """Of what was decided: whether it is what the letter asked."""
        if self.decided is None:
            return False
        drug, dose = telling.drug(dict(self.decided)), telling.dose(dict(self.decided))
        active = self.decided.get("status") == "active"
        as_asked = drug == self.asked.name and (not self.asked.dose or dose == self.asked.dose)
        return not active if self.asked.stopped else active and as_asked


def proposed(letter: str, asked: Sequence[LetterTreatment], held: Iterable[Resource], *, today: str) -> list[Proposed]:
    """The changes that a letter (its reference) asks for on a day (ISO), in its order, those decided as well."""
    known = list(held)
    going_on = [one for one in asked if not one.stopped]
    found: dict[str, Proposed] = {}
    for one in asked:
        if one.stopped and any(_same_treatment(one, other) for other in going_on):
            continue
        alike = [other for other in known if _is_of(one, other)]
        decided = next((other for other in alike if letter in cited(other)), None)
        going = [other for other in alike if other.get("status") == "active"]
        active = next(iter(going), None)
        key = hashlib.sha256(f"{letter}|{one.stopped}|{_base(one.name)}".encode()).hexdigest()[:24]
        if kind := _kind(one, active, decided, today):
            found.setdefault(key, Proposed(key, kind, one, active, decided, going))
    return list(found.values())


def _kind(one: LetterTreatment, active: Resource | None, decided: Resource | None, today: str) -> str:
    if one.stopped:
        return STOPPED if active or decided else ""
    if decided is None and one.end and one.end < today[: len(one.end)]:
        return ""
    if active is None:
        return ADDED
    return DOSE if decided or _differs(one, active) else ""


def _differs(one: LetterTreatment, held: Resource) -> bool:
    """Only what both say in figures counts: strength, how much at once, how often a day. Other words for the same are no change."""
    drug, dose = telling.drug(dict(held)), telling.dose(dict(held))
    pairs = ((_strength(one.name), _strength(drug)), (_quantity(one.dose), _quantity(dose)), (_times(one.dose), _times(dose)))
    return any(asked and stands and asked != stands for asked, stands in pairs)


def _strength(name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_STRENGTH.findall(_bare(name)))


def _quantity(dose: str) -> str:
    found = _QUANTITY.match(_bare(dose)) if not _TIMES.match(_bare(dose)) else None
    return found[1] if found else ""


def _times(dose: str) -> str:
    words = _bare(dose)
    if found := _TIMES.search(words):
        return found[1] or found[2]
    moments = sum(moment in words for moment in ("matin", "midi", "soir", "coucher"))
    return str(moments) if moments else ""


def _is_of(one: LetterTreatment, held: Resource) -> bool:
    """Whether a treatment of the record is this medication: a code that both have, else the name up to its strength."""
    concept = held.get("medicationCodeableConcept", {})
    codes = {(_OIDS.get(system, system.removeprefix("urn:oid:")), str(coding.get("code"))) for coding in concept.get("coding", []) if (system := str(coding.get("system", "")))}  # fmt: skip
    name = _base(telling.drug(dict(held)))
    return bool(codes & one.codes) or (name != "" and name == _base(one.name))


def _same_treatment(one: LetterTreatment, other: LetterTreatment) -> bool:
    return bool(one.codes & other.codes) or _base(one.name) == _base(other.name)


def _base(name: str) -> str:
    return " ".join(re.split(r"[\d,(]", _bare(name), maxsplit=1)[0].split())


def _bare(words: str) -> str:
    folded = unicodedata.normalize("NFKD", words[:LONGEST].replace("µ", "u")).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"(?<=\d)\.(?=\d)", ",", folded)
