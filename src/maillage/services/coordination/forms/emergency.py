"""What is asked of who opens a record in an emergency: who the person is, why, and that they vouch for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from maillage.services.identity.public import Traits
from maillage.services.rights.public import EMERGENCY_REASONS, FEWEST_LETTERS, Reason

_INS = re.compile(r"[0-9]{5}[0-9AB][0-9]{7}([0-9]{2})?")
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})")
_NEEDED = {
    "nom": "Indiquez le nom de naissance, ou l’INS seul",
    "prenom": "Indiquez le premier prénom de naissance",
    "naissance": "Indiquez la date de naissance : 28/03/1979",
    "sexe": "Indiquez le sexe",
}
FIELDS = ("ins", *_NEEDED, "motif", "explication")


_CALL = re.compile(r"[A-Za-z0-9][A-Za-z0-9/ -]{3,29}")
OPENING_REASONS = {code: words for code, words in EMERGENCY_REASONS.items() if code != Reason.REGULATION}
"""Those that a professional may name; that of a call is its number."""


@dataclass(frozen=True, slots=True)
class EmergencyForm:
    """The form as it was filled in, and its faults by field, in French; `reason` and `traits` are whole where there is none."""

    values: Mapping[str, str]
    matricule: str = ""
    traits: Traits = field(default_factory=Traits)
    reason: Reason | None = None
    faults: dict[str, str] = field(default_factory=dict)


def emergency_form(sent: Mapping[str, str]) -> EmergencyForm:
    """Reads the form. An INS is enough to know the person; without it the four traits are needed."""
    values = {name: " ".join(sent.get(name, "").split()) for name in FIELDS}
    matricule, traits, faults = _person(values)
    if values["motif"] not in OPENING_REASONS:
        faults["motif"] = "Choisissez un motif"
    if len(values["explication"]) < FEWEST_LETTERS:
        faults["explication"] = "Dites en quelques mots ce qui se passe"
    if not sent.get("atteste"):
        faults["atteste"] = "Confirmez que vous intervenez auprès de cette personne"
    return EmergencyForm(values, matricule, traits, None if "motif" in faults else Reason(values["motif"]), faults)


def call_form(sent: Mapping[str, str]) -> EmergencyForm:
    """Reads the form of a call: who it is about, and its number (`appel`), without more."""
    values = {name: " ".join(sent.get(name, "").split()) for name in (*FIELDS, "appel")}
    matricule, traits, faults = _person(values)
    if not _CALL.fullmatch(values["appel"]):
        faults["appel"] = "Indiquez le numéro de l’appel, 4 à 30 lettres et chiffres"
    return EmergencyForm(values, matricule, traits, Reason.REGULATION, faults)


def _person(values: Mapping[str, str]) -> tuple[str, Traits, dict[str, str]]:
    """The INS, or the traits, and what is missing."""
    matricule = re.sub(r"[ .]", "", values["ins"]).upper()
    faults: dict[str, str] = {}
    born = _day(values["naissance"])
    if matricule:
        if not _INS.fullmatch(matricule):
            faults["ins"] = "Un INS a 15 caractères : les 13 du numéro et sa clé"
    else:
        faults |= {name: words for name, words in _NEEDED.items() if not values[name]}
        if values["naissance"] and born is None:
            faults["naissance"] = "Cette date n’existe pas : écrivez-la ainsi, 28/03/1979"
    traits = Traits(
        birth_name=values["nom"], first_given=values["prenom"], birth_date=born.isoformat() if born else "", sex=values["sexe"]
    )
    return matricule, traits, faults


def _day(text: str) -> date | None:
    """JJ/MM/AAAA, or the ISO form that a browser's field of a date sends."""
    found = _DATE.fullmatch(text)
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else date.fromisoformat(text)
    except ValueError:
        return None
