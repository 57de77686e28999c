"""What coordination announces."""

from maillage.events import Event


class TaskPlanned(Event, frozen=True, kw_only=True):
    """A task stands in a coordination team's list. `owner` is a reference; `task` and `patient` are ids."""

    task: str
    patient: str
    owner: str


class TaskDone(Event, frozen=True, kw_only=True):
    """A task was done (`done`), or that was taken back."""

    task: str
    patient: str
    done: bool


class PlanPublished(Event, frozen=True, kw_only=True):
    """A version of a plan was made public: `plan` and `patient` are ids, `author` the reference of who did it, `number` that of the version."""

    plan: str
    patient: str
    number: int
    author: str | None


class PlanContested(Event, frozen=True, kw_only=True):
    """Somebody disagrees with a plan (`position`: id of the Communication that says so): it is to be looked at again."""

    plan: str
    patient: str
    position: str


class MeetingConcluded(Event, frozen=True, kw_only=True):
    """A concertation was held. `meeting` (an Appointment) and `patient` are ids."""

    meeting: str
    patient: str


class SupportAsked(Event, frozen=True, kw_only=True):
    """A coordination team is asked for support. `request` (a ServiceRequest) and `patient` are ids; `team` a reference."""

    request: str
    patient: str
    team: str


class SupportAnswered(Event, frozen=True, kw_only=True):
    """A request for support is in another state. `task`, `request`, `patient` are ids; `by` is the reference of who answered, or of the referent."""

    task: str
    request: str
    patient: str
    state: str
    by: str | None


class InvitationMoved(Event, frozen=True, kw_only=True):
    """An invitation into a circle was sent, opened, accepted, confirmed or taken back: `invitation` is its id; how it stands is read there."""

    invitation: str


class ReferentNamed(Event, frozen=True, kw_only=True):
    """Another member is the referent of a circle. `patient` is an id, `member` a reference (PractitionerRole or Practitioner)."""

    patient: str
    member: str


class MemberLeft(Event, frozen=True, kw_only=True):
    """Somebody leaves the circle of a person: now, or `at` a moment (ISO 8601). `patient` is an id, `who` the references by which the circle named them; who is there is read then."""

    patient: str
    who: tuple[str, ...] = ()
    at: str = ""


class CoordinationRefused(Event, frozen=True, kw_only=True):
    """A person keeps their record from somebody, which may be from coordination teams. `patient` is the id of a Patient."""

    patient: str


class TaskGiven(Event, frozen=True, kw_only=True):
    """A task was given to somebody, who is to be told. `owner` and `sender` are references, `version` is that of the Task."""

    task: str
    patient: str
    owner: str
    version: str
    sender: str | None = None


class ReminderSet(Event, frozen=True, kw_only=True):
    """The owner of a task is to be reminded of it at this moment (ISO 8601)."""

    task: str
    at: str


class AlertRaised(Event, frozen=True, kw_only=True):
    """An alert stands in a record, and is to be put before somebody. `flag` is the id of its Flag."""

    flag: str


class AlertEnded(Event, frozen=True, kw_only=True):
    """An alert is over: dealt with, set aside, or lifted."""

    flag: str


class MeasureTaken(Event, frozen=True, kw_only=True):
    """A constant of somebody was written lately, or changed. `observation` and `patient` are ids."""

    observation: str
    patient: str
