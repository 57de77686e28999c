"""One HTTP request as endpoints see it: Starlette's, with the visitor who sends it."""

from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.requests import Request as StarletteRequest

from maillage.access.actors import Actor
from maillage.access.sessions import Session
from maillage.errors import Unauthenticated

if TYPE_CHECKING:
    from starlette._utils import AwaitableOrContextManager
    from starlette.datastructures import FormData

MOST_FIELDS = 300
MOST_FILES = 20
MOST_PART = 1024 * 1024


class Visitor(Struct, frozen=True, kw_only=True):
    """Who sends a request, and by which proof. `session` is the cookie's value and `known` what is kept of it, None for a bearer token (`bearer`: its header)."""

    actor: Actor
    session: str | None
    known: Session | None = None
    bearer: str | None = None


class Request(StarletteRequest):
    """A request whose visitor was established by the wrapper before the endpoint runs."""

    visitor: Visitor | None = None

    @property
    def actor(self) -> Actor:
        """Who acts; raises Unauthenticated on a public route that nobody signed in to."""
        if self.visitor is None:
            raise Unauthenticated("Sign in first.")
        return self.visitor.actor

    def form(
        self, *, max_files: float = MOST_FILES, max_fields: float = MOST_FIELDS, max_part_size: int = MOST_PART
    ) -> "AwaitableOrContextManager[FormData]":
        """What a form sent, of so many files and fields at most (`max_part_size`: bytes of one field); more is a 400."""
        return super().form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)

    @property
    def id(self) -> str:
        """The request's id, also in its `X-Request-Id` answer header and its log lines."""
        return str(self.scope.get("maillage.request_id", ""))

    @property
    def wants_html(self) -> bool:
        """Whether a person is looking: a browser names text/html, a program seldom does."""
        return "text/html" in self.headers.get("accept", "")

    @property
    def is_htmx(self) -> bool:
        """Whether htmx asked for a fragment of the page."""
        return self.headers.get("hx-request") == "true"
