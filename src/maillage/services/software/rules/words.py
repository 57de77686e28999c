"""What an application will read and write, in the words of whoever is asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from maillage.services.software.rules.scopes import Opened, on_records

TYPES = {
    "*": "toutes les informations du dossier",
    "AllergyIntolerance": "les allergies",
    "Appointment": "les rendez-vous",
    "CarePlan": "les plans de soins",
    "CareTeam": "le cercle de soins",
    "Communication": "les messages",
    "Condition": "les maladies et problèmes de santé",
    "Consent": "les choix de la personne",
    "Coverage": "les droits à l’assurance maladie",
    "DiagnosticReport": "les comptes rendus d’examens",
    "DocumentReference": "les documents",
    "Binary": "le contenu des documents",
    "Encounter": "les séjours et consultations",
    "FamilyMemberHistory": "les antécédents familiaux",
    "Goal": "les objectifs de soins",
    "Immunization": "les vaccinations",
    "MedicationAdministration": "les médicaments administrés",
    "MedicationDispense": "les médicaments délivrés",
    "MedicationRequest": "les ordonnances",
    "MedicationStatement": "les traitements",
    "Observation": "les mesures et résultats",
    "Organization": "l’annuaire des structures",
    "Patient": "l’identité et les coordonnées",
    "Practitioner": "l’annuaire des professionnels",
    "PractitionerRole": "l’annuaire des professionnels",
    "Procedure": "les actes et interventions",
    "QuestionnaireResponse": "les réponses aux questionnaires",
    "RelatedPerson": "les proches",
    "ServiceRequest": "les demandes d’examens et de soins",
    "Task": "les tâches",
}
CATEGORIES = {
    "laboratory": "de biologie", "vital-signs": "de constantes (tension, poids…)", "social-history": "de mode de vie", "survey": "d’évaluation",
    "imaging": "d’imagerie", "problem-list-item": "de la liste des problèmes", "encounter-diagnosis": "posés en consultation",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is asked for. `acts` are verbs ("lire"), `what` and `where` complete them; `writes` where it changes something."""

    acts: str
    what: str
    where: str
    writes: bool


def lines(scopes: Iterable[str]) -> list[Line]:
    """What is asked for, what opens most first."""
    opened = sorted(on_records(scopes), key=lambda one: (one.type != "*", TYPES.get(one.type, one.type)))
    return list(dict.fromkeys(_line(one) for one in opened))


def _line(one: Opened) -> Line:
    what = TYPES.get(one.type, f"les informations de type « {one.type} »")
    limit = ", ".join(_limit(name, value) for name, value in sorted(one.query))
    where = {"patient": "de ce dossier", "user": "de tous les dossiers que vous voyez", "system": "de tous les dossiers"}[
        one.level
    ]
    if one.type == "*":
        where = where.replace("de ce dossier", "")
    return Line(acts(one.letters), f"{what} {limit}".strip(), where, bool(set("cud") & set(one.letters)))


def acts(letters: str) -> str:
    """Verbs: « lire », « lire, ajouter et modifier »."""
    verbs = [
        "lire" if {"r", "s"} & set(letters) else "",
        "ajouter" if "c" in letters else "",
        "modifier" if "u" in letters else "",
        "supprimer" if "d" in letters else "",
    ]
    said = [verb for verb in verbs if verb]
    return " et ".join(filter(None, [", ".join(said[:-1]), said[-1]]))


def _limit(name: str, value: str) -> str:
    code = value.rpartition("|")[2]
    return CATEGORIES.get(code, f"(seulement {name} = {value})") if name == "category" else f"(seulement {name} = {value})"
