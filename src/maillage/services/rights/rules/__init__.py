"""From lines of the trail to visits in plain French: who came, when, why, and what they did."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.fhir.dates import ZONE

TOGETHER = timedelta(minutes=30)

REFUSED, FAILED = "4", ("8", "12")

# What a type is called in a sentence said to the person it is about, or to their carer.
THINGS = {
    "AllergyIntolerance": "les allergies",
    "Appointment": "les rendez-vous",
    "AuditEvent": "la liste des consultations",
    "CarePlan": "le plan de soins",
    "CareTeam": "l'équipe de soins",
    "Communication": "les messages",
    "Condition": "les problèmes de santé",
    "Consent": "les choix sur le partage",
    "DiagnosticReport": "les résultats d'examens",
    "DocumentReference": "les documents",
    "Encounter": "les séjours et consultations",
    "EpisodeOfCare": "le suivi du parcours",
    "Goal": "les objectifs",
    "Immunization": "les vaccinations",
    "MedicationAdministration": "les traitements",
    "MedicationRequest": "les traitements",
    "MedicationStatement": "les traitements",
    "Observation": "les mesures et résultats",
    "Patient": "l'identité",
    "Procedure": "les interventions",
    "QuestionnaireResponse": "les questionnaires",
    "RelatedPerson": "les proches",
    "ServiceRequest": "le suivi du parcours",
    "invitation": "les invitations à votre cercle de soins",
    "Task": "le suivi du parcours",
}
RECORD = "le dossier"
OF_MANY = {"Practitioner": "les professionnels", "PractitionerRole": "les professionnels", "Organization": "les établissements"}


def thing_words(kind: str) -> str:
    """What resources of a type are called, in the sentences and lists that a person reads."""
    return THINGS.get(kind) or OF_MANY.get(kind, "le reste du dossier")


# Purposes of v3 PurposeOfUse, as the person is told of them.
REASONS = {
    "TREAT": "Pour les soins",
    "COC": "Pour coordonner les soins",
    "CAREMGT": "Pour coordonner les soins",
    "ETREAT": "En urgence",
    "BTG": "En urgence, hors du cercle de soins",
    "PATRQT": "Pour son propre dossier",
    "FAMRQT": "Comme aidant",
    "RECORDMGT": "Pour vérifier l'identité",
    "HOPERAT": "Pour transmettre des documents",
    "SYSADMIN": "Pour le fonctionnement du service",
    "HSYSADMIN": "Pour contrôler les accès",
    "PUBHLTH": "Pour la santé publique",
    "HQUALIMP": "Pour la qualité des soins",
}

# Why a record was opened in an emergency (`access.emergency.Reason`), as the professional states it and the person is told.
EMERGENCY_REASONS = {
    "life": "Danger immédiat pour la personne",
    "unable": "Personne hors d’état d’exprimer sa volonté",
    "regulation": "Régulation médicale (SAMU, centre 15)",
}


def title_of(document: Mapping[str, Any]) -> str:
    """What a DocumentReference is called on a page."""
    attachment = document["content"][0].get("attachment", {})
    title = document.get("description") or attachment.get("title") or document.get("type", {}).get("text")
    return str(title or next((c["display"] for c in document.get("type", {}).get("coding", []) if "display" in c), "Document"))


def name_of(person: Mapping[str, Any]) -> str:
    """A first name and a name, as a RelatedPerson or a Practitioner has them."""
    name: Mapping[str, Any] = next(iter(person.get("name", [])), {})
    return str(name.get("text") or " ".join([*name.get("given", [])[:1], name.get("family", "")]).strip())


def emergency_mail(base_url: str) -> tuple[str, str]:
    """Subject and text of the e-mail to somebody whose record was opened in an emergency: no health data, and no name."""
    subject = "Votre espace Maillage : un accès à votre dossier"
    text = f"""Bonjour,

Un professionnel a ouvert votre dossier. Pour savoir qui et pourquoi, connectez-vous :
{base_url}/accueil

Ce message est automatique : n'y répondez pas.
"""
    return subject, text


def broken_trail_mail(base_url: str, broken: int) -> tuple[str, str]:
    """Subject and text of the e-mail to the officer or the operator when the trail no longer says what it said."""
    subject = "Maillage : la trace des accès ne tient plus"
    text = f"""Bonjour,

