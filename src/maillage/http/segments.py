"""Routes by the first segment of their path, so that a request is held against a handful of them instead of all."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send


class RoutesBySegment(BaseRoute):
    """All routes as one. Within a segment (`fhir`, `patients`…) the first that matches answers, as in Starlette's own router.

    A path whose first segment is a parameter is a TypeError: it would belong to every segment.
    """

    def __init__(self, routes: Iterable[Route | Mount]) -> None:
        self.routes = list(routes)
        self._by_segment: dict[str, list[Route | Mount]] = {}
        for route in self.routes:
            segment = _first(route.path)
            if "{" in segment:
                raise TypeError(f"{route.path} begins with a parameter")
            self._by_segment.setdefault(segment, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        best: tuple[Match, Scope] = (Match.NONE, {})
        for route in self._by_segment.get(_first(scope["path"]), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, {**found, "route": route}
            if match is Match.PARTIAL and best[0] is Match.NONE:
                best = match, {**found, "route": route}
        return best

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)


def _first(path: str) -> str:
    return path[1:].partition("/")[0]
