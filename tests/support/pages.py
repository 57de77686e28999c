"""The web application in a test's own process, on a fresh database: pages as people see them, without a server."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage import ui
from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.access.platform import Platform
from maillage.clock import Clock
from maillage.config import Config
from maillage.db import Database
from maillage.http.app import create_app
from tests.support.browser import HERE

Visit = Callable[[Actor], Awaitable[tuple[tuple[str, str], ...]]]


@pytest.fixture
def platform(database: Database, access: Access, clock: Clock) -> Platform:
    """What a process acts with, on a fresh database."""
    return Platform(Config(base_url=HERE), clock, database, access._files, access)


async def client_of(app: Starlette, access: Access, actor: Actor, *, accept: str = "text/html") -> httpx.AsyncClient:
    """A client of an application in this process, with a bearer token of this actor."""
    token = await access.issue_token(actor, lifetime=timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=headers)


@pytest.fixture
def application(platform: Platform, access: Access) -> Callable[..., Starlette]:
    """Makes the application that serves the routes of these modules, besides the platform's own; `settings` are of `Config`."""

    def make(*modules: Any, settings: Mapping[str, Any] | None = None, **options: Any) -> Starlette:
        config = replace(platform.config, demo=True, **(settings or {}))
        routes = [route for module in modules for route in module.routes]
        return create_app(replace(platform, config=config), routes, render=ui.render, static=ui.BUILD, **options)

    return make


@pytest.fixture
def signed_in(access: Access) -> Visit:
    """Headers that show a person as signed in, by the cookie of a real session."""

    async def sign_in(actor: Actor) -> tuple[tuple[str, str], ...]:
        return (("cookie", f"maillage={await access.sign_in(actor)}"),)

    return sign_in
