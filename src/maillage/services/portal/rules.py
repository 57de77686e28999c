"""What to read first, and what a document is in plain words. Pure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from maillage.services.identity.public import normal_name

FRESH = timedelta(days=60)
MOST_TO_READ = 5


class Dated(Protocol):
    """A document as far as these rules care."""

    @property
    def id(self) -> str: ...

    @property
    def received(self) -> str: ...


D = TypeVar("D", bound=Dated)


@dataclass(frozen=True, slots=True)
class Plain:
    """A kind of document for someone who is not a carer: its name with its article, and what it is for."""

    name: str
    purpose: str


PLAIN: Mapping[str, Plain] = {
    "11490-0": Plain(
        "la lettre de votre hospitalisation",
        "L’hôpital l’écrit à votre médecin traitant quand vous sortez : pourquoi vous étiez là, ce qui a été fait, votre traitement et la suite.",
    ),
    "34112-3": Plain(
        "le compte rendu de votre hospitalisation",
        "Il raconte votre séjour : les examens, les soins et les décisions prises.",
    ),
    "11502-2": Plain(
        "votre prise de sang",
        "Les résultats du laboratoire. Une valeur hors de la norme n’est pas toujours un problème : votre médecin les lit avec le reste.",
    ),
    "18748-4": Plain(
        "le compte rendu de votre imagerie",
        "Ce que le radiologue a vu sur vos images (radio, scanner, IRM, échographie) et ce qu’il en conclut.",
    ),
    "15507-7": Plain(
        "le compte rendu de votre passage aux urgences",
        "Pourquoi vous êtes venu, ce qui a été trouvé et ce qu’il faut surveiller.",
    ),
    "11488-4": Plain(
        "le compte rendu de votre consultation", "Ce que le spécialiste a constaté et propose, écrit pour votre médecin traitant."
    ),
    "57833-6": Plain("votre ordonnance", "Les médicaments prescrits, leur dose et leur durée. Gardez-la avec vous."),
    "60593-1": Plain("ce que la pharmacie vous a remis", "Les médicaments délivrés, avec leur quantité."),
    "60591-5": Plain(
        "le résumé de votre santé", "Votre médecin y rassemble l’essentiel : maladies, traitements, allergies, vaccins."
    ),
    "18776-5": Plain("votre plan personnalisé", "Ce qui compte pour vous, et qui fait quoi pour y arriver."),
    "concertation": Plain(
        "le compte rendu d’une réunion à votre sujet",
        "La question posée, les avis de ceux qui vous suivent, et ce qu’ils ont décidé.",
    ),
    "11526-1": Plain("votre résultat d’analyse de tissu", "Ce que le laboratoire a vu au microscope."),
    "85208-7": Plain(
        "le compte rendu de votre téléconsultation", "Ce qui a été dit et décidé pendant la consultation à distance."
    ),
}
NOTE = Plain(
    "une note de votre cahier de liaison",
    "Un professionnel y écrit ce qu’il a vu ou fait, pour vous et pour ceux qui vous aident.",
)
NOTES = frozenset({"OBS", "INTERV", "INST", "DEM-AVIS", "GEN"})
"""Types of notes (JDV_J23)."""
OTHER = Plain("un document de santé", "Un professionnel l’a écrit à votre sujet et l’a partagé avec votre équipe de soins.")


def plain(type_code: str) -> Plain:
    """What a document of this type is, in plain words."""
    return PLAIN.get(type_code, NOTE if type_code in NOTES else OTHER)


def fresh(document: Dated, now: datetime) -> bool:
    """Whether it came in the last sixty days."""
    return bool(document.received) and datetime.fromisoformat(document.received) > now - FRESH


def to_read(documents: Sequence[D], read: Container[str], now: datetime) -> list[D]:
    """The fresh documents that are not marked as read, in their order, at most five."""
    return [d for d in documents if d.id not in read and fresh(d, now)][:MOST_TO_READ]


def helps(related: Mapping[str, Any], *, name: str, given: str, birth_date: str, today: str) -> bool:
    """Whether a RelatedPerson is this person (names as `normal_name` writes them, ISO date) and helps on this day: exact traits, no other."""
    period = related.get("period", {})
    now = period.get("start", "")[:10] <= today <= (period.get("end", "")[:10] or "9999")
    named = any(_same_name(one, name, given) for one in related.get("name", []))
    return bool(related.get("active", True)) and now and named and related.get("birthDate") == birth_date


def _same_name(said: Mapping[str, Any], name: str, given: str) -> bool:
    first = next(iter(said.get("given", [])), "")
    return normal_name(said.get("family", "")) == name and normal_name(first) == given
