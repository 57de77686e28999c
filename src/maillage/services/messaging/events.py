"""What messaging announces."""

from maillage.events import Event


class NoticePosted(Event, frozen=True, kw_only=True):
    """Something new stands in a recipient’s inbox. `recipient` is a reference; `document` (empty: it is about something else) and `patient` are ids."""

    recipient: str
    document: str
    patient: str


class NoticeTreated(Event, frozen=True, kw_only=True):
    """A recipient has marked a notice as treated (`treated`) or taken that back."""

    notice: str
    recipient: str
    treated: bool


class MatterTold(Event, frozen=True, kw_only=True):
    """Something about a person is to be put before `recipients` (references), or, with `settled`, needs nobody any more.

    `asks` is the `kind` of `messaging.public.notify`; `about`, `key`, `sender`: see there.
    """

    asks: str
    about: str
    patient: str = ""
    recipients: tuple[str, ...] = ()
    key: str = ""
    sender: str | None = None
    settled: bool = False


class MessagePosted(Event, frozen=True, kw_only=True):
    """A message was written in a conversation about a person. Ids; `sender` is a reference."""

    message: str
    thread: str
    patient: str
    sender: str