La vérification de cette nuit a trouvé {broken} {"défauts nouveaux ou anciens" if broken > 1 else "défaut"} dans la chaîne des traces
d'accès de {base_url} : des lignes ont été changées, ajoutées ou retirées.

À faire sans attendre : garder une copie de la base telle qu'elle est, lancer « maillage audit verify », qui nomme
les maillons en cause, et prévenir le délégué à la protection des données et le responsable de la sécurité.

Ce message est automatique : n'y répondez pas.
"""
    return subject, text


def email_of(patient: Mapping[str, Any]) -> str | None:
    """The first e-mail address of a Patient that is in use."""
    return next(
        (
            str(one["value"])
            for one in patient.get("telecom", [])
            if one.get("system") == "email" and one.get("value") and one.get("use") != "old"
        ),
        None,
    )


@dataclass(frozen=True, slots=True)
class Purpose:
    """One thing that a person may say no to: what it is called, what it means, and what follows from a no."""

    title: str
    words: str
    refused: str


CHOICES = {
    "sharing": Purpose(
        "Les professionnels qui me suivent voient mon dossier",
        "Votre médecin, vos infirmiers, l’hôpital où vous êtes soigné.",
        "Aucun professionnel ne voit votre dossier, sauf en urgence. Chacun garde ce qu’il a écrit.",
    ),
    "coordination": Purpose(
        "Les équipes de coordination et du social voient mon dossier",
        "Elles organisent vos soins et vos aides, sans vous soigner elles-mêmes.",
        "Seuls ceux qui vous soignent voient votre dossier.",
    ),
    "emergency": Purpose(
        "Un médecin peut ouvrir mon dossier en urgence",
        "Si vous ne pouvez pas répondre et êtes en danger. Vous en êtes prévenu aussitôt.",
        "Votre dossier reste fermé même si votre vie est en danger.",
    ),
    "messaging": Purpose(
        "M’écrire quand mon dossier est ouvert en urgence",
        "Un e-mail sans donnée de santé, qui dit seulement qu’il y a quelque chose à voir.",
        "Nous ne vous écrivons pas ; l’accès se voit toujours dans votre espace.",
    ),
    "dmp-feeding": Purpose(
        "Déposer mes documents dans Mon espace santé",
        "Vos comptes rendus et ordonnances y arrivent d’eux-mêmes.",
        "Rien n’y est déposé depuis Maillage.",
    ),
    "dmp-reading": Purpose(
        "Lire Mon espace santé",
        "Les professionnels qui vous suivent voient aussi ce qui s’y trouve.",
        "Mon espace santé n’est pas lu depuis Maillage.",
    ),
    "secondary-use": Purpose(
        "Utiliser mes données, sans mon nom, pour améliorer les soins",
        "Statistiques de la région, recherche publique.",
        "Vos données servent à vos soins et à rien d’autre.",
    ),
}
"""What the platform asks a person about, by code of `CHOICES` (CSP L1110-4, L1111-17; RGPD art. 21)."""

WAYS = {"spoken": "De vive voix", "written": "Par écrit"}
"""How somebody of the circle collected a choice."""

_AT_THE_DOOR = {"sign-in": "S’est connecté à son espace", "sign-out": "S’est déconnecté"}
_VERBS = {"R": "A consulté", "E": "A consulté", "C": "A complété", "U": "A modifié", "D": "A retiré un élément dans"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trail, as far as the person is told of it."""

    at: datetime
    actor: str
    kind: str
    name: str
    roles: tuple[str, ...]
    organizations: tuple[str, ...]
    purpose: str
    action: str
    type: str
    id: str | None
    query: str | None
    outcome: str
    own: bool = False  # whether the record is the actor's own
    software: str | None = None  # the client id of the software through which they came


@dataclass(frozen=True, slots=True)
class Visit:
    """What one actor did in a record within half an hour, or in a day by a software: the last of it at `at`."""

    at: datetime
    actor: str
    kind: str
    name: str
    roles: tuple[str, ...]
    organizations: tuple[str, ...]
    reason: str
    deeds: tuple[str, ...]
    refused: bool
    emergency: bool
    software: str | None = None


