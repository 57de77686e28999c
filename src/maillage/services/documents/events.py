"""Facts about documents. Identifiers and codes only."""

from maillage.events import Event


class DocumentReceived(Event, frozen=True, kw_only=True):
    """A document was recorded and may be shown.

    `document` is the id of the DocumentReference, `patient` that of the regional record, or of the source identity it is filed under
    while a steward decides who they are (`certain` is then false, and the event comes again once it is decided); `author`, `organization` are references of the directory where it knows them; `recipients` are national professional
    identifiers (IDNPS) the document names; `replaces` is the id of the
    document it made old; `ins` tells whether it carries an INS; `hidden` are the codes of TRE_A07 for those it is hidden from.
    """

    document: str
    patient: str
    certain: bool
    type: str
    door: str
    author: str | None = None
    organization: str | None = None
    recipients: tuple[str, ...] = ()
    replaces: str | None = None
    ins: bool = False
    hidden: tuple[str, ...] = ()

    @property
    def for_professionals(self) -> bool:
        """Whether those who care for the person may know of it."""
        return "MASQUE_PS" not in self.hidden


class DocumentReplaced(Event, frozen=True, kw_only=True):
    """A document is superseded by another: `by` is the id of the new one."""

    document: str
    patient: str
    by: str


class DocumentDeleted(Event, frozen=True, kw_only=True):
    """A document was withdrawn by its author: kept, no longer shown."""

    document: str
    patient: str


class AnnouncementDue(Event, frozen=True, kw_only=True):
    """A document is kept from its person since two weeks, for a professional to announce it first; `author`, `organization` as in DocumentReceived."""

    document: str
    patient: str
    author: str | None = None
    organization: str | None = None
