"""Routes by the first segment of their path and its length, so that a request is held against a handful of them instead of all."""

from collections.abc import Callable, Iterable

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

DEEPEST = 8
"""Paths of more segments are held against routes of any length only."""


Unrouted = Callable[[Scope, HTTPException], Response]


class RoutesBySegment(BaseRoute):
    """All routes as one. Within a segment (`fhir`, `patients`…) the first that matches answers, as in Starlette's own router.

    What no route answers, or a route refuses (404, 405), is answered by `unrouted`.

    A path whose first segment is a parameter is a TypeError: it would belong to every segment. One that is deeper than DEEPEST too.
    """

    def __init__(self, routes: Iterable[Route | Mount], *, unrouted: Unrouted) -> None:
        self.routes = list(routes)
        self._unrouted = unrouted
        self._by_place: dict[tuple[str, int], list[Route | Mount]] = {}
        for route in self.routes:
            segment = _first(route.path)
            if "{" in segment or route.path.count("/") > DEEPEST:
                raise TypeError(f"{route.path} begins with a parameter, or has more than {DEEPEST} segments")
            for depth in _depths(route):
                self._by_place.setdefault((segment, depth), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        best: tuple[Match, Scope] = (Match.NONE, {})
        path: str = scope["path"]
        for route in self._by_place.get((_first(path), min(path.count("/"), DEEPEST + 1)), ()):
            # Most do not match: their expression alone says so, at a fifth of the cost of asking the route.
            if not route.path_regex.match(path):
                continue
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, {**found, "route": route}
            if match is Match.PARTIAL and best[0] is Match.NONE:
                best = match, {**found, "route": route}
        return best

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole of a request, as an ASGI application."""
        match, found = self.matches(scope)
        scope.update(found)
        try:
            if match is not Match.NONE:
                await self.handle(scope, receive, send)
                return
            error = HTTPException(404)
        except HTTPException as refusal:
            error = refusal
        await self._unrouted(scope, error)(scope, receive, send)


def _first(path: str) -> str:
    return path[1:].partition("/")[0]


def _depths(route: Route | Mount) -> Iterable[int]:
    """How many segments the paths of a route have. A parameter takes one, `{name:path}` and what is mounted any number."""
    if isinstance(route, Mount) or ":path}" in route.path:
        return range(DEEPEST + 2)
    return (route.path.count("/"),)
