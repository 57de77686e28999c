"""Decisions about requests for support: which step follows which, what is late, what is counted. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maillage.services.coordination.resources.support import Request


class State(StrEnum):
    """Where a request stands: the status of its Task."""

    NEW = "requested"
    ANALYSED = "received"
    WAITING = "on-hold"
    ACCEPTED = "accepted"
    REFUSED = "rejected"
    CLOSED = "completed"
    WITHDRAWN = "cancelled"

    @property
    def decides(self) -> bool:
        """Whether the requester has their answer."""
        return self in (State.ACCEPTED, State.REFUSED)

    @property
    def open(self) -> bool:
        return self in (State.NEW, State.ANALYSED, State.WAITING)


class Delay(StrEnum):
    """How soon the requester needs somebody to look."""

    TWO_DAYS = "two-days"
    WEEK = "week"
    NONE = "none"


class Source(StrEnum):
    """Who asks."""

    PROFESSIONAL = "professional"
    PERSON = "person"
    FAMILY = "family"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody said of a request, and when."""

    at: datetime
    by: str
    words: str


STATES = {
    State.NEW: "Nouvelle", State.ANALYSED: "En analyse", State.WAITING: "En attente d’une précision", State.ACCEPTED: "Acceptée",
    State.REFUSED: "Refusée", State.CLOSED: "Clôturée", State.WITHDRAWN: "Retirée",
}  # fmt: skip
DELAYS = {
    Delay.TWO_DAYS: "Sous 48 h, la situation peut se dégrader",
    Delay.WEEK: "Dans la semaine",
    Delay.NONE: "Pas de délai particulier",
}
DUE = {Delay.TWO_DAYS: timedelta(hours=24), Delay.WEEK: timedelta(hours=72), Delay.NONE: timedelta(hours=72)}
"""Within which time a team answers, at least by a question: 24 to 72 h, as coordination teams say of themselves."""
SOURCES = {
    Source.PROFESSIONAL: "Professionnel", Source.PERSON: "La personne", Source.FAMILY: "Un proche", Source.SERVICE: "Un service",
}  # fmt: skip
REASONS = {
    "return-home": "Retour à domicile après une hospitalisation",
    "staying-home": "Maintien à domicile difficile",
    "carer": "Aidant épuisé ou absent",
    "complex": "Situation complexe, plusieurs intervenants",
    "access-to-care": "Accès aux soins",
    "rights": "Accès aux droits et aux aides",
    "other": "Autre situation",
}
OWN_REASONS = {
    "return-home": "Je rentre de l’hôpital",
    "staying-home": "Rester à la maison devient difficile",
    "carer": "La personne qui m’aide est fatiguée ou absente",
    "complex": "Plusieurs professionnels viennent et rien n’est organisé",
    "access-to-care": "Je ne trouve pas de médecin ou de soin",
    "rights": "Je ne connais pas mes droits et les aides possibles",
    "other": "Autre chose",
}
"""The same, in the words of the person."""
CARER_REASONS = {
    "return-home": "Retour de l’hôpital",
    "staying-home": "Rester à la maison devient difficile",
    "carer": "Je m’épuise, ou je ne peux plus être là",
    "complex": "Plusieurs professionnels viennent et rien n’est organisé",
    "access-to-care": "Pas de médecin, ou un soin introuvable",
    "rights": "Droits et aides possibles à connaître",
    "other": "Autre chose",
}
"""The same, in the words of who helps them."""
NEEDS = {
    "orientation": "Être orienté vers le bon service",
    "assessment": "Évaluer la situation à domicile",
    "link": "Mettre en lien les intervenants",
    "plan": "Établir un plan personnalisé",
    "relief": "Trouver un relais pour l’aidant",
}
GP_INFORMED = {
    "yes": "Le médecin traitant est informé",
    "no": "Il n’est pas encore informé",
    "none": "La personne n’a pas de médecin traitant",
}
CLOSURES = {
    "goals-met": "Objectifs atteints",
    "handed-over": "Relais pris par d’autres",
    "residence": "Entrée en établissement",
    "refusal": "La personne ne souhaite plus l’appui",
    "moved": "Déménagement hors du territoire",
    "lost": "Personne injoignable",
    "death": "Décès",
}
"""Why a team ends its support."""

_NEXT = {
    State.NEW: {State.ANALYSED, State.WAITING, State.ACCEPTED, State.REFUSED, State.WITHDRAWN},
    State.ANALYSED: {State.WAITING, State.ACCEPTED, State.REFUSED, State.WITHDRAWN},
    State.WAITING: {State.ANALYSED, State.ACCEPTED, State.REFUSED, State.WITHDRAWN},
    State.ACCEPTED: {State.CLOSED},
    State.CLOSED: {State.ACCEPTED},
}


def refusal(before: str, after: str, *, words: str) -> str | None:
    """Why a request may not go from one state to another with these words; None where it may."""
    if before == after:
        return None
    if before not in set(State) or after not in _NEXT.get(State(before), set()):
        return f"a request for support does not go from {before} to {after}"
    if after in (State.WAITING, State.REFUSED) and len(words.strip()) < FEWEST:
        return f"{after} takes words (statusReason.text): what is missing, or why, and where else"
    return None


FEWEST, MOST = 10, 2000
"""Letters of what is asked, answered or refused."""


def late(request: "Request", now: datetime) -> bool:
    """Whether the requester has waited longer than was said: a question asked of them stops the clock."""
    return request.state in (State.NEW, State.ANALYSED) and request.due < now


def ordered(requests: Iterable["Request"], now: datetime) -> list["Request"]:
    """Those that are late first, then by when an answer is due; what is decided last, newest first."""
    found = list(requests)
    waiting = sorted((one for one in found if one.state.open), key=lambda one: (not late(one, now), one.due))
    return waiting + sorted((one for one in found if not one.state.open), key=lambda one: one.asked, reverse=True)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many requests of a kind, and how long the answer took (half of them took less), None where none was decided."""

    words: str
    count: int
    delay: timedelta | None


def tallies(requests: Sequence["Request"]) -> dict[str, list[Tally]]:
    """By month, source, reason and outcome, for the team itself: small numbers stand as they are."""
    keys = {
        "Par mois": lambda one: f"{one.asked:%m/%Y}",
        "Par origine": lambda one: SOURCES[one.source],
        "Par motif": lambda one: REASONS.get(one.reason, REASONS["other"]),
        "Par issue": outcome_words,
    }
    found = {}
    for title, key in keys.items():
        counted = Counter(map(key, requests))
        found[title] = [
            Tally(words, count, median_delay([one for one in requests if key(one) == words]))
            for words, count in counted.most_common()
        ]
    return found


def outcome_words(request: "Request") -> str:
    """Where a request stands, in the words of the field: directed elsewhere is not refused."""
    return "Orientée ailleurs" if request.state is State.REFUSED and request.directed else STATES[request.state]


def median_delay(requests: Iterable["Request"]) -> timedelta | None:
    """From the request to the decision, half of the time less."""
    taken = [(one.decided - one.asked).total_seconds() for one in requests if one.decided]
    return timedelta(seconds=median(taken)) if taken else None
