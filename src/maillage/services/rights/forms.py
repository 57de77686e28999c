"""The forms by which somebody is named to see a record."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date

from maillage.services.rights.rules import carers
from maillage.services.rights.rules.carers import Naming

_LONGEST = 80
_PROOF = (10, 200)
_NAMES = {"nom": "Indiquez son nom de naissance", "prenom": "Indiquez son premier prénom"}


@dataclass(frozen=True, slots=True)
class CarerForm:
    """The form as it was filled in, its faults by field in French, and what it says where it has none."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    naming: Naming | None = None


def carer_form(sent: Mapping[str, str], *, scopes: Container[str], today: date) -> CarerForm:
    """Reads the form of `/mes-proches`: nom, prenom, naissance, lien, acces, fin (may be empty)."""
    values, faults = _clean(sent), dict[str, str]()
    born, last = _traits(values, faults, today)
    if values.get("acces") not in scopes:
        faults["acces"] = "Choisissez ce que cette personne peut voir"
    if faults or born is None:
        return CarerForm(values, faults)
    return CarerForm(values, faults, _naming(values, born, values["acces"], last))


@dataclass(frozen=True, slots=True)
class GuardianForm:
    """As CarerForm, with the record (id of its Patient), the authority and its proof."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    naming: Naming | None = None

    @property
    def record(self) -> str:
        """The number of the record."""
        return self.values.get("dossier", "")


def guardian_form(sent: Mapping[str, str], *, today: date) -> GuardianForm:
    """Reads the form of `/representants`: as the other, with dossier, titre (an authority) and justificatif (what was seen)."""
    values, faults = _clean(sent), dict[str, str]()
    born, last = _traits(values, faults, today)
    if not values.get("dossier"):
        faults["dossier"] = "Indiquez le numéro du dossier"
    if values.get("titre") not in carers.AUTHORITIES:
        faults["titre"] = "Choisissez à quel titre"
    if not _PROOF[0] <= len(values.get("justificatif", "")) <= _PROOF[1]:
        faults["justificatif"] = "Décrivez le justificatif vu : nature, date, numéro, autorité (10 à 200 caractères)"
    if faults or born is None:
        return GuardianForm(values, faults)
    return GuardianForm(values, faults, _naming(values, born, "representative", last))


def _clean(sent: Mapping[str, str]) -> dict[str, str]:
    return {name: " ".join(value.split()) for name, value in sent.items()}


def _naming(values: Mapping[str, str], born: date, scope: str, last: date | None) -> Naming:
    return Naming(
        family=values["nom"], given=values["prenom"], birth_date=born, link=values.get("lien", ""), scope=scope, last_day=last
    )


def _traits(values: Mapping[str, str], faults: dict[str, str], today: date) -> tuple[date | None, date | None]:
    faults |= {
        name: words
        for name, words in _NAMES.items()
        if not 0 < len(values.get(name, "")) <= _LONGEST or not values[name].isprintable()
    }
    if len(values.get("lien", "")) > _LONGEST:
        faults["lien"] = f"Au plus {_LONGEST} caractères"
    born = _day(values.get("naissance", ""))
    if born is None or not date(1900, 1, 1) <= born < today:
        faults["naissance"] = "Indiquez sa date de naissance"
    last = _day(values.get("fin", ""))
    if values.get("fin") and (last is None or last < today):
        faults["fin"] = "Choisissez une date à venir, ou laissez vide"
    return born, last


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