# How other people than professionals are named to the person: by their place, since a name would tell of someone else's record.
ANOTHER_PERSON = "Une autre personne suivie"
THEMSELVES = "La personne elle-même"

OTHERS = {"patient": "", "carer": "aidant"}
"""What is said after the name of who is no professional: the words under their own name are those of their own pages."""


def visits(lines: Iterable[Line], titles: Mapping[str, str]) -> list[Visit]:
    """Lines newest first, gathered into visits, newest first. `titles` names the documents that the reader may see, by id.

    What failed happened to nobody and is left out; what was refused is told.
    """
    gathered: list[list[Line]] = []
    current: dict[tuple[str, str, bool, str | None], list[Line]] = {}
    for line in lines:
        if line.outcome in FAILED:
            continue
        key = (line.actor, line.purpose, line.outcome == REFUSED, line.software)
        group = current.get(key)
        if group is None or _apart(group[-1], line):
            group = current[key] = []
            gathered.append(group)
        group.append(line)
    return [_visit(group, titles) for group in gathered]


def _apart(later: Line, line: Line) -> bool:
    """Whether a line begins another visit: half an hour passed, or midnight for a software, which comes back by itself all day."""
    if line.software:
        return later.at.astimezone(ZONE).date() != line.at.astimezone(ZONE).date()
    return later.at - line.at > TOGETHER


def _visit(lines: list[Line], titles: Mapping[str, str]) -> Visit:
    last = lines[0]
    refused = last.outcome == REFUSED
    return Visit(
        at=last.at,
        actor=last.actor,
        kind=last.kind,
        name=_name(last),
        roles=last.roles,
        organizations=last.organizations,
        reason=REASONS.get(last.purpose, ""),
        deeds=_refused(last) if refused else tuple(_deeds(lines, titles)),
        refused=refused,
        emergency=last.purpose in ("ETREAT", "BTG"),
        software=last.software,
    )


def _refused(line: Line) -> tuple[str, ...]:
    if line.type in _AT_THE_DOOR:
        return ("A voulu se connecter : l'accès a été refusé",)
    return ("A voulu ouvrir le dossier : l'accès a été refusé",)


def _name(line: Line) -> str:
    if line.kind != "patient":
        return line.name
    return THEMSELVES if line.own else ANOTHER_PERSON


def _deeds(lines: list[Line], titles: Mapping[str, str]) -> Iterator[str]:
    """One sentence a verb, naming each thing once, in the order it was first done."""
    done: dict[str, list[str]] = {}
    for line in reversed(lines):
        verb, thing = _deed(line, titles)
        things = done.setdefault(verb, [])
        if thing not in things:
            things.append(thing)
    for verb, things in done.items():
        yield f"{verb} {_listed(_without_what_a_title_says(things))}".strip()


def _deed(line: Line, titles: Mapping[str, str]) -> tuple[str, str]:
    """What was done, and to what; some deeds have words of their own."""
    query = line.query or ""
    if line.type in _AT_THE_DOOR:
        return _AT_THE_DOOR[line.type], ""
    if query == "emergency=closed":
        return "A refermé", "le dossier ouvert en urgence"
    if query.startswith("emergency=") and line.type == "Patient":
        reason = EMERGENCY_REASONS.get(query.removeprefix("emergency="), "")
        return "A ouvert le dossier en urgence :", reason[:1].lower() + reason[1:]
    if line.action in "RE" and query.startswith(("export", "$export")):
        return "A téléchargé", "tout le dossier" if line.type == "Patient" else _thing(line, titles)
    if query == "$everything":
        return _VERBS[line.action], "tout le dossier"
    return _VERBS[line.action], _thing(line, titles)


def _thing(line: Line, titles: Mapping[str, str]) -> str:
    title = titles.get(line.id or "") if line.type == "DocumentReference" else None
    if title:
        return f"« {title} »"
    if line.query and line.query.startswith("compartment:"):
        return RECORD
    return THINGS.get(line.type, RECORD)


def _without_what_a_title_says(things: list[str]) -> list[str]:
    """« les documents » adds nothing where documents are named."""
    named = any(thing.startswith("«") for thing in things)
    return [thing for thing in things if not (named and thing == THINGS["DocumentReference"])]


def _listed(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} et {things[-1]}"
