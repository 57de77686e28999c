"""The inbox through its page: read and treated on a phone; what others put before the same person does not break it."""

from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.errors import Forbidden
from maillage.services.messaging import pages
from maillage.services.messaging.resources import notice as resources
from maillage.services.messaging.service import notices as service
from tests.support.browser import HERE, PHONE, screen
from tests.support.people import NOON, SEED, care_team, patient, professional

GP = professional("gp", Role.GP)


async def test_what_a_patient_writes_to_their_gp_is_no_notice_and_breaks_no_page(
    access: Access, application: Any, signed_in: Any
) -> None:
    written: dict[str, Any] = {
        "resourceType": "Communication", "status": "in-progress", "subject": {"reference": "Patient/zoe"},
        "recipient": [{"reference": "Practitioner/gp"}], "sender": {"reference": "Patient/zoe"},
        "category": [{"coding": [resources.CATEGORY]}],
    }  # fmt: skip
    about = {"identifier": [{"system": resources.DOCUMENT_SYSTEM, "value": "d1"}], "sent": NOON.isoformat()}
    nobody = {name: value for name, value in (written | about).items() if name != "recipient"}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN"}]}, care_team("zoe", "Practitioner/gp")
        )
    async with access.act(patient("zoe"), door="fhir") as ctx:
        await ctx.records.write(written, written | {"sent": "2026"})
        with pytest.raises(Forbidden):  # what looks like a notice is the platform's to write
            await ctx.records.write(nobody)
    async with access.act(SEED) as ctx:
        await ctx.records.write(written | about | {"sent": "2026"}, nobody)
    transport = ASGITransport(app=application(pages))
    async with AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(GP)]) as gp:
        assert (await gp.get("/nouveautes")).status_code == 200
    async with access.act(GP) as ctx:
        assert await service.deliveries(ctx, "d1") == []


@pytest.mark.browser
async def test_a_letter_is_read_and_treated_on_a_phone_in_two_taps(
    browser: Browser, access: Access, application: Any, signed_in: Any
) -> None:
    letter = {
        "resourceType": "DocumentReference", "id": "d1", "status": "current", "subject": {"reference": "Patient/zoe"},
        "date": NOON.isoformat(), "content": [{"attachment": {"title": "Lettre de sortie", "contentType": "text/plain", "data": "Qm9uam91cg=="}}],
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN"}]},
            care_team("zoe", "Practitioner/gp"),
            letter,
            resources.notice_for(document="d1", patient="zoe", recipient="Practitioner/gp", sender=None, at=NOON),
        )
    window = await screen(browser, application(pages), headers=await signed_in(GP), scripts=False, width=PHONE)
    page = await window.open("/nouveautes")
    await page.get_by_role("link", name="Lettre de sortie").click()
    await expect(page.get_by_role("article", name="Aperçu du document")).to_be_visible()
    await expect(page.get_by_role("button", name="Traité : Lettre de sortie")).to_be_hidden()
    await page.get_by_role("button", name="Marquer comme traité").click()
    await page.get_by_text("Vous avez tout traité.").wait_for()
