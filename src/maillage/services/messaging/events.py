"""What messaging announces."""

from maillage.events import Event


class NoticePosted(Event, frozen=True, kw_only=True):
    """Something new stands in a recipient's inbox. `recipient` is a reference; `document` and `patient` are ids."""

    recipient: str
    document: str
    patient: str


class NoticeTreated(Event, frozen=True, kw_only=True):
    """A recipient has marked a notice as treated (`treated`) or taken that back."""

    notice: str
    recipient: str
    treated: bool
