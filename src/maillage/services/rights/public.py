"""What other services may ask of rights."""

from maillage.access.emergency import FEWEST_LETTERS, LASTS, Emergency, Reason
from maillage.services.rights.rules import EMERGENCY_REASONS, OTHERS, Visit
from maillage.services.rights.service.emergencies import (
    Openings,
    close_emergency,
    emergencies_of,
    emergency_until,
    open_in_emergency,
)
from maillage.services.rights.service.visits import Visits, person_of, who_looked, who_opened

__all__ = [
    "EMERGENCY_REASONS",
    "FEWEST_LETTERS",
    "LASTS",
    "OTHERS",
    "Emergency",
    "Openings",
    "Reason",
    "Visit",
    "Visits",
    "close_emergency",
    "emergencies_of",
    "emergency_until",
    "open_in_emergency",
    "person_of",
    "who_looked",
    "who_opened",
]
