"""The pages of a document, as a professional and as the person see them."""

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from maillage.services.documents import operations, pages
from maillage.services.documents import public as documents
from maillage.services.documents.public import Origin
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.build import BUILD
from tests.support.browser import screen
from tests.support.people import MACHINE, SEED, care_team, patient, professional

GP = professional("gp", Role.GP)
OUTSIDER = professional("outsider")
DOMINIQUE = patient("dominique")
LETTER = "cda/selection/LDL-SES_2022.01.xml"
REPORT = "cda/selection/DOC_NON_STRUCTURE_CDA-R2-N1.xml"
LAB = "hl7v2/vague-2/Trans_Doc-CDA-HL7V2/TRANSMISSION_DOCS_CDA_EN_HL7V2_V2.1/ORU"
LAB_OLD = f"{LAB}/Transmission initiale ORU/SEGUR_CR-BIO_2023.01_Electrophorese.xml"
LAB_NEW = f"{LAB}/Remplacement ORU/SEGUR_CR_Bio_CDA_Niv3_v2.xml"

pytestmark = pytest.mark.conformance


@pytest.fixture
async def app(platform: Platform, access: Access) -> Starlette:
    """The official test patient has a regional record; the GP is in her circle."""
    dominique = {
        "resourceType": "Patient",
        "id": "dominique",
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}],
        "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}],
        "gender": "female",
        "birthDate": "1979-03-28",
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(identity.as_regional(dominique, "R-1"), care_team("dominique", "Practitioner/gp"))
    return create_app(platform, pages.routes, render=render, static=BUILD)


async def received(access: Access, path: Path, **more: Any) -> str:
    async with access.act(MACHINE) as ctx:
        answer = await documents.receive(ctx, path.read_bytes(), origin=Origin(door="mllp", **more))
        assert answer.patient == "Patient/dominique"
        return answer.document


async def get(app: Starlette, access: Access, actor: Actor, path: str, *, accept: str = "text/html") -> httpx.Response:
    token = await access.issue_token(actor, lifetime=timedelta(hours=1))
    headers = {"authorization": f"Bearer {token}", "accept": accept}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://maillage.test", headers=headers) as client:
        return await client.get(path)


async def test_a_letter_is_shown_with_whose_it_is_and_what_it_says(app: Starlette, access: Access, shared_data: Path) -> None:
    document = await received(access, shared_data / LETTER)
    page = await get(app, access, GP, f"/documents/{document}")
    assert page.status_code == 200
    for words in ("PAT-TROIS", "Dominique", "Dr Charles DAVID", "Hôpital Européen Georges Pompidou", "Pr Léon AUGUIN"):
        assert words in page.text
    assert "Aucune allergie / intolérance identifiée pendant le séjour" in page.text
    assert "Mme Elsa DUCOUT" in page.text
    assert "<script>" not in page.text


