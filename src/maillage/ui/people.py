"""How people are shown: the words for a role and the shape of an avatar."""

from collections.abc import Collection
from typing import Literal

AvatarShape = Literal["care", "coord", "social", "person"]

ROLE_WORDS = {
    "gp": "Médecin généraliste",
    "nurse": "Soins infirmiers",
    "hospital": "Établissement de santé",
    "professional": "Professionnel de santé",
    "regulator": "Régulation médicale",
    "coordinator": "Équipe de coordination",
    "social-worker": "Accompagnement social",
    "patient": "Mon espace",
    "representative": "Espace du représentant légal",
    "carer": "Espace de l’aidant",
    "steward": "Identitovigilance",
    "operator": "Exploitation régionale",
    "officer": "Protection des données",
    "ars": "Agence régionale de santé",
    "administrator": "Administration des comptes",
    "editor": "Éditeur de logiciels",
    "system": "Logiciel",
    "job": "Tâche de fond",
}

_SHAPES: dict[str, AvatarShape] = {
    "coordinator": "coord",
    "steward": "coord",
    "operator": "coord",
    "officer": "coord",
    "ars": "coord",
    "administrator": "coord",
    "editor": "coord",
    "social-worker": "social",
    "patient": "person",
    "carer": "person",
    "representative": "person",
}


def role_words(roles: Collection[str]) -> str:
    """The French words under a name, for the first known of these roles."""
    return next((words for role, words in ROLE_WORDS.items() if role in roles), "")


def avatar_shape(roles: Collection[str]) -> AvatarShape:
    """Round for care, green square for coordination and operators, violet square for social, outlined for the person and carers."""
    return next((shape for role, shape in _SHAPES.items() if role in roles), "care")
