"""What may become of a task, and by whom: the moves that every door holds to. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta

REQUESTED, RECEIVED, ACCEPTED, REJECTED = "requested", "received", "accepted", "rejected"
DRAFT, READY, RUNNING, HELD = "draft", "ready", "in-progress", "on-hold"
DONE, CANCELLED, FAILED, ERROR = "completed", "cancelled", "failed", "entered-in-error"

OPEN = (REQUESTED, RECEIVED, ACCEPTED, READY, RUNNING, HELD)
"""To be done, in the order of the life of a task (FHIR R4 §12.7.4)."""
ENDED = (DONE, CANCELLED, FAILED, REJECTED)

_BEGUN = frozenset({ACCEPTED, READY, RUNNING, HELD})
_ASKED = frozenset({REQUESTED, RECEIVED})
MOVES: dict[str, frozenset[str]] = {
    DRAFT: _ASKED | _BEGUN | {CANCELLED, ERROR},
    **dict.fromkeys(_ASKED, _ASKED | _BEGUN | {REJECTED, CANCELLED, DONE, FAILED, ERROR}),
    **dict.fromkeys(_BEGUN, _BEGUN | {REQUESTED, CANCELLED, DONE, FAILED, ERROR}),
    REJECTED: frozenset({REQUESTED, ACCEPTED, CANCELLED, ERROR}),
    DONE: frozenset({REQUESTED, ACCEPTED, ERROR}),
    CANCELLED: frozenset({REQUESTED, ACCEPTED, ERROR}),
    FAILED: frozenset({REQUESTED, ACCEPTED, ERROR}),
    ERROR: frozenset(),
}

PRIORITIES = {"routine": "Normale", "urgent": "Urgente", "asap": "Très urgente", "stat": "Immédiate"}
STATES = {
    REQUESTED: "À prendre", RECEIVED: "Reçue", ACCEPTED: "Acceptée", READY: "Prête", RUNNING: "En cours", HELD: "En attente",
    REJECTED: "Refusée", DONE: "Faite", CANCELLED: "Annulée", FAILED: "Sans résultat", DRAFT: "Brouillon", ERROR: "Saisie par erreur",
}  # fmt: skip


def is_call(code: str) -> bool:
    """Whether a protocol asks to call the person, by the code of its task ("return-home/call-within-48h")."""
    return code.rpartition("/")[2].startswith("call-")


def may_become(before: str, after: str) -> bool:
    """Whether a task in one state may be put in the other; to stay is always allowed."""
    return before == after or after in MOVES.get(before, frozenset())


def is_theirs(*, owner: str, requester: str, actor: str | None, teams: Collection[str], colleagues: Collection[str]) -> bool:
    """Whether a task is somebody's to change: their own, one they asked for, their team's, or that of a colleague of the same team."""
    return bool(actor) and (actor in (owner, requester) or owner in teams or owner in colleagues)


def date_fault(due: datetime, now: datetime, *, years: int = 3) -> str:
    """What is wrong with a date that somebody set for later, in French; nothing where it makes sense."""
    if due < now - timedelta(days=1):
        return "Cette date est passée : choisissez aujourd’hui ou plus tard"
    if due > now + timedelta(days=365 * years):
        return f"Cette date est dans plus de {years} ans : vérifiez l’année"
    return ""
