"""The person's choices on their own pages: made in a click, obeyed at once, theirs alone."""

import json
import zipfile
from io import BytesIO

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.portal import pages
from maillage.services.portal.service.copying import write_copy
from maillage.services.rights import public as rights
from maillage.ui import pages as own_pages
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, patient, professional, sees

VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
ZOE, GP, NURSE = patient("zoe"), professional("gp", Role.GP), professional("nurse", Role.NURSE)
COORDINATOR = professional("coordinator", Role.COORDINATOR)
HELPER = Actor(
    id="carer", kind=ActorKind.CARER, name="Claude MARTIN", roles=frozenset({Role.CARER}), reference="RelatedPerson/claude"
)


@pytest.fixture
async def followed(access: Access) -> Access:
    """Zoé, followed by three, with one letter by her doctor."""
    letter = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "description": "Lettre de sortie",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
        "subject": {"reference": "Patient/zoe"},
        "author": [{"reference": "Practitioner/gp"}],
        "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:x"}}],
    }
    people = [
        {"resourceType": "Practitioner", "id": id, "name": [{"text": f"{id} EXEMPLE"}]} for id in ("gp", "nurse", "coordinator")
    ]
    zoe = {
        "resourceType": "Patient",
        "id": "zoe",
        "name": [{"family": "MARTIN", "given": ["Zoé"]}],
        "gender": "female",
        "birthDate": "1950-06-01",
    }
    claude = {
        "resourceType": "RelatedPerson",
        "id": "claude",
        "active": True,
        "patient": {"reference": "Patient/zoe"},
        **sees("whole"),
    }
    team = care_team("zoe", "Practitioner/gp", "Practitioner/nurse", "Practitioner/coordinator", "RelatedPerson/claude")
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([zoe, claude, *people, team, letter])
    return access


@pytest.fixture
async def zoe(application, signed_in, followed: Access):
    """Zoé's browser, without JavaScript or a picture: what she posts."""
    cookies = dict([dict(await signed_in(ZOE))["cookie"].split("=", 1)])
    app = application(pages, own_pages)
    async with AsyncClient(
        transport=ASGITransport(app=app), base_url=HERE, headers={"accept": "text/html"}, cookies=cookies
    ) as client:
        yield client


async def post(client: AsyncClient, page: str, address: str, **fields: str) -> int:
    """Posts a form with the token of a page, as a browser would; the status of the answer."""
    text = (await client.get(page)).text
    token = text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    answer = await client.post(address, data={"csrf": token, **fields}, headers={"sec-fetch-site": "same-origin", "origin": HERE})
    return answer.status_code


async def reads(access: Access, actor: Actor) -> bool:
    try:
        async with access.act(actor, read_only=True) as ctx:
            await ctx.records.read("DocumentReference", "letter")
    except NotFound:
        return False
    return True


async def readers(access: Access) -> list[str]:
    return [actor.id.removeprefix("psc:") for actor in (GP, NURSE, COORDINATOR) if await reads(access, actor)]


async def test_a_purpose_is_refused_and_accepted_again(zoe: AsyncClient, followed: Access) -> None:
    assert await readers(followed) == ["gp", "nurse", "coordinator"]
    assert await post(zoe, "/mes-choix", "/mes-choix", choix="coordination", reponse="non") == 303
    assert await readers(followed) == ["gp", "nurse"]
    assert "Seuls ceux qui vous soignent voient votre dossier." in (await zoe.get("/mes-choix")).text
    assert await post(zoe, "/mes-choix", "/mes-choix", choix="coordination", reponse="oui") == 303
    assert await readers(followed) == ["gp", "nurse", "coordinator"]


async def test_a_professional_is_excluded_and_let_in_again(zoe: AsyncClient, followed: Access) -> None:
    address = "/mes-choix/professionnels"
    assert await post(zoe, "/mes-choix", address, qui="Practitioner/nurse", reponse="non") == 303
    assert await readers(followed) == ["gp", "coordinator"]
    assert await post(zoe, "/mes-choix", address, qui="Practitioner/nurse", reponse="oui") == 303
    assert await readers(followed) == ["gp", "nurse", "coordinator"]


async def test_a_document_is_hidden_but_from_its_author(zoe: AsyncClient, followed: Access) -> None:
    assert await post(zoe, "/mes-choix", "/mes-documents/letter/masquer") == 303
    assert await readers(followed) == ["gp"]
    assert "Lettre de sortie" in (await zoe.get("/mes-choix")).text
    async with followed.act(NURSE, read_only=True) as ctx:  # that something is hidden is not told to those from whom it is
        chosen = await rights.choices_of(ctx, "zoe")
    assert not chosen.hidden
    assert await post(zoe, "/mes-choix", "/mes-documents/letter/montrer") == 303
    assert await readers(followed) == ["gp", "nurse", "coordinator"]


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/mes-choix", {"choix": "coordination"}),
        ("/mes-choix", {"choix": "coordination", "reponse": "peut-être"}),
        ("/mes-choix", {"choix": "tout", "reponse": "non"}),
        ("/mes-choix/professionnels", {"qui": "Patient/zoe", "reponse": "non"}),
        ("/mes-choix/professionnels", {"qui": "' or 1=1", "reponse": "non"}),
        ("/mes-documents/unknown/masquer", {}),
    ],
)
async def test_what_is_no_choice_is_refused(zoe: AsyncClient, followed: Access, address: str, fields: dict[str, str]) -> None:
    assert await post(zoe, "/mes-choix", address, **fields) in (400, 404, 422)
    assert await readers(followed) == ["gp", "nurse", "coordinator"]


