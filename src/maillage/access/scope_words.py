"""What a SMART scope opens, said in plain French to whoever is asked to agree."""

from collections.abc import Iterable

from maillage.access.scopes import ANY, Level, ResourceScope, Restriction

THINGS = {
    "AllergyIntolerance": "les allergies",
    "Appointment": "les rendez-vous",
    "AuditEvent": "la liste des consultations du dossier",
    "Binary": "les fichiers",
    "CarePlan": "les plans de soins",
    "CareTeam": "l'équipe de soins",
    "Communication": "les messages",
    "Composition": "le contenu des documents",
    "Condition": "les problèmes de santé",
    "Consent": "les choix sur le partage",
    "Coverage": "la couverture sociale",
    "Device": "les appareils",
    "DiagnosticReport": "les comptes rendus d'examens",
    "DocumentReference": "les documents",
    "Encounter": "les séjours et consultations",
    "EpisodeOfCare": "les épisodes de soins",
    "FamilyMemberHistory": "les antécédents familiaux",
    "Goal": "les objectifs",
    "HealthcareService": "les services de soins",
    "ImagingStudy": "les examens d'imagerie",
    "Immunization": "les vaccinations",
    "Location": "les lieux",
    "Medication": "les médicaments",
    "MedicationAdministration": "les prises de médicaments",
    "MedicationDispense": "les délivrances de médicaments",
    "MedicationRequest": "les prescriptions de médicaments",
    "MedicationStatement": "les traitements",
    "Observation": "les observations (mesures et résultats)",
    "Organization": "les établissements",
    "Patient": "l'identité",
    "Practitioner": "les professionnels",
    "PractitionerRole": "les situations d'exercice des professionnels",
    "Procedure": "les interventions",
    "Questionnaire": "les modèles de questionnaires",
    "QuestionnaireResponse": "les questionnaires",
    "RelatedPerson": "les proches",
    "Schedule": "les agendas",
    "ServiceRequest": "les demandes d'examens et de soins",
    "Slot": "les créneaux de rendez-vous",
    "Task": "les tâches",
}
"""What resources of a type are called; of the others the type itself is said."""
EVERYTHING = "toutes les données"

_ACTS = (("rs", "lire"), ("c", "ajouter"), ("u", "modifier"), ("d", "supprimer"))
_PARAMETERS = {
    "_id": "identifiant",
    "_security": "confidentialité",
    "_tag": "étiquette",
    "category": "catégorie",
    "class": "nature",
    "clinical-status": "état clinique",
    "code": "code",
    "status": "état",
    "type": "type",
}
_VALUES = {
    "laboratory": "résultats de laboratoire",
    "vital-signs": "constantes vitales",
    "social-history": "mode de vie",
    "imaging": "imagerie",
    "survey": "questionnaires",
    "exam": "examen clinique",
    "procedure": "interventions",
    "therapy": "soins",
    "activity": "activité",
    "problem-list-item": "liste des problèmes",
    "encounter-diagnosis": "diagnostics de séjour",
    "health-concern": "préoccupations de santé",
    "active": "en cours",
    "completed": "terminé",
    "final": "définitif",
    "current": "en vigueur",
}
_WHOSE = {Level.USER: "de toutes les personnes que vous suivez", Level.SYSTEM: "de toutes les personnes"}


def scope_words(scope: ResourceScope, *, whose: str) -> str:
    """« Lire les observations de Mme Durand » ; `whose` ("de Mme Durand") is the person on whose record a `patient/` scope is granted.

    A restriction follows between brackets, in the words of the field where they are known, else as the parameter and code.
    """
    acts = [word for letters, word in _ACTS if not set(letters).isdisjoint(scope.letters)]
    if "r" not in scope.letters and "s" in scope.letters:
        acts[0] = "chercher"
    things = EVERYTHING if scope.kind == ANY else THINGS.get(scope.kind, f"les données de type {scope.kind}")
    said = f"{_listed(acts).capitalize()} {things} {_WHOSE.get(scope.level, whose)}"
    only = " ; ".join(map(_restriction_words, scope.restrictions))
    return f"{said} ({only})" if only else said


def _restriction_words(restriction: Restriction) -> str:
    name = _PARAMETERS.get(restriction.parameter, restriction.parameter)
    codes = (value.rpartition("|")[2] or value for value in restriction.values)
    return f"{name} : {', '.join(_VALUES.get(code, code) for code in codes)}"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} et {last}" if first else last
