"""Which actions a fact calls for. Pure."""

from collections.abc import Iterable
from datetime import datetime

from maillage.services.pathways.resources import Action

DOCUMENT_RECEIVED = "document-received"
ENCOUNTER_FINISHED = "encounter-finished"


def called_for(actions: Iterable[Action], *, fact: str, type_code: str | None = None) -> list[Action]:
    """The actions that a fact triggers; a trigger limited to document types fires on those only."""
    return [a for a in actions if any(t.name == fact and (not t.types or type_code in t.types) for t in a.triggers)]


def due(action: Action, since: datetime) -> datetime:
    """The instant before which the action is to be done."""
    return since + action.within
