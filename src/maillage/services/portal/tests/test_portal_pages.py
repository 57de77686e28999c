"""The person's own pages: theirs alone, in plain words, marked as read by themselves, accessible, without JavaScript."""

import re
import zipfile
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.db import count_statements
from maillage.services.documents import public as documents
from maillage.services.documents.public import Origin
from maillage.services.portal import pages
from maillage.services.portal.service import spaces
from maillage.services.portal.service.copying import write_copy
from maillage.services.rights import pages as rights_pages
from maillage.services.rights.public import Reason, open_in_emergency
from maillage.ui import pages as own_pages
from tests.support.browser import HERE, screen
from tests.support.people import NOON, SEED, care_team, carer, patient, professional, sees

STATEMENTS = 20  # of a page, session and audit included
ZOE, NOT_ZOE = patient("zoe"), patient("other")
HELPER = Actor(
    id="carer", kind=ActorKind.CARER, name="Claude MARTIN", roles=frozenset({Role.CARER}), reference="RelatedPerson/claude"
)


def letter(number: int, title: str = "Lettre de sortie") -> bytes:
    """A level 3 letter about the person `zoe`."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="{number}"/>
<code code="11490-0" codeSystem="2.16.840.1.113883.6.1" displayName="Lettre de liaison à la sortie"/><title>{title}</title>
<effectiveTime value="20261120101500+0100"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<recordTarget><patientRole><id root="1.9.9" extension="IPP-7"/><patient><name><family qualifier="BR">MARTIN</family>
<given qualifier="BR">ZOE</given></name><administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
<birthTime value="19500601"/></patient></patientRole></recordTarget><author><time value="20261120101500+0100"/><assignedAuthor>
<id root="1.2.250.1.71.4.2.1" extension="810100000001"/><assignedPerson><name><prefix>Dr</prefix><family>SPÉCIMEN</family><given>Élie</given>
</name></assignedPerson></assignedAuthor></author><custodian><assignedCustodian><representedCustodianOrganization>
<id root="1.2.250.1.71.4.2.2" extension="1330000001"/><name>CH de Démoville</name></representedCustodianOrganization></assignedCustodian>
</custodian><component><structuredBody><component><section><title>Pourquoi vous étiez là</title><text><paragraph>Infection du pied droit.
</paragraph></text></section></component></structuredBody></component></ClinicalDocument>""".encode()


def person(id: str, given: str, family: str) -> dict[str, object]:
    name = {"use": "official", "family": family, "given": [given]}
    return {"resourceType": "Patient", "id": id, "name": [name], "gender": "female", "birthDate": "1950-06-01"}


