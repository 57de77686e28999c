"""The page of indicators as the agency sees it: numbers, no small group, no record, accessible."""

import csv
import io
from datetime import date, timedelta

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.db import count_statements
from maillage.services.steering import pages, public
from maillage.services.steering.public import Tally
from tests.support.browser import HERE, screen
from tests.support.people import NOON, SEED, officer_of

ARS = officer_of(Role.ARS)
TODAY = NOON.date()
STATEMENTS = 16  # of the page, signing in, session and audit included


def tallies(count: int, *, type: str = "11490-0", organization: str = "ch", qualified: int = 0, day: date = TODAY) -> list[Tally]:
    """So many documents of one type, establishment and day, the first ones with a qualified INS."""
    return [
        Tally(document=f"{type}-{organization}-{day}-{n}", day=day, type=type, organization=organization, qualified=n < qualified)
        for n in range(count)
    ]


async def counted(access: Access, *groups: list[Tally]) -> None:
    async with access.act(SEED) as ctx:
        hospital = {"resourceType": "Organization", "id": "ch", "name": "CH de Démoville"}
        await ctx.records.write(hospital, {"resourceType": "Organization", "id": "clinique", "name": "Clinique du Modèle"})
        for group in groups:
            await public.count(ctx, group)


async def shown(application, signed_in, path: str = "/indicateurs", actor=ARS):
    headers = dict(await signed_in(actor))
    async with AsyncClient(transport=ASGITransport(app=application(pages)), base_url=HERE, headers=headers) as client:
        return await client.get(path, headers={"accept": "text/html"})


async def test_documents_are_shown_by_type_and_establishment_with_their_share(application, signed_in, access) -> None:
    await counted(access, tallies(40, qualified=30), tallies(20, type="11502-2", organization="clinique", qualified=20))
    text = (await shown(application, signed_in)).text
    assert "CH de Démoville" in text
    assert "Lettre de liaison à la sortie" in text
    assert "83\u202f%" in text  # 50 of 60
    assert "75\u202f%" in text  # 30 of 40


async def test_an_establishment_with_few_documents_is_never_named(application, signed_in, access) -> None:
    await counted(access, tallies(40), tallies(30, organization="autre"), tallies(4, organization="clinique"))
    page = await shown(application, signed_in)
    assert "Clinique du Modèle" not in page.text
    assert "Autres (2 établissements)" in page.text
    alone = await shown(application, signed_in, "/indicateurs?etablissement=clinique")
    assert "Pas assez de documents sur cette période." in alone.text


async def test_the_file_withholds_what_the_page_withholds(application, signed_in, access) -> None:
    await counted(access, tallies(40, qualified=38), tallies(3, organization="clinique"))
    answer = await shown(application, signed_in, "/indicateurs.csv")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert ["établissement", "Autres (2 établissements)", "43", "38"] in rows
    small = await shown(application, signed_in, "/indicateurs.csv?etablissement=clinique")
    assert list(csv.reader(io.StringIO(small.text.removeprefix("\ufeff")), delimiter=";"))[1][2:] == ["", "0"]


@pytest.mark.parametrize("many", [1, 90])
async def test_the_page_takes_few_statements_however_many_days_were_counted(application, signed_in, access, many: int) -> None:
    await counted(access, *(tallies(12, day=TODAY - timedelta(days=n)) for n in range(many)))
    with count_statements() as statements:
        assert (await shown(application, signed_in)).status_code == 200
    assert statements.statements <= STATEMENTS


@pytest.mark.parametrize("role", [Role.GP, Role.PATIENT, Role.STEWARD])
async def test_others_do_not_see_the_indicators(application, signed_in, role) -> None:
    assert (await shown(application, signed_in, actor=officer_of(role))).status_code == 403


async def test_the_operator_sees_them_too(application, signed_in) -> None:
    assert (await shown(application, signed_in, actor=officer_of(Role.OPERATOR))).status_code == 200


@pytest.mark.browser
async def test_the_page_is_accessible_and_its_charts_have_tables(browser: Browser, application, signed_in, access) -> None:
    days = [tallies(20 + n % 7, qualified=18, day=TODAY - timedelta(days=n)) for n in range(30)]
    await counted(access, *days, tallies(60, type="11502-2", organization="clinique", qualified=55), tallies(34, type="57833-6"))
    window = await screen(browser, application(pages), headers=await signed_in(ARS))
    page = await window.open("/indicateurs?periode=30")
    await window.check("indicateurs")
    await page.get_by_text("Lire les valeurs en tableau").first.click()
    await expect(page.get_by_role("rowheader", name="23 nov. 2026")).to_have_count(1)
    await window.check("indicateurs-tableau")
    assert "Afficher" in await window.tab_order()
    await window.open("/indicateurs")
    await window.check("indicateurs-annee")
