"""Pages from templates: `render` gives every template who looks, where they may go, what time it is, and the token of their forms."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from maillage.access.actors import Actor
from maillage.access.permissions import Permission, permits
from maillage.access.sessions import chosen
from maillage.clock import SystemClock
from maillage.http import once
from maillage.http.csrf import FIELD, csrf_token
from maillage.http.request import Request
from maillage.ui.compression import compressed
from maillage.ui.environment import environment
from maillage.ui.people import avatar_shape, role_words
from maillage.ui.places import is_public, menu_of, places_of, served_paths


class Looking(Protocol):
    """What a page needs of the context: who looks, and when."""

    @property
    def actor(self) -> Actor: ...

    @property
    def now(self) -> datetime: ...


def render(request: Request, ctx: Looking | None, template: str, *, status: int = 200, **values: Any) -> Response:
    """The page as an HTML response.

    `ctx` is None on public pages and error pages. `values` may hold `counts`, things to do by path of a place ({"/nouveautes": 7}).
    Raises jinja2.UndefinedError when the template names a value that was not given.
    """
    return compressed(request, HTMLResponse(page_text(request, ctx, template, **values), status))


def page_text(request: Request, ctx: Looking | None, template: str, **values: Any) -> str:
    """The page as text."""
    actor = _actor(request, ctx)
    roles = frozenset(actor.roles) if actor else frozenset()
    situations = request.visitor.known.situations if request.visitor and request.visitor.known else ()
    here = chosen(situations, actor.situation or actor.reference or "") if actor else None
    common: dict[str, Any] = {
        "actor": actor,
        "actor_words": role_words(roles),
        "actor_place": here.name if here else "",
        "actor_shape": avatar_shape(roles),
        "public": is_public(roles),
        "now": ctx.now if ctx else SystemClock().now(),
        "path": request.url.path,
        "query": request.query_params,
        "csrf": _csrf_field(request),
        "counts": {},
    }
    if actor:
        paths = served(request)
        searches = "/patients" in paths and permits(actor, Permission.PATIENT_SEARCH)
        places = places_of(roles, paths)
        common |= {"places": places, "menu": menu_of(roles, paths, places, several=len(situations) > 1), "searches": searches}
    else:
        common |= {"places": (), "menu": (), "searches": False}
    return environment().get_template(template).render(common | values)


def _actor(request: Request, ctx: Looking | None) -> Actor | None:
    if ctx:
        return ctx.actor
    return request.visitor.actor if request.visitor else None


def served(request: Request) -> frozenset[str]:
    """The paths of the running application, reckoned once and kept on it."""
    state = request.app.state
    if not hasattr(state, "served_paths"):
        state.served_paths = served_paths(request.app.routes)
    paths: frozenset[str] = state.served_paths
    return paths


def _csrf_field(request: Request) -> Callable[[], Markup]:
    """The hidden fields of a form, as a function for templates: its token, and the key by which it is carried out once."""

    def field() -> Markup:
        hidden = Markup('<input type="hidden" name="{}" value="{}">')
        return hidden.format(FIELD, csrf_token(request)) + hidden.format(once.FIELD, once.fresh_key())

    return field