async def test_nobody_else_chooses_for_the_person(followed: Access) -> None:
    for actor in (GP, HELPER, patient("other")):
        with pytest.raises(Forbidden):
            async with followed.act(actor) as ctx:
                await rights.choose(ctx, "zoe", "sharing", denied=True)


async def test_what_was_collected_from_the_person_says_by_whom(followed: Access) -> None:
    async with followed.act(NURSE) as ctx:
        await rights.choose(ctx, "zoe", "coordination", denied=True, how="spoken")
    assert await readers(followed) == ["gp", "nurse"]
    async with followed.act(ZOE, read_only=True) as ctx:
        choice = (await rights.choices_of(ctx, "zoe")).said["coordination"]
    assert (choice.denied, choice.how, choice.collector) == (True, "spoken", "Practitioner/nurse")
    async with followed.act(GP) as ctx:  # a colleague collects another answer
        await rights.choose(ctx, "zoe", "coordination", denied=False, how="written")
    assert await readers(followed) == ["gp", "nurse", "coordinator"]


async def test_what_the_person_said_themself_only_they_take_back(followed: Access) -> None:
    async with followed.act(ZOE) as ctx:
        await rights.choose(ctx, "zoe", "coordination", denied=True)
    for deed in ("write", "delete"):
        with pytest.raises(Forbidden):
            async with followed.act(GP) as ctx:
                found = (await ctx.records.find("Consent", {"patient": "Patient/zoe"}))[0]
                if deed == "write":
                    await ctx.records.write({**found, "status": "inactive"})
                else:
                    await ctx.records.delete("Consent", found["id"])
    assert await readers(followed) == ["gp", "nurse"]


async def test_a_choice_hides_nothing_of_another_record(followed: Access) -> None:
    async with followed.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "other"}, care_team("other", "Practitioner/nurse"))
        await ctx.records.write({"resourceType": "Condition", "id": "theirs", "subject": {"reference": "Patient/other"}})
    for actor in (ZOE, NURSE):
        with pytest.raises(Invalid, match="not in this record"):
            async with followed.act(actor) as ctx:
                await ctx.records.write({
                    "resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/zoe"},
                    "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"text": "x"}], "policyRule": {"text": "x"},
                    "provision": {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Condition/theirs"}}]},
                })  # fmt: skip


async def test_the_person_takes_a_copy_of_what_is_theirs_and_no_more(zoe: AsyncClient, followed: Access) -> None:
    hidden = {"system": VISIBILITY, "code": "INVISIBLE_PATIENT"}
    async with followed.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "other"},
            {"resourceType": "Condition", "id": "theirs", "subject": {"reference": "Patient/other"}},
            {"resourceType": "Condition", "id": "own", "subject": {"reference": "Patient/zoe"}, "code": {"text": "Asthme <b>"}},
            {
                "resourceType": "Condition",
                "id": "unsaid",
                "subject": {"reference": "Patient/zoe"},
                "meta": {"security": [hidden]},
            },
        )
    token = (await zoe.get("/mes-choix")).text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    answer = await zoe.post("/mes-choix/copie", data={"csrf": token}, headers={"sec-fetch-site": "same-origin", "origin": HERE})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        bundle, page = json.loads(archive.read("dossier.json")), archive.read("dossier.html").decode()
    held = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle["entry"]}
    assert {"Patient/zoe", "Condition/own", "DocumentReference/letter", "RelatedPerson/claude"} <= held
    assert not held & {"Condition/theirs", "Condition/unsaid", "Patient/other"}
    assert "Asthme &lt;b&gt;" in page
    for actor in (HELPER, GP):
        with pytest.raises(Forbidden):
            async with followed.act(actor) as ctx:
                await write_copy(ctx, "zoe", BytesIO())


@pytest.mark.browser
async def test_the_page_is_accessible_and_works_without_javascript(
    browser: Browser, application, signed_in, followed: Access
) -> None:
    app = application(pages, own_pages)
    plain = await screen(browser, app, headers=await signed_in(ZOE), scripts=False)
    await plain.open("/mes-choix")
    row = plain.page.get_by_role("listitem").filter(has_text="coordination et du social")
    await row.get_by_role("button").click()
    await expect(plain.page.get_by_role("status")).to_contain_text("C’est noté")
    await expect(row.get_by_text("Non", exact=True)).to_be_visible()
    window = await screen(browser, app, headers=await signed_in(ZOE))
    await window.open("/mes-choix")
    await window.check("mes-choix")
