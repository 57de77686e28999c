"""Whoever tries to get around a control of the door leaves a line in the log that an operator can count; whoever comes in does not."""

import io
import json
from datetime import timedelta
from typing import Any

import httpx
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http.csrf import masked
from maillage.http.fhir import fhir_routes
from maillage.services.accounts import pages as accounts
from tests.support.attacked import actor_of
from tests.support.browser import HERE
from tests.support.people import MACHINE
from tests.support.plugin import ROOT

DESCRIBED = ("form_of_elsewhere", "too_many_requests", "too_large", "token_that_does_not_count", "infected_file")


class Door:
    routes = fhir_routes(max_body=1_000)


def said(lines: io.StringIO) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, lines.getvalue().splitlines()) if one["event"] == "attempt_refused"]


def client_at(app: Starlette, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("192.0.2.7", 1)), base_url=HERE, headers=headers)


async def test_each_attempt_says_which_rule_where_and_from_where_but_not_who(
    application: Any, access: Access, log_lines: io.StringIO
) -> None:
    app = application(accounts, Door, settings={"rate_strangers": 4})
    secret = await access.sign_in(actor_of(Role.GP))
    async with client_at(app, cookie=f"maillage={secret}", accept="text/html") as gp:
        assert (await gp.post("/mes-appareils/fermer-autres", data={"csrf": masked(secret)})).status_code == 303
        assert said(log_lines) == [], "who may is not logged"
        assert (await gp.post("/mes-appareils/fermer-autres", data={"csrf": "00" * 64})).status_code == 403
        assert (await gp.get("/comptes")).status_code == 403
        token = await access.issue_token(MACHINE, lifetime=timedelta(hours=1))
        assert (
            await gp.post("/fhir/Basic", content=b"{" * 2_000, headers={"authorization": f"Bearer {token}"})
        ).status_code == 413
        assert (await gp.get("/fhir/Patient", headers={"authorization": "Bearer guessed"})).status_code == 401
    async with client_at(app) as nobody:
        assert [(await nobody.get("/fhir/metadata")).status_code for _ in range(9)] == [200] * 4 + [429] * 5
    found = said(log_lines)
    assert [(one["rule"], one["route"]) for one in found] == [
        ("form_of_elsewhere", "/mes-appareils/fermer-autres"),
        ("too_large", "/fhir/{kind}"),
        ("token_that_does_not_count", "/fhir/{kind}"),
        ("too_many_requests", "/fhir/metadata"),  # once a minute, however many
    ]
    for one in found:
        assert (one["level"], one["origin"], bool(one["request"])) == ("warning", "192.0.2.7", True)
        assert actor_of(Role.GP).id not in json.dumps(one)


def test_the_events_are_described_where_an_operator_reads() -> None:
    text = (ROOT / "docs" / "howto" / "operate.md").read_text(encoding="utf-8")
    assert [one for one in DESCRIBED if f"`{one}`" not in text] == []
