"""Security events of the door: attempts to get around a control that leave no line in the trail, as nobody was let near a record.

One line of level warning each, without who: the rule, the route's template, the address it came from (of our own proxies' word) and the
request's id. What right refused to somebody is in the trail instead, with who and about whom.
"""

import structlog

from maillage.errors import AddressTooLong, Forged, Infected, MaillageError, TooLarge, TooMany, Unauthenticated
from maillage.http.origins import origin_of
from maillage.http.request import Request

log = structlog.get_logger(__name__)

RULES: dict[type[MaillageError], str] = {
    Forged: "form_of_elsewhere",
    TooMany: "too_many_requests",
    TooLarge: "too_large",
    AddressTooLong: "too_large",
    Infected: "infected_file",
}


def note_attempt(request: Request, error: MaillageError) -> None:
    """A line for a refusal that tells of an attempt; none for what people do by mistake."""
    rule = _rule_of(request, error)
    if rule is not None:
        route = getattr(request.scope.get("route"), "path", "unknown")
        origin = origin_of(request, request.app.state.proxies)
        log.warning("attempt_refused", rule=rule, route=route, method=request.method, origin=origin, request=request.id)


def _rule_of(request: Request, error: MaillageError) -> str | None:
    if isinstance(error, Unauthenticated):
        return "token_that_does_not_count" if "authorization" in request.headers else None
    if isinstance(error, TooMany) and not error.first:
        return None
    return next((rule for kind, rule in RULES.items() if isinstance(error, kind)), None)
