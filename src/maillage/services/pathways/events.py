"""What pathways announces."""

from datetime import datetime

from maillage.events import Event


class ActionDue(Event, frozen=True, kw_only=True):
    """An action of a protocol is to be done for a person before an instant.

    `protocol` and `action` are ids of a PlanDefinition and of its action; `patient` an id; `focus` the reference of what triggered it.
    """

    protocol: str
    action: str
    patient: str
    focus: str
    due: datetime
