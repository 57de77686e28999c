"""The form of an invitation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from maillage.services.accounts.rules import invitations

FIELDS = ("email", "prenom", "nom", "role", "structure")
_NAMES = {"prenom": "Indiquez le prénom", "nom": "Indiquez le nom"}
_LONGEST = 80
_FINESS = re.compile(r"[0-9][0-9AB][0-9]{7}")


@dataclass(frozen=True, slots=True)
class InvitationForm:
    """The form as it was filled in, and its faults by field, in French. `organization` is a reference, or a FINESS number still to be found."""

    values: Mapping[str, str]
    administers: bool = False
    organization: str | None = None
    finess: str = ""
    faults: dict[str, str] = field(default_factory=dict)


def invitation_form(sent: Mapping[str, str], *, roles: tuple[str, ...], organizations: tuple[str, ...]) -> InvitationForm:
    """Reads the form. Those who manage some organisations choose one of them; those who manage all give its FINESS number."""
    values = {name: " ".join(sent.get(name, "").split()) for name in FIELDS}
    faults: dict[str, str] = {}
    faults |= {
        name: words for name, words in _NAMES.items() if not 0 < len(values[name]) <= _LONGEST or not values[name].isprintable()
    }
    if invitations.email_of(values["email"]) is None:
        faults["email"] = "Indiquez une adresse électronique, par exemple prenom.nom@structure.fr"
    if values["role"] not in roles:
        faults["role"] = "Choisissez une fonction"
    organization, finess = None, ""
    if organizations:
        organization = values["structure"] if values["structure"] in organizations else None
        if organization is None:
            faults["structure"] = "Choisissez la structure"
    elif values["structure"]:
        finess = values["structure"].replace(" ", "").upper()
        if not _FINESS.fullmatch(finess):
            faults["structure"] = "Un numéro FINESS a neuf caractères"
    elif values["role"] in invitations.OF_AN_ORGANIZATION:
        faults["structure"] = "Indiquez le numéro FINESS de la structure"
    return InvitationForm(values, bool(sent.get("administre")), organization, finess, faults)