@pytest.fixture
async def letters(access: Access) -> list[str]:
    """Two letters about Zoé, who is helped by Claude and followed by a GP; their ids, the first received first."""
    gp = {"resourceType": "Practitioner", "id": "gp", "name": [{"text": "Dr Camille EXEMPLE"}]}
    claude = {
        "resourceType": "RelatedPerson",
        "id": "claude",
        "active": True,
        "patient": {"reference": "Patient/zoe"},
        **sees("whole"),
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(person("zoe", "ZOE", "MARTIN"), person("other", "LOU", "PETIT"), gp, claude)
        await ctx.records.write(care_team("zoe", "Practitioner/gp", "RelatedPerson/claude"))
    received = []
    for number in (1, 2):
        async with access.act(SEED) as ctx:
            origin = Origin(door="mllp", source="CH", subject="Patient/zoe")
            received.append((await documents.receive(ctx, letter(number, f"Lettre de sortie {number}"), origin=origin)).document)
    return received


@pytest.fixture
def visit(application, signed_in):
    """A client for one person."""

    async def client(actor: Actor) -> AsyncClient:
        app = application(pages, rights_pages, own_pages)
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        return AsyncClient(transport=ASGITransport(app=app), base_url=HERE, headers={"accept": "text/html"}, cookies=cookies)

    return client


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_a_patient_arrives_at_what_there_is_to_read(visit, letters) -> None:
    zoe = await visit(ZOE)
    home = await zoe.get("/", follow_redirects=True)
    assert home.url.path == "/accueil"
    assert "Bonjour Zoe" in home.text
    assert "Lire la lettre de votre hospitalisation" in words(home.text)
    assert "Dr Camille EXEMPLE" in words(home.text)


async def test_a_document_is_explained_then_shown_as_its_author_wrote_it(visit, letters) -> None:
    page = words((await (await visit(ZOE)).get(f"/mes-documents/{letters[0]}")).text)
    assert page.index("C’est la lettre de votre hospitalisation.") < page.index("Infection du pied droit.")


async def test_opening_is_not_reading_and_reading_can_be_taken_back(visit, letters) -> None:
    zoe = await visit(ZOE)
    opened = (await zoe.get(f"/mes-documents/{letters[0]}")).text
    assert "2 à traiter" in words((await zoe.get("/accueil")).text)
    token = re.search(r'name="csrf" value="(\w+)"', opened)
    assert token
    await zoe.post(f"/mes-documents/{letters[0]}/lu", data={"csrf": token[1]})
    assert "1 à traiter" in words((await zoe.get("/accueil")).text)
    await zoe.post(f"/mes-documents/{letters[0]}/a-lire", data={"csrf": token[1]})
    assert "2 à traiter" in words((await zoe.get("/accueil")).text)


async def test_who_looked_is_on_the_first_page(visit, letters, access) -> None:
    async with access.act(professional("gp", Role.GP, name="Dr Camille EXEMPLE"), read_only=True) as ctx:
        await documents.document(ctx, letters[0])
    page = words((await (await visit(ZOE)).get("/accueil")).text)
    assert "Dr Camille EXEMPLE , médecin généraliste A consulté « Lettre de sortie 1 »." in page.replace("\u202f", " ")


async def test_a_document_says_who_opened_it(visit, letters, access) -> None:
    zoe = await visit(ZOE)
    assert "Aucun professionnel ne l’a encore ouvert." in words((await zoe.get(f"/mes-documents/{letters[0]}")).text)
    async with access.act(professional("gp", Role.GP, name="Dr Camille EXEMPLE"), read_only=True) as ctx:
        await documents.document(ctx, letters[0])
    assert "Dr Camille EXEMPLE, médecin généraliste" in words((await zoe.get(f"/mes-documents/{letters[0]}")).text)
    assert "Dr Camille EXEMPLE, médecin généraliste" not in words((await zoe.get(f"/mes-documents/{letters[1]}")).text)


async def test_a_mark_without_the_forms_token_is_refused(visit, letters) -> None:
    zoe = await visit(ZOE)
    assert (await zoe.post(f"/mes-documents/{letters[0]}/lu")).status_code == 403


async def test_nobody_else_can_open_it(visit, letters) -> None:
    other = await visit(NOT_ZOE)
    assert (await other.get(f"/mes-documents/{letters[0]}")).status_code == 404
    assert "Lettre" not in words((await other.get("/mes-documents")).text)
    professional_client = await visit(professional("gp", Role.GP))
    assert (await professional_client.get("/mes-documents")).status_code == 403


@pytest.mark.parametrize("path", ["/accueil", "/mes-documents", "/mes-documents/{letter}"])
@pytest.mark.parametrize("many", [0, 1_200])
async def test_a_page_takes_few_statements_whatever_the_number_of_documents(visit, letters, access, path: str, many: int) -> None:
    old = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/zoe"},
           "content": [{"attachment": {"contentType": "application/pdf", "url": "https://elsewhere.example/1"}}]}  # fmt: skip
    async with access.act(SEED) as ctx:
        came = ((n, NOON - timedelta(hours=n + 1)) for n in range(many))
        await ctx.records.load([{**old, "id": f"old-{n}", "date": at.isoformat()} for n, at in came])
    zoe = await visit(ZOE)
    with count_statements() as counted:
        page = await zoe.get(path.format(letter=letters[0]))
    assert page.status_code == 200
    assert page.text.count('href="/mes-documents/old-') <= 50
    assert counted.statements <= STATEMENTS


async def test_all_documents_are_on_pages_of_fifty(visit, letters, access) -> None:
    old = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/zoe"},
           "content": [{"attachment": {"contentType": "application/pdf", "url": "https://elsewhere.example/1"}}]}  # fmt: skip
    async with access.act(SEED) as ctx:
        came = ((n, NOON - timedelta(days=n + 1)) for n in range(60))
        await ctx.records.load([{**old, "id": f"old-{n}", "date": at.isoformat()} for n, at in came])
    zoe = await visit(ZOE)
    first = (await zoe.get("/mes-documents")).text
    following = re.search(r'href="(/mes-documents\?avant=[^"]+)"', first)
    assert following
    second = (await zoe.get(following[1])).text
    found = re.findall(r'href="/mes-documents/(old-\d+)"', first + second)
    assert found == [f"old-{n}" for n in range(60)]


