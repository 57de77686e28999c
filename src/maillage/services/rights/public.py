"""What other services may ask of rights."""

from maillage.access.emergency import CALL_LASTS, FEWEST_LETTERS, LASTS, Emergency, Opposed, Reason
from maillage.services.rights.resources import authority_of
from maillage.services.rights.rules import CHOICES, EMERGENCY_REASONS, OTHERS, WAYS, Visit, thing_words
from maillage.services.rights.rules.carers import PARENTAL
from maillage.services.rights.service.carers import Carer, own_sight, sees_the_trail
from maillage.services.rights.service.choices import Choices, address_to_write, choices_of, choose, exclude, hide, note_agreement
from maillage.services.rights.service.emergencies import (
    NO_OPENINGS,
    Openings,
    close_emergency,
    emergencies_of,
    emergency_until,
    open_for_call,
    open_in_emergency,
)
from maillage.services.rights.service.erasing import erase_names
from maillage.services.rights.service.guarding import keep_carers, keep_choices
from maillage.services.rights.service.requests import for_care_only
from maillage.services.rights.service.secrets import mark_secret, say_secret, secrets_of
from maillage.services.rights.service.visits import Visits, person_of, who_looked, who_opened

__all__ = [
    "CALL_LASTS",
    "CHOICES",
    "EMERGENCY_REASONS",
    "FEWEST_LETTERS",
    "LASTS",
    "NO_OPENINGS",
    "OTHERS",
    "PARENTAL",
    "WAYS",
    "Carer",
    "Choices",
    "Emergency",
    "Openings",
    "Opposed",
    "Reason",
    "Visit",
    "Visits",
    "address_to_write",
    "authority_of",
    "choices_of",
    "choose",
    "close_emergency",
    "emergencies_of",
    "emergency_until",
    "erase_names",
    "exclude",
    "for_care_only",
    "hide",
    "keep_carers",
    "keep_choices",
    "mark_secret",
    "note_agreement",
    "open_for_call",
    "open_in_emergency",
    "own_sight",
    "person_of",
    "say_secret",
    "secrets_of",
    "sees_the_trail",
    "thing_words",
    "who_looked",
    "who_opened",
]
