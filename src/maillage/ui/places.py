"""The places of each persona in the top bar and the thumb bar: at most five, and only those that the running application serves."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from starlette.routing import BaseRoute, Mount, Route

from maillage.http.segments import RoutesBySegment

MOST = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A page of first rank: its French label, its path, its icon, and a shorter label for the thumb bar."""

    label: str
    path: str
    icon: str
    thumb: str = ""


NEWS = Place("Nouveautés", "/nouveautes", "inbox")
PATIENTS = Place("Patients", "/patients", "people")
DIRECTORY = Place("Annuaire", "/annuaire", "card")
CASELOAD = Place("File active", "/file-active", "people")
SUPPORT = Place("Demandes", "/demandes-d-appui", "inbox")
AGENDA = Place("Agenda", "/agenda", "calendar")
MESSAGES = Place("Messages", "/messages", "message")
ALERTS = Place("Alertes", "/alertes", "alert")
ASKED = Place("Demandes d’appui", "/demandes-d-appui", "inbox")
ROUND = Place("Tournée", "/tournee", "route")
TASKS = Place("Tâches", "/taches", "check")
HOME = Place("Accueil", "/accueil", "home")
DOCUMENTS = Place("Documents", "/mes-documents", "document")
WHO_LOOKED = Place("Qui a vu", "/qui-a-vu", "eye", thumb="Accès")
CHOICES = Place("Mes choix", "/mes-choix", "check", thumb="Choix")
CARERS = Place("Mes proches", "/mes-proches", "people", thumb="Proches")
REQUESTS = Place("Demandes", "/demandes", "inbox")
RETENTION = Place("Conservation", "/conservation", "document")
CORRECTIONS = Place("Corrections", "/corrections", "check")
GUARDIANS = Place("Représentants", "/representants", "people")
IDENTITIES = Place("Identités", "/identites", "card")
QUARANTINE = Place("Quarantaine", "/quarantaine", "inbox")
CONNECTORS = Place("Connecteurs", "/connecteurs", "route", thumb="Flux")
ANNOUNCEMENTS = Place("Annonces", "/annonces", "document")
CALLS = Place("Centre 15", "/centre-15", "eye")
EMERGENCIES = Place("Accès d’urgence", "/acces-urgence", "eye", thumb="Urgences")
HABILITATIONS = Place("Habilitations", "/habilitations", "card", thumb="Droits")
TRACES = Place("Traces", "/traces", "document")
UNUSUAL = Place("Inhabituels", "/acces-inhabituels", "people")
USES = Place("Usages", "/indicateurs", "chart")
ACCOUNTS = Place("Comptes", "/comptes", "people")
SOFTWARE = Place("Logiciels", "/logiciels", "route")
DEVELOPERS = Place("Développeurs", "/developpeurs", "route")

CLINICAL = (NEWS, PATIENTS, AGENDA, MESSAGES, DIRECTORY, TASKS, ALERTS, ASKED, ANNOUNCEMENTS, CORRECTIONS)
VISITING = (ROUND, NEWS, MESSAGES, PATIENTS, AGENDA, TASKS, ALERTS, ASKED, DIRECTORY, ANNOUNCEMENTS, CORRECTIONS)
COORDINATING = (CASELOAD, SUPPORT, TASKS, AGENDA, MESSAGES, ALERTS, NEWS, PATIENTS, DIRECTORY)
PERSONAL = (HOME, DOCUMENTS, WHO_LOOKED)

