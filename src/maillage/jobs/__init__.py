"""What happens later: reactions to events, tasks put off until after a commit, errands outside, schedules."""

from collections.abc import Iterable
from types import ModuleType

from maillage.jobs.forgetting import forget_work
from maillage.jobs.reactions import Reaction, reaction, reaction_to_many
from maillage.jobs.reactor import Reactor
from maillage.jobs.runner import JobRunner
from maillage.jobs.tasks import Errand, Job, Outside, Task, errand, periodic, task

__all__ = [
    "Errand",
    "Job",
    "JobRunner",
    "Outside",
    "Reaction",
    "Reactor",
    "Task",
    "declared_in",
    "errand",
    "forget_work",
    "periodic",
    "reaction",
    "reaction_to_many",
    "task",
]


def declared_in(modules: Iterable[ModuleType]) -> tuple[list[Reaction], list[Task]]:
    """The reactions and tasks that these modules declare (each service's `jobs.py`), in their order."""
    found = [value for module in modules for value in vars(module).values()]
    reactions = {one.name: one for one in found if isinstance(one, Reaction)}
    tasks = {one.name: one for one in found if isinstance(one, Task)}
    return list(reactions.values()), list(tasks.values())
