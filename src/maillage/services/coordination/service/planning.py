"""What is given to somebody else from the planning of a team: tasks and visits, all of them or none."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.services.coordination.service import home_visits, work

MOST = 30


async def delegate(ctx: Context, *, keys: Sequence[str], to: str, words: str) -> int:
    """Gives what these keys name ("Task/3:2": what, and the version that was read) to a colleague; how many.

    PreconditionFailed where somebody was faster, Conflict where a visit would take the colleague twice: nothing is given then.
    """
    ctx.require(Permission.TASK_WRITE)
    if not keys or len(keys) > MOST:
        raise Invalid.at("quoi", f"Choisissez de 1 à {MOST} éléments")
    for key in keys:
        kind, _, rest = key.partition("/")
        id, _, version = rest.rpartition(":")
        if kind == "Task":
            await work.give(ctx, task=id, version=version, to=to, words=words)
        elif kind == "Appointment":
            await home_visits.give(ctx, visit=id, version=version, to=to)
        else:
            raise Invalid.at("quoi", "a task or a visit")
    return len(keys)
