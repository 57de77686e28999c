"""What assessment announces."""

from maillage.events import Event


class AssessmentRecorded(Event, frozen=True, kw_only=True):
    """A response to a form that is known here was finished, corrected, or said to be a mistake, whatever the door. Ids, the `url` of the form, and the status it has now."""

    response: str
    patient: str
    url: str
    status: str
