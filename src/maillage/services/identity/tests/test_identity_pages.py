"""The steward's pages: the queue, the comparison in words, a decision, the way back."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.platform import Platform
from maillage.http.app import create_app
from maillage.services.identity import pages
from maillage.services.identity.public import (
    Identifier,
    IdentityClaim,
    Ins,
    Root,
    Traits,
    as_regional,
    identify,
    patient_for,
    record_of,
)
from maillage.ui import BUILD, render
from tests.support.browser import screen
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, officer_of, professional

TRAITS = Traits("PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "DOMINIQUE", "1979-03-28", "female", "51215", phone="0639980001")
INS = Ins("279035121518989", Root.NIR_TEST)
RECORD = IdentityClaim(TRAITS, INS, (), frozenset({"VALI"}))
RECEIVED = IdentityClaim(
    replace(TRAITS, birth_name="PAT TROIS", given_names="DOMINIQUE", birth_date="1997-03-28"),
    None,
    (Identifier("urn:maillage:facility:ch", "883102"),),
    frozenset({"PROV"}),
    origin="CH de Démoville (ADT A28)",
)
STEWARD = officer_of(Role.STEWARD)


@pytest.fixture
def app(platform: Platform) -> Starlette:
    return create_app(platform, pages.routes, render=render, static=BUILD)


@pytest.fixture
async def steward(app: Any, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with await client_of(app, access, STEWARD) as client:
        yield client


@pytest.fixture
async def waiting(access: Access) -> str:
    """A record and an identity that resembles it; answers the waiting Patient."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(as_regional(patient_for(RECORD), "20-4471") | {"id": "record"})
    async with access.act(MACHINE) as ctx:
        return (await identify(ctx, RECEIVED)).patient


async def test_an_empty_queue_says_so(steward):
    assert "Aucune identité n’attend" in (await steward.get("/identites")).text


async def test_the_queue_names_who_waits_why_and_where_from(steward, waiting):
    text = (await steward.get("/identites")).text
    assert "PAT TROIS Dominique" in text
    assert "28/03/1997" in text
    assert "Aucune correspondance exacte" in text
    assert "CH de Démoville (ADT A28)" in text


async def test_the_comparison_says_each_difference_and_its_weight(steward, waiting):
    text = (await steward.get("/identites/1")).text
    assert "Trait d’union ou apostrophe absents" in text
    assert "Chiffres de l’année intervertis" in text
    assert "Autres prénoms absents" in text
    assert "fort, pour" in text
    assert "faible, contre" in text
    assert "2 79 03 51 215 189 89" in text
    assert "IPP 883102" in text
    assert "n° 20-4471" in text


async def test_the_common_case_is_one_key(steward, waiting):
    text = (await steward.get("/identites/1")).text
    assert text.count("autofocus") == 1
    assert 'accesskey="m"' in text


async def test_undo_is_offered_once_there_is_a_decision(steward, waiting):
    assert "Annuler ma dernière décision" not in (await steward.get("/identites")).text
    assert "Annuler ma dernière décision" not in (await steward.get("/identites/1")).text
    await steward.post("/identites/1/creer")
    assert "Annuler ma dernière décision" in (await steward.get("/identites")).text


async def test_same_person_links_and_goes_on(steward, access, waiting):
    answer = await steward.post("/identites/1/rapprocher", data={"dossier": "record"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/identites?fait=lie")
    assert "Identité rapprochée du dossier." in (await steward.get("/identites?fait=lie")).text
    async with access.act(SEED) as ctx:
        assert await record_of(ctx, waiting) == "record"


async def test_two_people_make_a_record_and_undo_takes_it_back(steward, access, waiting):
    assert (await steward.post("/identites/1/creer")).headers["location"] == "/identites?fait=cree"
    async with access.act(SEED) as ctx:
        assert await record_of(ctx, waiting) == waiting
    assert (await steward.post("/identites/annuler")).headers["location"] == "/identites/1?fait=annule"
    async with access.act(SEED) as ctx:
        assert await record_of(ctx, waiting) is None


async def test_a_decision_that_came_too_late_is_explained(steward, waiting):
    await steward.post("/identites/1/creer")
    answer = await steward.post("/identites/1/rapprocher", data={"dossier": "record"})
    assert answer.status_code == 409
    assert "a changé entre-temps" in answer.text


@pytest.mark.parametrize("path", ["/identites/99", "/identites/x"])
async def test_a_case_that_is_not_there_is_not_found(steward, path):
    assert (await steward.get(path)).status_code == 404


async def test_only_a_steward_enters(app, access, waiting):
    async with await client_of(app, access, professional("gp", Role.GP)) as client:
        assert (await client.get("/identites")).status_code == 403
        assert (await client.post("/identites/1/creer")).status_code == 403


@pytest.mark.browser
async def test_the_screens_are_accessible_and_one_key_decides(browser, app, access, waiting):
    token = await access.issue_token(STEWARD, lifetime=timedelta(hours=1))
    headers = [("Authorization", f"Bearer {token}")]
    checked = await screen(browser, app, headers=headers)
    for path, name in (("/identites", "identites-file"), ("/identites/1", "identites")):
        await checked.open(path)
        await checked.check(name)
    plain = await screen(browser, app, headers=headers, scripts=False)
    await plain.open("/identites/1")
    await plain.page.locator("button:focus").wait_for()
    async with plain.page.expect_response("**/identites/1/*") as answered:
        await plain.page.keyboard.press("Enter")
    assert (await answered.value).status == 303
    async with access.act(SEED) as ctx:
        assert await record_of(ctx, waiting) in ("record", waiting)
