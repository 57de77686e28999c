"""What of a record may be erased, and what the law keeps, until when and why (RGPD art. 17; CSP R1112-7).

The law speaks of the file that an establishment holds; a record of the platform is those of all who care for a person, and is kept for the
last of them. Who practises alone is bound by no text: their order and the CNIL ask for the same twenty years.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

KEPT_YEARS = 20
"""After the last stay or consultation (CSP R1112-7)."""
KEPT_TO_AGE = 28
"""At least: what was done for a child is kept until their twenty-eighth birthday (CSP R1112-7)."""
KEPT_AFTER_DEATH = 10
"""From the death of who died within ten years of the last stay or consultation (CSP R1112-7): instead of the twenty."""
PROOF_YEARS = 5
"""What a choice was is proved as long as somebody may complain of it (C. civ. art. 2224; RGPD art. 7.1, 17.3 e)."""

PERSON, CHOICE, PLATFORM, CARE = "person", "choice", "platform", "care"
STAYS = frozenset({"Encounter", "EpisodeOfCare"})
ASIDE = frozenset({"Patient", "RelatedPerson", "Person", "Consent", "Provenance", "CareTeam", "Coverage", "Account"})
"""Types that are no care by themselves: they are kept with the record, and do not make it kept longer."""


@dataclass(frozen=True, slots=True)
class Part:
    """A resource, by its reference. `begins`, `ends`: when it was; `author`: PERSON (they wrote it), CHOICE, PLATFORM (because of `about`) or CARE."""

    name: str
    begins: date | None
    ends: date | None
    going_on: bool
    written: date
    author: str
    ended: bool = False
    about: frozenset[str] = frozenset()
    used_by: frozenset[str] = frozenset()
    deleted: bool = False

    @property
    def type(self) -> str:
        """Its resource type."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when the law keeps a record (its last day; None while a stay goes on), after what, and by which of its rules."""

    until: date | None
    last: date
    rule: str

    def ended(self, today: date) -> bool:
        """Whether the law keeps it no longer."""
        return self.until is not None and today > self.until


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is kept, in plain words, by which article."""

    words: str
    law: str


R1112 = "CSP art. R1112-7 ; RGPD art. 17.3 b et c"
REASONS = {
    "twenty": Reason("Votre dossier de soins se garde vingt ans après vos derniers soins.", R1112),
    "child": Reason("Ce qui a été fait pendant l’enfance se garde jusqu’aux vingt-huit ans.", R1112),
    "death": Reason("Le dossier d’une personne décédée se garde dix ans après le décès.", R1112),
    "going-on": Reason("Un séjour ou un suivi est en cours : le délai de vingt ans ne commence qu’à sa fin.", R1112),
    "used": Reason("Un professionnel s’en est servi pour vos soins : cela fait partie du dossier.", "CSP art. R1112-2 et R1112-7"),
    "in-force": Reason("Ce choix est en vigueur : reprenez-le d’abord, dans « Mes choix » ou « Mes proches ».", "RGPD art. 17.1 b"),
    "proof": Reason("La preuve de ce que vous aviez choisi se garde cinq ans.", "RGPD art. 7.1 et 17.3 e ; C. civ. art. 2224"),
    "restricted": Reason("Une limitation est en vigueur : rien n’est effacé tant qu’elle dure.", "RGPD art. 18.2"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """A part that stays: why (of REASONS), and the last day on which it does, where that is known."""

    part: Part
    why: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What may be erased and what is kept; `whole`: the law keeps nothing of the record any more."""

    erased: tuple[Part, ...]
    kept: tuple[Kept, ...]
    retention: Retention
    whole: bool


