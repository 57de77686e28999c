"""What other services may ask of coordination: its rules of tasks hold at every door, and the inbox has its words for them."""

from maillage.services.coordination.resources.work_notices import task_words
from maillage.services.coordination.service.task_guard import keep_tasks

__all__ = ["keep_tasks", "task_words"]
