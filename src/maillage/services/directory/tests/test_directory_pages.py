"""The page « Annuaire »: search in the address, results in a table, open to whoever is signed in."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.platform import Platform
from maillage.http.app import create_app
from maillage.services.directory import pages
from maillage.ui import BUILD, render
from tests.support.browser import screen
from tests.support.people import SEED, officer_of


@pytest.fixture
async def app(platform: Platform, access: Access) -> Any:
    people = [
        resource
        for rank in range(25)
        for resource in (
            {"resourceType": "Practitioner", "id": f"p{rank}", "name": [{"family": f"MARTIN{rank:02d}", "given": ["Ana"]}]},
            {
                "resourceType": "PractitionerRole",
                "id": f"r{rank}",
                "practitioner": {"reference": f"Practitioner/p{rank}"},
                "organization": {"reference": "Organization/o"},
                "code": [{"text": "Médecin généraliste"}],
            },
        )
    ]
    place = {"resourceType": "Organization", "id": "o", "name": "Maison de santé", "address": [{"city": "Reims"}]}
    async with access.act(SEED) as ctx:
        await ctx.records.load([place, *people])
    return create_app(platform, pages.routes, render=render, static=BUILD)


@pytest.fixture
async def token(access: Access) -> str:
    return await access.issue_token(officer_of(Role.ARS), lifetime=timedelta(hours=1))


async def test_nothing_is_listed_before_something_is_asked_and_results_are_paged(app, token):
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://maillage.test", headers=headers) as client:
        assert "MARTIN" not in (await client.get("/annuaire")).text
        assert "Aucun résultat" in (await client.get("/annuaire?q=nobody")).text
        first = (await client.get("/annuaire?q=martin&lieu=reims")).text
        assert first.count("MARTIN") == 20
        following = first.split('<footer><a href="')[1].split('"')[0].replace("&amp;", "&")
        assert (await client.get(following)).text.count("MARTIN") == 5
        assert "Maison de santé" in (await client.get("/annuaire?q=maison&quoi=structures")).text


@pytest.mark.browser
async def test_the_directory_is_accessible(browser, app, token):
    shown = await screen(browser, app, headers=[("Authorization", f"Bearer {token}")])
    await shown.open("/annuaire?q=martin&lieu=reims")
    await shown.check("annuaire")