# Keys are values of `access.Role`. The first place served is where the role arrives after signing in.
PLACES: Mapping[str, tuple[Place, ...]] = {
    "regulator": (NEWS, CALLS),  # before what they have by their profession: a call does not wait
    "gp": CLINICAL,
    "nurse": VISITING,
    "hospital": CLINICAL,
    "professional": CLINICAL,
    "coordinator": COORDINATING,
    "social-worker": COORDINATING,
    "patient": (*PERSONAL, MESSAGES, CHOICES, CARERS),
    "representative": (*PERSONAL, MESSAGES, CHOICES),
    "carer": (*PERSONAL, MESSAGES),
    "steward": (IDENTITIES, QUARANTINE, DIRECTORY),
    "operator": (CONNECTORS, QUARANTINE, USES, ACCOUNTS, SOFTWARE, DIRECTORY),
    "ars": (USES, DIRECTORY),
    "officer": (EMERGENCIES, UNUSUAL, REQUESTS, TRACES, HABILITATIONS, GUARDIANS, RETENTION, DIRECTORY),
    "administrator": (ACCOUNTS, DIRECTORY),
    "editor": (DEVELOPERS,),
}

DEVICES = Place("Mes appareils", "/mes-appareils", "lock")
SITUATION = Place("Changer de lieu d’exercice", "/situation", "route")
RECORD = Place("Changer de dossier", "/situation", "route")
APPLICATIONS = Place("Mes applications", "/mes-applications", "check")
MENU = (DEVICES,)
LENDING = frozenset({"gp", "nurse", "hospital", "professional", "coordinator", "social-worker", "patient", "carer"})
"""Whose applications act for them."""

PUBLIC_ROLES = frozenset({"patient", "carer", "representative"})


def places_of(roles: Collection[str], served: Collection[str]) -> tuple[Place, ...]:
    """The places of someone with these roles among the paths served, each once, in the order of `PLACES`, at most five."""
    ordered = (place for role, places in PLACES.items() if role in roles for place in places)
    return tuple(dict.fromkeys(place for place in ordered if place.path in served))[:MOST]


def menu_of(
    roles: Collection[str], served: Collection[str], places: Collection[Place], *, several: bool = False
) -> tuple[Place, ...]:
    """What stands under somebody's name: places of theirs that did not fit, then what everybody has there.

    `several`: they work in more than one place, and may change.
    """
    own = (place for role, mine in PLACES.items() if role in roles for place in mine if place not in places)
    return tuple(
        dict.fromkeys(
            place
            for place in (
                *own,
                *((APPLICATIONS,) if LENDING & set(roles) else ()),
                *(((RECORD if is_public(roles) else SITUATION),) if several else ()),
                *MENU,
            )
            if place.path in served
        )
    )


def home_of(roles: Collection[str], served: Collection[str]) -> str | None:
    """Where this person arrives after signing in, or None when no page is meant for them."""
    places = places_of(roles, served)
    return places[0].path if places else None


def served_paths(routes: Iterable[BaseRoute], prefix: str = "") -> frozenset[str]:
    """The plain paths that these routes answer to."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Mount):
            found |= served_paths(route.routes, prefix + route.path)
        elif isinstance(route, RoutesBySegment):
            found |= served_paths(route.routes, prefix)
        elif isinstance(route, Route):
            found.add(prefix + route.path)
    return frozenset(found)


def is_public(roles: Collection[str]) -> bool:
    """Whether this person sees the roomy pages: a patient or a carer and nothing else."""
    return bool(roles) and PUBLIC_ROLES.issuperset(roles)


def record_tabs(patient: str) -> list[tuple[str, str]]:
    """The tabs of a person's record, in their order: label and address."""
    return [
        ("Résumé", f"/patients/{patient}"),
        ("Plan", f"/patients/{patient}/plan"),
        ("Cahier", f"/patients/{patient}/cahier"),
        ("Constantes", f"/patients/{patient}/constantes"),
        ("Évaluations", f"/patients/{patient}/evaluations"),
        ("Messages", f"/patients/{patient}/messages"),
        ("Documents", f"/patients/{patient}/documents"),
        ("Situation de vie", f"/patients/{patient}/situation-de-vie"),
        ("Cercle de soins", f"/patients/{patient}/cercle"),
        ("Applications", f"/patients/{patient}/applications"),
    ]
