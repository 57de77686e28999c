"""What a service declares about a route. A route either names its permission or says out loud that it is public."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from maillage.access.permissions import GRAVE, Permission
from maillage.http.request import Request

PAGE_BODY = 1024 * 1024
API_BODY = 32 * 1024 * 1024

# A signed-in endpoint gets a Context; a public one gets the visitor's Context or None, and annotates it so.
Endpoint = Callable[[Request, Any], Awaitable[Response]]


class Kind(StrEnum):
    """How a route is answered: a page reads, an action writes then redirects, a stream lasts, an api is for machines.

    Bare ones look at nobody and open nothing: health, metrics, sign-in.
    """

    PAGE = "page"
    ACTION = "action"
    STREAM = "stream"
    API = "api"
    BARE = "bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One route as its service declares it; `wrapper.Answer` turns it into an ASGI application.

    `permission` is None only when `public`. `fresh` asks of people who signed in a while ago to prove who they are once more. `read_only` routes run in a context that refuses writes.
    `max_body` is in bytes and is refused before the body is held in memory.
    """

    kind: Kind
    path: str
    endpoint: Endpoint
    methods: tuple[str, ...]
    permission: Permission | None
    public: bool
    read_only: bool
    max_body: int
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.public == (self.permission is not None):
            raise TypeError(f"{self.path}: a route names a permission or is public, and never both")


def page(
    path: str, endpoint: Endpoint, *, permission: Permission | None = None, public: bool = False, fresh: bool | None = None
) -> Declared:
    """A GET that shows something and cannot write. `fresh` follows from the permission unless it is said."""
    return Declared(
        kind=Kind.PAGE, path=path, endpoint=endpoint, methods=("GET",), permission=permission, public=public,
        read_only=True, max_body=0, fresh=permission in GRAVE if fresh is None else fresh,
    )  # fmt: skip


def action(
    path: str,
    endpoint: Endpoint,
    *,
    permission: Permission | None = None,
    public: bool = False,
    max_body: int = PAGE_BODY,
    fresh: bool | None = None,
) -> Declared:
    """A form's POST: its CSRF token is checked, it writes through one verb and answers a redirect. `fresh` as of `page`."""
    return Declared(
        kind=Kind.ACTION, path=path, endpoint=endpoint, methods=("POST",), permission=permission, public=public,
        read_only=False, max_body=max_body, fresh=permission in GRAVE if fresh is None else fresh,
    )  # fmt: skip


def stream(path: str, endpoint: Endpoint, *, permission: Permission | None = None, public: bool = False) -> Declared:
    """Server-sent events: the endpoint gets None as context, since no transaction may last as long as a stream."""
    return Declared(
        kind=Kind.STREAM, path=path, endpoint=endpoint, methods=("GET",), permission=permission, public=public,
        read_only=True, max_body=0,
    )  # fmt: skip


def api(
    path: str,
    endpoint: Endpoint,
    *,
    methods: Collection[str] = ("GET",),
    permission: Permission | None = None,
    public: bool = False,
    read_only: bool | None = None,
    max_body: int = API_BODY,
) -> Declared:
    """A door for programs: faults are OperationOutcomes. Read-only unless a method writes; `read_only` says otherwise (a POST _search)."""
    methods = tuple(method.upper() for method in methods)
    reads = all(method in {"GET", "HEAD"} for method in methods) if read_only is None else read_only
    return Declared(
        kind=Kind.API, path=path, endpoint=endpoint, methods=methods, permission=permission, public=public,
        read_only=reads, max_body=max_body,
    )  # fmt: skip


def bare(path: str, endpoint: Endpoint, *, methods: Collection[str] = ("GET",), max_body: int = PAGE_BODY) -> Declared:
    """A public route outside sign-in: nobody is recognised, no context is opened (the endpoint gets None)."""
    return Declared(
        kind=Kind.BARE, path=path, endpoint=endpoint, methods=tuple(methods), permission=None, public=True,
        read_only=True, max_body=max_body,
    )  # fmt: skip