async def test_what_there_is_to_read_is_found_below_what_was_read(visit, letters, access) -> None:
    new = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/zoe"},
           "content": [{"attachment": {"contentType": "application/pdf", "url": "https://elsewhere.example/1", "title": "Ancien"}}]}  # fmt: skip
    async with access.act(SEED) as ctx:
        came = ((n, NOON - timedelta(hours=n + 1)) for n in range(31))
        await ctx.records.load([{**new, "id": f"new-{n}", "date": at.isoformat()} for n, at in came])
    async with access.act(ZOE) as ctx:
        for id in (*letters, *(f"new-{n}" for n in range(30))):
            await spaces.mark_read(ctx, id)
    home = (await (await visit(ZOE)).get("/accueil")).text
    assert "1 à traiter" in words(home)
    assert 'href="/mes-documents/new-30"' in home


async def test_a_carer_sees_the_person_they_help_with_the_banner(visit, letters) -> None:
    claude = await visit(HELPER)
    home = (await claude.get("/accueil")).text
    assert 'aria-label="Identité de la patiente"' in home
    assert "vous aidez Zoe" in words(home)
    assert (await claude.get(f"/mes-documents/{letters[0]}")).status_code == 200


async def test_a_carer_of_nobody_known_is_refused(visit, letters) -> None:
    assert (await (await visit(carer("stranger"))).get("/accueil")).status_code == 404


@pytest.mark.browser
async def test_the_pages_are_accessible(browser: Browser, application, signed_in, letters) -> None:
    app = application(pages, rights_pages, own_pages)
    window = await screen(browser, app, headers=await signed_in(ZOE))
    for path, name in (
        ("/accueil", "accueil"),
        ("/mes-documents", "mes-documents"),
        (f"/mes-documents/{letters[0]}", "mon-document"),
    ):
        await window.open(path)
        await window.check(name)
    helped = await screen(browser, app, headers=await signed_in(HELPER))
    await helped.open("/accueil")
    await helped.check("accueil-aidant")


@pytest.mark.browser
async def test_a_letter_is_read_and_marked_without_javascript(browser: Browser, application, signed_in, letters) -> None:
    app = application(pages, rights_pages, own_pages)
    window = await screen(browser, app, headers=await signed_in(ZOE), scripts=False, width=390)
    page = await window.open("/accueil")
    await page.get_by_role("link", name=re.compile("Lire")).first.click()
    await page.get_by_role("button", name="J’ai lu ce document").click()
    await expect(page.get_by_role("status")).to_have_text("C’est noté\u00a0: vous l’avez lu.")
    await expect(page.get_by_role("button", name="Remettre à lire")).to_be_visible()


async def test_the_person_is_told_of_an_opening_in_an_emergency_for_a_month(letters, access: Access, visit, clock) -> None:
    doctor = replace(professional("alix", Role.HOSPITAL, name="Dr Alix URGENCE"), organizations=("Organization/samu",))
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Organization", "id": "samu", "name": "SAMU des Essais"})
    async with access.act(doctor) as ctx:
        await open_in_emergency(ctx, "zoe", reason=Reason.LIFE, words="Malaise sur la voie publique")
    for reader in (ZOE, HELPER):
        page = words((await (await visit(reader)).get("/accueil")).text)
        assert "Dossier ouvert en urgence par Dr Alix URGENCE" in page
        assert "SAMU des Essais" in page
        assert "Malaise sur la voie publique" in page
    clock.advance(timedelta(days=31))
    assert "ouvert en urgence" not in words((await (await visit(ZOE)).get("/accueil")).text)


async def test_a_copy_holds_the_documents_as_received(access: Access, letters: list[str]) -> None:
    kept = BytesIO()
    async with access.act(ZOE) as ctx:
        await write_copy(ctx, "zoe", kept)
    with zipfile.ZipFile(kept) as archive:
        found = {name for name in archive.namelist() if name.startswith("documents/")}
        assert found == {f"documents/{id}.xml" for id in letters}
        assert archive.read(f"documents/{letters[0]}.xml") == letter(1, "Lettre de sortie 1")
