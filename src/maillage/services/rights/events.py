"""Facts about the rights of people. Identifiers only."""

from maillage.events import Event


class EmergencyOpened(Event, frozen=True, kw_only=True):
    """The record of a person (`patient`, id of its Patient) was opened in an emergency by somebody it was not given to.

    `opening` is the id of the row of `access_emergency`.
    """

    opening: str
    patient: str


class GuardianNamed(Event, frozen=True, kw_only=True):
    """The officer saw the proof that somebody represents a person; `guardian` is the id of the row of `rights_guardian`."""

    guardian: str


class GuardianEnded(Event, frozen=True, kw_only=True):
    """A legal representative represents nobody any more; `guardian` is the id of the row of `rights_guardian`."""

    guardian: str


class SecretLifted(Event, frozen=True, kw_only=True):
    """The person no longer wants this stay or document (`record`, "Encounter/3") of theirs kept from who helps or represents them."""

    record: str
    patient: str


class OppositionAccepted(Event, frozen=True, kw_only=True):
    """The officer took note that a person wants their data for their care only; `request` is the id of the row of `rights_request`."""

    request: str


class ErasureDecided(Event, frozen=True, kw_only=True):
    """The officer decided that something of a record is erased; `request` is the id of the row of `rights_request`."""

    request: str
