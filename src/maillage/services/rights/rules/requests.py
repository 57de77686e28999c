"""What a person may ask of those who hold their data, by when it is answered, and how (RGPD art. 12, 16, 17, 18, 21)."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

RECTIFICATION, RESTRICTION, OPPOSITION, ERASURE = "rectification", "restriction", "opposition", "erasure"
FEWEST_LETTERS, MOST_LETTERS = 10, 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of request: what it is called by the person, what it means, and the answers that it has, by code, in words.

    Without answers: it is asked and decided on pages of its own.
    """

    title: str
    words: str
    answers: dict[str, str]


KINDS = {
    RECTIFICATION: Kind(
        "Faire corriger une erreur",
        "L’auteur ou sa structure corrige, ou vous dit pourquoi il ne le fait pas.",
        {"corrected": "Corrigé", "refused": "Refusé"},
    ),
    RESTRICTION: Kind(
        "Limiter l’usage de mes données",
        "Pendant qu’un point est vérifié, elles ne servent plus qu’à vos soins.",
        {"accepted": "Limité aux soins", "refused": "Refusé"},
    ),
    OPPOSITION: Kind(
        "M’opposer à un usage autre que mes soins",
        "Statistiques de la région, recherche publique.",
        {"accepted": "Opposition enregistrée", "refused": "Refusé"},
    ),
    ERASURE: Kind("Faire effacer ce que la loi ne garde pas", "Une page à part dit ce qui peut l’être.", {}),
}
LIFTED = "lifted"
STATES = {
    "open": "En attente", "corrected": "Corrigé", "accepted": "Accepté", "refused": "Refusé", LIFTED: "Limitation levée",
    "erasing": "Effacement en cours", "erased": "Effacé",
}  # fmt: skip


def due(asked: date) -> date:
    """A month after it was asked, the last day of a shorter month (RGPD art. 12.3)."""
    year, month = (asked.year + 1, 1) if asked.month == 12 else (asked.year, asked.month + 1)  # December
    return date(year, month, min(asked.day, monthrange(year, month)[1]))


def is_answer(kind: str, state: str, now: str) -> bool:
    """Whether a request of this kind that is `now` in a state may be answered so: what is open, and a restriction in force is lifted."""
    if now == "open":
        return state in KINDS[kind].answers
    return (kind, now, state) == (RESTRICTION, "accepted", LIFTED)
