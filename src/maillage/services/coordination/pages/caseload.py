"""The caseload: the people whom a team supports."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.coordination import rules
from maillage.services.coordination.service import caseload
from maillage.ui import render

PAGE = 50


async def people(request: Request, ctx: Context) -> Response:
    """The caseload of the coordination team, the nearest deadline first."""
    view = request.query_params.get("vue", "")
    held = await caseload.read(ctx)
    lines = [line for line in held.people if _kept(line, view)]
    first = _first_line(request)
    return render(
        request, ctx, "coordination/caseload.html", held=held, lines=lines[first : first + PAGE], view=view, delay=rules.delay,
        first=first, found=len(lines), following=first + PAGE if first + PAGE < len(lines) else 0, counts={"/taches": held.open},
    )  # fmt: skip


def _first_line(request: Request) -> int:
    """The `?depuis=` of a long list: a whole number of lines to pass over, anything else is the beginning."""
    text = request.query_params.get("depuis", "0")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _kept(line: rules.Followed, view: str) -> bool:
    return {"change": line.changed is not None, "tache": line.next is not None}.get(view, True)


routes = [
    page("/file-active", people, permission=Permission.CASELOAD_READ),
]