async def test_the_original_is_given_byte_for_byte(app: Starlette, access: Access, shared_data: Path) -> None:
    document = await received(access, shared_data / LETTER)
    answer = await get(app, access, GP, f"/documents/{document}/original")
    assert answer.content == (shared_data / LETTER).read_bytes()
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_pdf_is_framed_by_the_page_and_by_no_other(app: Starlette, access: Access, shared_data: Path) -> None:
    document = await received(access, shared_data / REPORT)
    page = await get(app, access, GP, f"/documents/{document}")
    assert f'src="/documents/{document}/pdf#' in page.text
    pdf = await get(app, access, GP, f"/documents/{document}/pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in pdf.headers["content-security-policy"]


async def test_an_image_of_a_document_is_served_by_us_and_anything_else_is_saved(
    app: Starlette, access: Access, shared_data: Path
) -> None:
    document = await received(access, shared_data / LAB_OLD)
    page = await get(app, access, GP, f"/documents/{document}")
    assert f'<img src="/documents/{document}/fichiers/0"' in page.text
    image = await get(app, access, GP, f"/documents/{document}/fichiers/0")
    assert (image.headers["content-type"], image.content[1:4]) == ("image/png", b"PNG")
    assert (await get(app, access, GP, f"/documents/{document}/fichiers/9")).status_code == 404


async def test_versions_lead_to_one_another(app: Starlette, access: Access, shared_data: Path) -> None:
    old = await received(access, shared_data / LAB_OLD)
    new = await received(access, shared_data / LAB_NEW)
    page = await get(app, access, GP, f"/documents/{old}")
    assert "remplacé par une version plus récente" in page.text
    assert f'href="/documents/{new}"' in page.text
    page = await get(app, access, GP, f"/documents/{new}")
    assert "Versions précédentes" in page.text
    assert f'href="/documents/{old}"' in page.text
    listed = await get(app, access, GP, "/patients/dominique/documents")
    assert f"/documents/{new}" in listed.text
    assert f"/documents/{old}" not in listed.text


async def test_the_documents_of_a_person_are_listed_and_filtered(
    app: Starlette, access: Access, clock: FixedClock, shared_data: Path
) -> None:
    letter = await received(access, shared_data / LETTER)
    clock.advance(timedelta(seconds=1))
    report = await received(access, shared_data / REPORT)
    page = await get(app, access, GP, "/patients/dominique/documents")
    assert page.text.index(report) < page.text.index(letter)
    assert "2\u00a0documents" in page.text
    page = await get(app, access, GP, "/patients/dominique/documents?type=11490-0")
    assert (letter in page.text, report in page.text) == (True, False)


async def test_who_may_not_see_a_document_is_told_it_is_not_there(app: Starlette, access: Access, shared_data: Path) -> None:
    document = await received(access, shared_data / LETTER, visibility=("INVISIBLE_PATIENT",))
    for part in ("", "/original", "/pdf", "/fichiers/0"):
        assert (await get(app, access, OUTSIDER, f"/documents/{document}{part}")).status_code == 404
        assert (await get(app, access, DOMINIQUE, f"/documents/{document}{part}")).status_code == 404
    page = await get(app, access, GP, f"/documents/{document}")
    assert "Cercle soignant seulement" in page.text


async def test_the_person_reads_their_own_letter(app: Starlette, access: Access, shared_data: Path) -> None:
    document = await received(access, shared_data / LETTER)
    page = await get(app, access, DOMINIQUE, f"/documents/{document}")
    assert page.status_code == 200
    assert "/patients/dominique" not in page.text


async def test_a_document_that_is_no_cda_is_shown_by_what_it_holds(app: Starlette, access: Access) -> None:
    pdf = {"contentType": "application/pdf", "data": base64.b64encode(b"%PDF-1.7").decode(), "title": "Bilan"}
    elsewhere = {"contentType": "application/pdf", "url": "https://example.org/bilan.pdf", "title": "Ailleurs"}
    about = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/dominique"}}
    async with access.act(MACHINE, door="fhir") as ctx:
        held, far = await ctx.records.write(*({**about, "content": [{"attachment": one}]} for one in (pdf, elsewhere)))
    page = await get(app, access, GP, f"/documents/{held['id']}")
    assert ("Bilan" in page.text, "Télécharger l’original" in page.text) == (True, False)
    assert (await get(app, access, GP, f"/documents/{held['id']}/pdf")).content == b"%PDF-1.7"
    page = await get(app, access, GP, f"/documents/{far['id']}")
    assert "ne s’affiche pas ici" in page.text
    assert "example.org" not in page.text


async def test_the_binary_of_a_document_is_its_original(
    platform: Platform, access: Access, app: Starlette, shared_data: Path
) -> None:
    door = create_app(platform, [*operations.routes, *fhir_routes()], render=render)
    document = await received(access, shared_data / LETTER)
    content = (shared_data / LETTER).read_bytes()
    assert (await get(door, access, GP, f"/fhir/Binary/{document}", accept="*/*")).content == content
    binary = (await get(door, access, GP, f"/fhir/Binary/{document}", accept="application/fhir+json")).json()
    assert base64.b64decode(binary["data"]) == content
    assert binary["contentType"] == "text/xml"
    assert (await get(door, access, OUTSIDER, f"/fhir/Binary/{document}", accept="*/*")).status_code == 404
    assert (await get(door, access, GP, "/fhir/Binary/other", accept="*/*")).status_code == 404
    for scopes, status in (
        ("user/Binary.r user/DocumentReference.r", 200),
        ("user/Binary.r", 403),
        ("user/DocumentReference.r", 403),
        ("user/Binary.r user/DocumentReference.r?status=superseded", 404),
        ("user/Binary.r user/DocumentReference.r?status=current", 200),
    ):
        through = replace(GP, client="app", scopes=frozenset(scopes.split()))
        assert (await get(door, access, through, f"/fhir/Binary/{document}", accept="*/*")).status_code == status, scopes


@pytest.mark.browser
@pytest.mark.parametrize("path", [LETTER, REPORT, LAB_OLD], ids=["sections", "pdf", "image"])
async def test_a_document_page_holds_to_accessibility(
    app: Starlette, access: Access, browser: Browser, shared_data: Path, path: str
) -> None:
    document = await received(access, shared_data / path)
    token = await access.issue_token(GP, lifetime=timedelta(hours=1))
    window = await screen(browser, app, headers=[("authorization", f"Bearer {token}")])
    await window.open(f"/documents/{document}")
    await window.check(f"document-{Path(path).stem[:12]}")


@pytest.mark.browser
async def test_the_list_of_documents_holds_to_accessibility(
    app: Starlette, access: Access, browser: Browser, shared_data: Path
) -> None:
    for path in (LETTER, REPORT, LAB_OLD):
        await received(access, shared_data / path)
    token = await access.issue_token(GP, lifetime=timedelta(hours=1))
    window = await screen(browser, app, headers=[("authorization", f"Bearer {token}")])
    await window.open("/patients/dominique/documents")
    await window.check("documents-liste")