def retention(parts: Iterable[Part], *, born: str | None, died: str | None) -> Retention:
    """Until when the law keeps the record of a person, by what is in it and the dates that their Patient says, perhaps a year or a month only.

    Without a birth date, the last care may have been a newborn's. A record in which no care was noted is kept from when it was last written.
    """
    held = [one for one in parts if not one.deleted]
    cared = (
        [one for one in held if one.author == CARE and one.type not in ASIDE]
        or [one for one in held if one.type == "Patient"]
        or held
    )
    last = max(_last_day(one) for one in cared)
    if any(one.going_on for one in cared if one.type in STAYS):
        return Retention(None, last, "going-on")
    return kept_after(last, born=born, died=died)


def kept_after(last: date, *, born: str | None, died: str | None) -> Retention:
    """The same after the last care of a day."""
    death = last_of(died) if died else None
    if death is not None and death < after_years(last, KEPT_AFTER_DEATH):
        return Retention(after_years(max(death, last), KEPT_AFTER_DEATH), last, "death")  # a letter may come after it
    twenty = after_years(last, KEPT_YEARS)
    child = after_years(last_of(born) if born else last, KEPT_TO_AGE)
    return Retention(child, last, "child") if child > twenty else Retention(twenty, last, "twenty")


def propose(
    parts: Iterable[Part], *, born: str | None, died: str | None, today: date, wanted: str | None = None, restricted: bool = False
) -> Proposal:
    """What of a record may be erased today: of the whole of it, or of the one part `wanted` (its reference) with what the platform wrote because of it."""
    every = {one.name: one for one in parts}
    kept_by = retention(every.values(), born=born, died=died)
    whole = kept_by.ended(today) and not restricted
    verdicts = {
        name: _why(one, every, kept_by, today, restricted=restricted) for name, one in every.items() if one.author != PLATFORM
    }
    gone = {name for name, why in verdicts.items() if why is None and wanted in (None, name)}
    gone |= {
        name for name, one in every.items() if one.author == PLATFORM and _goes_with(one, gone, whole=whole and wanted is None)
    }
    shown = [every[wanted]] if wanted in every else [] if wanted else list(every.values())
    kept = [Kept(one, *(verdicts.get(one.name) or _with_record(kept_by))) for one in shown if one.name not in gone]
    return Proposal(tuple(every[name] for name in sorted(gone)), tuple(kept), kept_by, whole)


def _goes_with(part: Part, gone: set[str], *, whole: bool) -> bool:
    return whole or bool(part.about and part.about <= gone)


def _why(
    part: Part, every: Mapping[str, Part], kept_by: Retention, today: date, *, restricted: bool
) -> tuple[str, date | None] | None:  # fmt: skip
    """Why a part is kept, and until when; None where it may be erased."""
    if restricted:
        return "restricted", None
    if kept_by.ended(today):
        return None
    if part.author == CHOICE:
        end = after_years(part.written, PROOF_YEARS)
        return ("in-force", None) if not part.ended else ("proof", end) if today <= end else None
    if part.author == PERSON:
        return ("used", kept_by.until) if any(_uses(name, every) for name in part.used_by) else None
    return _with_record(kept_by)


def _with_record(kept_by: Retention) -> tuple[str, date | None]:
    return kept_by.rule, kept_by.until


def _uses(name: str, every: Mapping[str, Part]) -> bool:
    """Whether what refers to something makes it part of the care: whatever the person did not write and the platform did not add."""
    return name not in every or every[name].author not in (PERSON, PLATFORM)


def _last_day(part: Part) -> date:
    return part.ends or part.begins or part.written


def last_of(text: str) -> date:
    """The last day of a FHIR date: of a year, of a month, or that day."""
    numbers = [int(one) for one in text[:10].split("-")]
    year, month = numbers[0], numbers[1] if len(numbers) > 1 else 12
    return date(year, month, numbers[2] if len(numbers) > 2 else monthrange(year, month)[1])  # year, month, day


def after_years(day: date, years: int) -> date:
    """The same day of a later year, the last of the month where it has none (CPC art. 641): the last day of a time that runs from `day`."""
    year = min(day.year + years, date.max.year)
    return date(year, day.month, min(day.day, monthrange(year, day.month)[1]))
