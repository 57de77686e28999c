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
