"""What is kept from legal representatives: a stay with all that belongs to it, whenever that is written, until the person lifts it."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.errors import Forbidden, MaillageError
from maillage.services.coordination import pages as coordination_pages
from maillage.services.documents.rules import visibility
from maillage.services.portal import pages
from maillage.services.rights import jobs
from maillage.services.rights.events import SecretLifted
from maillage.services.rights.public import mark_secret, say_secret, who_looked
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, patient, professional, sees

CHILD, GP = patient("child"), professional("gp", Role.GP)
MIDWIFE = replace(professional("midwife", Role.PROFESSIONAL), profession="50")
PARENT = Actor(
    id="parent", kind=ActorKind.CARER, name="Parent", roles=frozenset({Role.CARER, Role.REPRESENTATIVE}), reference="RelatedPerson/parent"
)  # fmt: skip
SUBJECT = {"subject": {"reference": "Patient/child"}}
STAY = {"encounter": {"reference": "Encounter/visit"}}
OF_THE_STAY = {"visit", "finding", "report", "notice", "later"}


def a_finding(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}, **SUBJECT, **more}


@pytest.fixture
async def born(access: Access) -> Access:
    """A girl of sixteen, her mother, a midwife; a visit with a finding, a report and a notice that tells of it; a finding that is no secret."""
    report = {
        "resourceType": "DocumentReference", "id": "report", "status": "current", "description": "Compte rendu", "date": "2026-11-22T10:00:00Z",
        "context": {"encounter": [{"reference": "Encounter/visit"}]}, "content": [{"attachment": {"url": "urn:x"}}], **SUBJECT,
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "child", "birthDate": "2010-03-01"},
            {"resourceType": "RelatedPerson", "id": "parent", "patient": {"reference": "Patient/child"}, **sees("representative")},
            care_team("child", "Practitioner/midwife", "Practitioner/gp"),
            {"resourceType": "Encounter", "id": "visit", "status": "finished", "class": {"code": "AMB"}, "period": {"start": "2026-11-22"}, **SUBJECT},
            a_finding("finding", **STAY),
            a_finding("other"),
            report,
            {"resourceType": "Communication", "id": "notice", "status": "completed", "payload": [{"contentReference": {"reference": "DocumentReference/report"}}], **SUBJECT},
        )  # fmt: skip
    return access


async def seen(access: Access, who: Actor) -> set[str]:
    found = set()
    async with access.act(who, read_only=True) as ctx:
        for kind in ("Encounter", "Observation", "DocumentReference", "Communication"):
            found |= {one["id"] for one in await ctx.records.find(kind, {"patient": "child", "_count": "50"})}
    return found


async def write_later(access: Access) -> None:
    async with access.act(MIDWIFE) as ctx:
        await ctx.records.write(a_finding("later", **STAY))


async def test_a_stay_is_secret_with_all_that_belongs_to_it_until_it_is_lifted(born: Access) -> None:
    assert await seen(born, PARENT) == {"other", *OF_THE_STAY} - {"later"}
    async with born.act(MIDWIFE) as ctx:
        await mark_secret(ctx, "child", "Encounter/visit")
    await write_later(born)
    assert await seen(born, PARENT) == {"other"}
    for who in (CHILD, MIDWIFE, GP):
        assert await seen(born, who) == {"other", *OF_THE_STAY}
    async with born.act(GP) as ctx:  # written again, it stays below the stay
        await ctx.records.write(a_finding("finding", note=[{"text": "again"}], **STAY))
    assert await seen(born, PARENT) == {"other"}
    async with born.act(CHILD) as ctx:
        await say_secret(ctx, "child", "Encounter/visit", secret=False)
        assert SecretLifted(record="Encounter/visit", patient="child") in ctx.announced
    async with born.act(SEED) as ctx:
        await jobs.open_what_was_secret.handler(ctx, SecretLifted(record="Encounter/visit", patient="child"))
    assert await seen(born, PARENT) == {"other", *OF_THE_STAY}


async def test_the_person_keeps_it_at_once_and_lifts_it_at_once(born: Access) -> None:
    async with born.act(CHILD) as ctx:
        await say_secret(ctx, "child", "Encounter/visit", secret=True)
    await write_later(born)
    assert await seen(born, PARENT) == {"other"}
    async with born.act(PARENT, read_only=True) as ctx:
        assert not await ctx.records.find("Consent", {"patient": "child"}), "that something is kept is not told"
    async with born.act(CHILD) as ctx:
        await say_secret(ctx, "child", "Encounter/visit", secret=False)
    assert await seen(born, PARENT) == {"other", *OF_THE_STAY}


async def test_who_cares_in_secret_is_not_told_to_the_representatives(born: Access) -> None:
    async with born.act(MIDWIFE) as ctx:
        await mark_secret(ctx, "child", "Encounter/visit")
    for who, id in ((MIDWIFE, "other"), (GP, "other")):
        async with born.act(who, read_only=True) as ctx:
            await ctx.records.read("Observation", id)
    for who, told in ((PARENT, {"Dr gp"}), (CHILD, {"Dr gp", "Dr midwife"})):
        async with born.act(who, read_only=True) as ctx:
            page = await who_looked(ctx, "child")
            lines = await ctx.records.find("AuditEvent", {"patient": "Patient/child", "_count": "200"})
        assert {visit.name for visit in page.visits if visit.kind == "professional"} == told
        assert {name for name in ("Dr gp", "Dr midwife") if f"Practitioner/{name[3:]}" in str(lines)} == told


@pytest.mark.parametrize("who", [PARENT, professional("outsider", Role.GP), professional("coordinator", Role.COORDINATOR)])
async def test_nobody_else_says_what_is_secret(born: Access, who: Actor) -> None:
    async with born.act(MIDWIFE) as ctx:
        await mark_secret(ctx, "child", "DocumentReference/report")
    for verb in (
        lambda ctx: mark_secret(ctx, "child", "Encounter/visit"),
        lambda ctx: say_secret(ctx, "child", "DocumentReference/report", secret=False),
    ):
        with pytest.raises(MaillageError):
            async with born.act(who) as ctx:
                await verb(ctx)
    assert await seen(born, PARENT) == {"other", "visit", "finding"}


async def test_a_professional_does_not_lift_what_the_person_keeps(born: Access) -> None:
    async with born.act(CHILD) as ctx:
        await say_secret(ctx, "child", "Encounter/visit", secret=True)
    async with born.act(CHILD, read_only=True) as ctx:
        (consent,) = await ctx.records.find("Consent", {"patient": "child"})
    with pytest.raises(Forbidden):
        async with born.act(GP) as ctx:
            await ctx.records.write(consent | {"status": "inactive"})


def test_a_message_sent_in_secret_is_hidden_from_the_representatives() -> None:
    assert visibility({"CONNEXION_SECRETE": True, "INVISIBLE_REP_LEGAUX": True}) == ("INVISIBLE_REPRESENTANTS_LEGAUX",)
    assert visibility({"CONNEXION_SECRETE": False}) == ()


async def test_the_forms(born: Access, application: Any, signed_in: Any) -> None:
    app = application(pages, coordination_pages)
    for who, address, more in ((MIDWIFE, "/patients/child/secrets", {}), (CHILD, "/mes-secrets", {"reponse": "oui"})):
        headers = [("accept", "text/html"), *await signed_in(who)]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, headers=headers) as client:
            shown = (await client.get(address)).text
            token = re.findall(r'name="csrf" value="(\w+)"', shown)[-1]
            quoi = "Encounter/visit" if who is MIDWIFE else "DocumentReference/report"
            assert (await client.post(address, data={"csrf": token, "quoi": quoi, **more})).status_code == 303
            for wrong, status in (("Patient/child", 400), ("Encounter/none", 404)):
                refused = await client.post(address, data={"csrf": token, "quoi": wrong, **more})
                assert refused.status_code == status, (who.id, wrong)
    headers = [("accept", "text/html"), *await signed_in(PARENT)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, headers=headers) as client:
        refused = await client.get("/mes-secrets")
        assert refused.status_code == 403
        assert "votre responsable" not in refused.text, "whoever helps somebody has none"
        assert "La personne choisit ce que vous voyez" in refused.text
    assert await seen(born, PARENT) == {"other"}


@pytest.mark.browser
async def test_the_pages_are_accessible(born: Access, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages, coordination_pages), headers=await signed_in(CHILD))
    page = await window.open("/mes-secrets")
    await page.get_by_role("button", name="Garder secret : Consultation").click()
    await expect(page.get_by_role("status")).to_contain_text("C’est noté")
    await window.check("mes-secrets")
    desk = await screen(browser, application(pages, coordination_pages), headers=await signed_in(MIDWIFE))
    page = await desk.open("/patients/child/secrets")
    await desk.check("secrets")
    sure = page.get_by_text("la personne seule le peut").first
    await expect(sure).to_be_hidden()
    await page.locator("summary", has_text="Garder secret").first.click()
    await expect(sure).to_be_visible()
    await desk.check("secrets-confirmer")
    await page.get_by_role("button", name="Garder secret").first.click()
    await expect(page.get_by_role("status")).to_contain_text("C’est noté")
