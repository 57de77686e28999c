"""The pages of the matrix: read by whoever signed in, changed by the officer, in force at once, kept in the trail."""

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access import matrix
from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.rights import pages
from tests.support.browser import HERE, screen
from tests.support.people import NOON, SEED, care_team, professional

OFFICER = Actor(id="officer", kind=ActorKind.PROFESSIONAL, name="Zoé CALIBRE", roles=frozenset({Role.OFFICER}))
SOCIAL = professional("social", Role.SOCIAL_WORKER)
CONDITION = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}


@pytest.fixture
async def followed(access: Access) -> Access:
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([{"resourceType": "Patient", "id": "p"}, care_team("p", "Practitioner/social"), CONDITION])
    return access


async def conditions(access: Access) -> int:
    async with access.act(SOCIAL, read_only=True) as ctx:
        return len(await ctx.records.find("Condition", {"patient": "Patient/p"}))


async def test_the_officer_changes_a_class_for_everybody(followed: Access) -> None:
    assert await conditions(followed) == 0
    async with followed.act(OFFICER) as ctx:
        before = (await matrix.in_force(ctx))["clinical"]
        await matrix.change(ctx, "clinical", before.readers | {"social"})
    assert await conditions(followed) == 1
    async with followed.act(OFFICER) as ctx:
        row = (await matrix.in_force(ctx))["clinical"]
        assert (row.changed, row.changed_by, row.readers - before.readers) == (NOON, "Zoé CALIBRE", {"social"})
        await matrix.change(ctx, "clinical", before.readers)
    assert await conditions(followed) == 0


async def test_nobody_else_does(followed: Access) -> None:
    for actor in (SOCIAL, professional("gp", Role.GP), SEED):
        with pytest.raises(Forbidden):
            async with followed.act(actor) as ctx:
                await matrix.change(ctx, "clinical", ["social"])


@pytest.mark.parametrize(
    ("one", "readers", "fault"),
    [("clinical", ["wizard"], Invalid), ("unknown", ["doctor"], NotFound), ("identity", ["doctor"], Invalid)],
)
async def test_what_is_no_rule_is_refused(access: Access, one: str, readers: list[str], fault: type[Exception]) -> None:
    with pytest.raises(fault):
        async with access.act(OFFICER) as ctx:
            await matrix.change(ctx, one, readers)


async def test_the_page_of_a_class_that_everybody_reads_is_not_there(application, signed_in, access: Access) -> None:
    cookies = dict([dict(await signed_in(OFFICER))["cookie"].split("=", 1)])
    transport = ASGITransport(app=application(pages))
    async with AsyncClient(transport=transport, base_url=HERE, headers={"accept": "text/html"}, cookies=cookies) as client:
        assert [(await client.get(f"/habilitations/{one}")).status_code for one in ("clinical", "identity", "x")] == [
            200,
            404,
            404,
        ]


@pytest.mark.browser
async def test_the_pages_are_accessible(browser: Browser, application, signed_in, followed: Access) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    await window.open("/habilitations")
    await window.check("habilitations")
    await window.page.get_by_role("link", name="Génétique").click()
    await window.check("habilitation")
    await window.page.get_by_label("Infirmier", exact=True).check()
    await window.page.get_by_role("button", name="Enregistrer").click()
    await expect(window.page.get_by_role("status")).to_contain_text("s’applique dès maintenant")
    await expect(window.page.get_by_text("par Zoé CALIBRE")).to_be_visible()
    reader = await screen(browser, application(pages), headers=await signed_in(SOCIAL))
    await reader.open("/habilitations")
    await expect(reader.page.get_by_role("link", name="Génétique")).to_have_count(0)
