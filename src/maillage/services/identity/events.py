"""What identity announces: decisions about who is who, and stays reported by the hospitals."""

from maillage.events import Event


class PatientStored(Event, frozen=True, kw_only=True):
    """A source identity came in through the FHIR door and is to be matched. `by_person`: no machine wrote it, but someone."""

    patient: str
    by_person: bool = False


class IdentityToReview(Event, frozen=True, kw_only=True):
    """An identity waits for a steward. `reason` is a value of `rules.matching.Reason`."""

    patient: str
    reason: str


class IdentityLinked(Event, frozen=True, kw_only=True):
    """A source identity now refers to a regional record: what was filed under it is visible with the record."""

    source: str
    record: str


class IdentityUnlinked(Event, frozen=True, kw_only=True):
    """The link was undone: what was filed under the source identity leaves the record."""

    source: str
    record: str


class IdentityPromoted(Event, frozen=True, kw_only=True):
    """A source identity became a regional record of its own."""

    patient: str


class EncounterStarted(Event, frozen=True, kw_only=True):
    """A stay or a visit began. `encounter_class` is a v3-ActCode (IMP, EMER, AMB…)."""

    encounter: str
    patient: str
    organization: str | None
    encounter_class: str


class EncounterFinished(Event, frozen=True, kw_only=True):
    """A stay or a visit ended; `home` is true when the person went home (table 0112 / ZFM-4)."""

    encounter: str
    patient: str
    organization: str | None
    encounter_class: str
    home: bool
