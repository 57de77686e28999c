"""Facts about the rights of people. Identifiers only."""

from maillage.events import Event


class EmergencyOpened(Event, frozen=True, kw_only=True):
    """The record of a person (`patient`, id of its Patient) was opened in an emergency by somebody it was not given to.

    `opening` is the id of the row of `access_emergency`.
    """

    opening: str
    patient: str
