"""What is asked of who requests support: who the person is where it is not said already, what is needed, how soon, and that they agree."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from maillage.services.coordination.resources.support import Asked
from maillage.services.coordination.rules.support import DELAYS, FEWEST, GP_INFORMED, MOST, NEEDS, REASONS, Delay
from maillage.services.identity.public import Traits
from maillage.services.rights.public import WAYS

_INS = re.compile(r"[0-9]{5}[0-9AB][0-9]{7}([0-9]{2})?")
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})")
_PERSON = {
    "nom": "Indiquez le nom de naissance",
    "prenom": "Indiquez le premier prénom de naissance",
    "naissance": "Indiquez la date de naissance : 28/03/1979",
    "sexe": "Indiquez le sexe",
}
FIELDS = (
    *_PERSON,
    "ins",
    "telephone",
    "commune",
    "motif",
    "besoin",
    "delai",
    "avant",
    "medecin",
    "accord",
    "voie",
    "equipe",
    "cle",
)


@dataclass(frozen=True, slots=True)
class SupportForm:
    """The form as it was filled in, its faults by field in French; what it says where it has none."""

    values: Mapping[str, str]
    needs: tuple[str, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)
    asked: Asked | None = None
    traits: Traits = field(default_factory=Traits)
    how: str = ""

    @property
    def matricule(self) -> str:
        """The INS as it is kept."""
        return re.sub(r"[ .]", "", self.values.get("ins", "")).upper()


def support_form(sent: Mapping[str, str], needs: Collection[str], *, named: bool, own: bool, today: date) -> SupportForm:
    """Reads the form. `named`: the person is known already; `own`: the person, or who helps them, asks."""
    values = {name: " ".join(sent.get(name, "").split()) for name in FIELDS if name != "besoin"} | {
        "besoin": sent.get("besoin", "").strip()
    }
    faults = {} if named else _person_faults(values)
    before = day(values["avant"])
    if values["motif"] not in REASONS:
        faults["motif"] = "Choisissez ce qui se passe"
    if not FEWEST <= len(values["besoin"]) <= MOST:
        faults["besoin"] = "Décrivez le besoin en une phrase au moins"
    if values["delai"] not in DELAYS:
        faults["delai"] = "Choisissez un délai"
    if values["avant"] and before is None:
        faults["avant"] = "Cette date n’existe pas : écrivez-la ainsi, 30/11/2026"
    elif before and before < today:
        faults["avant"] = "La date souhaitée est passée, donnez une date à partir d’aujourd’hui"
    if not own and values["medecin"] not in GP_INFORMED:
        faults["medecin"] = "Dites si le médecin traitant est informé"
    if values["accord"] != "oui":
        faults["accord"] = (
            "Sans l’accord de la personne, la demande ne part pas"
            if values["accord"] == "non"
            else "Dites si la personne est d’accord"
        )
    if not own and values["accord"] == "oui" and values["voie"] not in WAYS:
        faults["voie"] = "Dites comment la personne a donné son accord"
    if not values["equipe"]:
        faults["equipe"] = "Choisissez une équipe"
    chosen = tuple(one for one in NEEDS if one in needs)
    if faults:
        return SupportForm(values, chosen, faults)
    asked = Asked(
        reason=values["motif"], words=values["besoin"], needs=chosen, delay=Delay(values["delai"]),
        gp_informed="" if own else values["medecin"], before=before.isoformat() if before else "",
    )  # fmt: skip
    return SupportForm(values, chosen, {}, asked, _traits(values), values["voie"])


def day(text: str) -> date | None:
    """JJ/MM/AAAA, or the ISO form that a browser's field of a date sends."""
    found = _DATE.fullmatch(text)
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else date.fromisoformat(text)
    except ValueError:
        return None


def _person_faults(values: Mapping[str, str]) -> dict[str, str]:
    faults = {name: words for name, words in _PERSON.items() if not values[name]}
    if values["naissance"] and day(values["naissance"]) is None:
        faults["naissance"] = "Cette date n’existe pas : écrivez-la ainsi, 28/03/1979"
    if values["sexe"] and values["sexe"] not in ("female", "male", "other", "unknown"):
        faults["sexe"] = _PERSON["sexe"]
    if values["ins"] and not _INS.fullmatch(re.sub(r"[ .]", "", values["ins"]).upper()):
        faults["ins"] = "Un INS a 15 caractères : les 13 du numéro et sa clé"
    return faults


def _traits(values: Mapping[str, str]) -> Traits:
    born = day(values["naissance"])
    return Traits(
        birth_name=values["nom"], first_given=values["prenom"], birth_date=born.isoformat() if born else "", sex=values["sexe"],
        phone=values["telephone"], address=values["commune"],
    )  # fmt: skip
