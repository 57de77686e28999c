"""What an officer asks of the trail, read from a form, and the words for what they find."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

USUAL = timedelta(days=30)
"""The period that is looked at when none is asked for: it ends today."""

ACTIONS = {"C": "Création", "R": "Lecture", "U": "Modification", "D": "Suppression", "E": "Recherche"}
NO_RECORD = {
    "sign-in": "connexion",
    "sign-out": "déconnexion",
    "account": "un compte",
    "software-consent": "l’accord donné à une application",
    "software": "un logiciel",
    "situation": "le lieu d’exercice, ou le dossier, de la session",
}
"""What is no record, by the type that a line of the trail names."""
OUTCOMES = {"0": "Fait", "4": "Refusé", "8": "Échoué"}
KINDS = {
    "professional": "Professionnels et agents",
    "patient": "Patients",
    "carer": "Aidants",
    "system": "Logiciels",
    "job": "Tâches de la plateforme",
}
EMERGENCY = "BTG"
_PLACE = re.compile(r"\d{1,5}-\d{1,18}-\d{1,9}")
MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A search of the trail: days included at both ends, in Paris; empty for all."""

    since: date
    until: date
    who: str = ""
    reference: str = ""
    record: str = ""
    kind: str = ""
    action: str = ""
    outcome: str = ""
    purpose: str = ""
    places: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> list[tuple[str, str]]:
        """What is asked, as it goes in the address and, without names, in the trail."""
        named = {
            "du": self.since.isoformat(), "au": self.until.isoformat(), "qui": self.who, "acteur": self.reference, "dossier": self.record,
            "nature": self.kind, "action": self.action, "issue": self.outcome, "motif": self.purpose, "lignes": ",".join(self.places),
        }  # fmt: skip
        return [(name, value) for name, value in named.items() if value]


def asked(given: Mapping[str, str], today: date) -> Asked:
    """The search that a form asks for; what cannot be meant is told in `faults` by field."""
    faults: dict[str, str] = {}
    until = _day(given, "au", faults) or today
    since = _day(given, "du", faults) or max(until, date.min + USUAL) - USUAL
    if since > until:
        faults["du"] = "Le premier jour vient après le dernier"
    places = tuple(one for one in given.get("lignes", "").split(",")[:MOST_PLACES] if _PLACE.fullmatch(one))
    return Asked(
        since=since, until=until, who=" ".join(given.get("qui", "").split())[:100], reference=given.get("acteur", "")[:200],
        record="".join(given.get("dossier", "").split())[:64], kind=_of(KINDS, given.get("nature", "")), action=_of(ACTIONS, given.get("action", "")),
        outcome=_of(OUTCOMES, given.get("issue", "")), purpose=given.get("motif", "")[:20], places=places, faults=faults,
    )  # fmt: skip


def _day(given: Mapping[str, str], name: str, faults: dict[str, str]) -> date | None:
    text = given.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults[name] = "Donnez un jour comme 2026-11-22"
        return None


def _of(known: Mapping[str, str], value: str) -> str:
    return value if value in known else ""


def listed(references: Sequence[str], names: Mapping[str, str]) -> str:
    """Organisations by their names, where they are known."""
    return ", ".join(names.get(reference) or reference for reference in references)
