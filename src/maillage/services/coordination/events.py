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
