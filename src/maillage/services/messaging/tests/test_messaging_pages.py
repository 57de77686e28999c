"""The inbox through its page: what others put before the same person does not break it."""

from typing import Any

from httpx import ASGITransport, AsyncClient

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.services.messaging import pages, resources, service
from tests.support.browser import HERE
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
        await ctx.records.write(written, written | {"sent": "2026"}, written | about | {"sent": "2026"}, nobody)
    transport = ASGITransport(app=application(pages))
    async with AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(GP)]) as gp:
        assert (await gp.get("/nouveautes")).status_code == 200
    async with access.act(GP) as ctx:
        assert await service.deliveries(ctx, "d1") == []
