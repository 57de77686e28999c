"""The page « Annuaire »."""

from typing import cast
from urllib.parse import urlencode

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.directory.rules import wanted
from maillage.services.directory.service import Results, What, search
from maillage.ui import render

VIEWS = (("professionnels", "Professionnels"), ("structures", "Structures"), ("services", "Offre de soins"))


async def directory(request: Request, ctx: Context) -> Response:
    """Results of the search in the address; nothing is listed before something is asked."""
    asked = {name: request.query_params.get(name, "").strip() for name in ("q", "lieu")}
    what = request.query_params.get("quoi", "professionnels")
    view = cast(What, what if what in dict(VIEWS) else "professionnels")
    query = wanted(asked["q"], asked["lieu"])
    results = Results([], None) if query.empty else await search(ctx, query, what=view, cursor=request.query_params.get("suite"))
    return render(
        request,
        ctx,
        "directory/directory.html",
        asked=asked,
        view=view,
        views=[(words, _address(asked, key)) for key, words in VIEWS],
        current=_address(asked, view),
        searched=not query.empty,
        results=results,
        following=_address(asked, view, results.next) if results.next else "",
    )


def _address(asked: dict[str, str], view: str, cursor: str | None = None) -> str:
    said = {**{name: value for name, value in asked.items() if value}, "quoi": view, **({"suite": cursor} if cursor else {})}
    return f"/annuaire?{urlencode(said)}"


routes = [page("/annuaire", directory, permission=Permission.DIRECTORY_READ)]
