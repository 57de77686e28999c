"""How pressing an alert is, and who is told next when nobody takes it. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Level:
    """How pressing: words, how long one waits before somebody else is told, and the priority of its task."""

    words: str
    delay: timedelta
    priority: str


LEVELS = {
    1: Level("À traiter tout de suite", timedelta(minutes=30), "stat"),
    2: Level("À traiter aujourd’hui", timedelta(hours=4), "urgent"),
    3: Level("À suivre", timedelta(hours=24), "routine"),
}
STEPS = ("first", "substitute", "referent", "team", "supervisor")
WORDS = {
    "first": "la personne concernée", "substitute": "son remplaçant", "referent": "la personne référente", "team": "l’équipe",
    "supervisor": "la personne responsable",
}  # fmt: skip
Chain = Sequence[tuple[str, str]]
"""Steps with whom they tell, in order: ("team", "Organization/5")."""


def level_of(number: int) -> Level:
    """A level; what is not known is dealt with today."""
    return LEVELS.get(number, LEVELS[2])


def next_step(chain: Chain, *, after: str, told: Collection[str]) -> tuple[str, str] | None:
    """Whom to tell after a step: the next of the chain who was not told yet; None when all were. `after` empty: the first."""
    done = STEPS.index(after) + 1 if after in STEPS else 0
    return next(((step, who) for step, who in chain if STEPS.index(step) >= done and who not in told), None)
