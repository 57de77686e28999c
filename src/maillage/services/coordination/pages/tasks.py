"""The tasks of a team: listed by deadline, done, taken back."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination import rules
from maillage.services.coordination.service import tasks
from maillage.ui import render


async def list_tasks(request: Request, ctx: Context) -> Response:
    """The tasks of the team by deadline, or those done lately."""
    done = request.query_params.get("vue") == "faites"
    found, patients = await tasks.of_teams(ctx, done=done)
    return render(
        request, ctx, "coordination/tasks.html", tasks=found, patients=patients, done=done, delay=rules.delay,
        said=request.query_params.get("fait", ""), counts={} if done else {"/taches": len(found)},
    )  # fmt: skip


async def do(request: Request, ctx: Context) -> Response:
    """Says that a task is done."""
    task = str(request.path_params["id"])
    await tasks.mark(ctx, task=task, done=True)
    return redirect(f"/taches?fait={task}")


async def undo(request: Request, ctx: Context) -> Response:
    """Takes « done » back."""
    await tasks.mark(ctx, task=str(request.path_params["id"]), done=False)
    return redirect("/taches")


routes = [
    page("/taches", list_tasks, permission=Permission.TASK_READ),
    action("/taches/{id}/faite", do, permission=Permission.TASK_WRITE),
    action("/taches/{id}/a-faire", undo, permission=Permission.TASK_WRITE),
]
