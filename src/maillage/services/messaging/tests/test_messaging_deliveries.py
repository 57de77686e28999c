"""Who was put a document before: the page of the document says it by name."""

from datetime import UTC, datetime

import pytest

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.services.documents.events import DocumentReceived
from maillage.services.documents.public import Delivery
from maillage.services.messaging import jobs as messaging
from maillage.services.messaging.resources import notice as resources
from maillage.services.messaging.service import notices as service
from maillage.services.pathways import jobs as pathways
from tests.support.people import SEED, care_team, professional

NOW = datetime(2026, 11, 23, tzinfo=UTC)
GP = professional("gp", Role.GP)
DOCTOR = {
    "coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante", "code": "10"}]
}


async def test_each_recipient_is_named_with_what_they_did(access: Access) -> None:
    def notice(recipient: str, status: str) -> dict[str, object]:
        posted = resources.notice_for(document="d1", patient="zoe", recipient=recipient, sender=None, at=NOW)
        return resources.with_status(posted, status)

    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN"}]},
            care_team("zoe", "Practitioner/gp"),
            {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "EXEMPLE", "given": ["Camille"], "prefix": ["Dr"]}]},
            {"resourceType": "Practitioner", "id": "nurse", "name": [{"family": "FICTIVE", "given": ["Nora"]}]},
            {"resourceType": "Organization", "id": "dac", "name": "DAC des Essais"},
            notice("Practitioner/gp", resources.TREATED),
            notice("Practitioner/nurse", resources.TO_TREAT),
            notice("Organization/dac", resources.WITHDRAWN),
        )
    async with access.act(GP) as ctx:
        told = await service.deliveries(ctx, "d1")
    assert sorted(told, key=lambda one: one.name) == [Delivery("Dr EXEMPLE Camille", True), Delivery("FICTIVE Nora", False)]


@pytest.mark.parametrize(("hidden", "told"), [((), 1), (("INVISIBLE_PATIENT",), 1), (("MASQUE_PS",), 0)])
async def test_nobody_is_told_of_a_document_that_is_hidden_from_those_who_care(
    access: Access, hidden: tuple[str, ...], told: int
) -> None:
    received = DocumentReceived(document="d", patient="zoe", certain=True, type="11490-0", door="mllp", hidden=hidden)
    letter = {
        "resourceType": "DocumentReference", "id": "d", "status": "current", "subject": {"reference": "Patient/zoe"},
        "securityLabel": [{"coding": [{"system": "urn:oid:1.2.250.1.213.1.1.4.13", "code": code}]} for code in ("N", *hidden)],
        "content": [{"attachment": {"contentType": "text/plain"}}],
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN"}]},
            {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "EXEMPLE"}], "qualification": [{"code": DOCTOR}]},
            care_team("zoe", "Practitioner/gp"),
            letter,
        )
    async with access.act(SEED) as ctx:
        await messaging.tell_the_circle(ctx, received)
        await pathways.follow_a_document(ctx, received)
        assert [type(event).__name__ for event in ctx.announced] == ["NoticePosted", "ActionDue"][: 2 * told]
        assert len(await ctx.records.find("Communication", {"recipient": "Practitioner/gp"})) == told
