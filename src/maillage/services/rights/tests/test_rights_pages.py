"""« Qui a vu » on a real database, through its verb, its page and a browser."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from lxml.html import fromstring
from playwright.async_api import Browser
from starlette.applications import Starlette

from maillage.access import software
from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.context import Context
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.db import Database
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.files import LocalFiles
from maillage.http.app import create_app
from maillage.services.rights import public, rules
from maillage.services.rights.pages import routes
from maillage.ui import render
from maillage.ui.build import BUILD
from tests.support.browser import screen
from tests.support.people import MACHINE, SEED, care_team, carer, patient, professional, sees

DOCTOR = replace(professional("gp", Role.GP, name="Dr Camille EXEMPLE"), organizations=("Organization/msp",))
COORDINATOR = professional("lise", Role.COORDINATOR, name="Lise MAQUETTE")
OUTSIDER = professional("zoe", name="Dr Zoé CALIBRE")
PERSON = patient("p")
DAUGHTER = carer("daughter")

SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"


def a_document(id: str, title: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "content": [{"attachment": {"contentType": "application/pdf", "title": title}}],
        **more,
    }


@pytest.fixture
async def record(access: Access, clock: FixedClock) -> Access:
    """The record of a person, read by their doctor, then by their coordinator, after a stranger tried."""
    hidden = {"securityLabel": [{"coding": [{"system": SYSTEM, "code": "INVISIBLE_PATIENT"}]}]}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "p", "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}]},
            {"resourceType": "Patient", "id": "q"},
            {"resourceType": "Organization", "id": "msp", "name": "Maison de santé des Essais"},
            {"resourceType": "RelatedPerson", "id": "daughter", "patient": {"reference": "Patient/p"}, **sees("whole")},
            care_team("p", "Practitioner/gp", "Practitioner/lise"),
            a_document("letter", "Lettre de sortie"),
            a_document("secret", "Compte rendu réservé", **hidden),
        )
    for actor, id in ((OUTSIDER, "letter"), (DOCTOR, "letter"), (DOCTOR, "secret"), (COORDINATOR, "letter")):
        clock.advance(timedelta(hours=6))
        try:
            async with access.act(actor, read_only=True, door="page") as ctx:
                await ctx.records.read("DocumentReference", id)
        except NotFound:
            assert actor is OUTSIDER
    return access


async def told(access: Access, actor: Actor, **options: Any) -> list[tuple[str, str]]:
    async with access.act(actor, read_only=True) as ctx:
        found = await public.who_looked(ctx, "p", **options)
    return [(visit.name, " ; ".join(visit.deeds)) for visit in found.visits]


async def test_the_person_reads_who_looked_at_what_newest_first(record: Access) -> None:
    assert await told(record, PERSON) == [
        ("Lise MAQUETTE", "A consulté « Lettre de sortie »"),
        ("Dr Camille EXEMPLE", "A consulté les documents"),
        ("Dr Camille EXEMPLE", "A consulté « Lettre de sortie »"),
        ("Dr Zoé CALIBRE", "A voulu ouvrir le dossier : l'accès a été refusé"),
    ]


async def test_software_is_told_of_when_asked_for(record: Access) -> None:
    async with record.act(MACHINE, read_only=True) as ctx:
        await ctx.records.read("DocumentReference", "letter")
    assert MACHINE.name not in {name for name, _ in await told(record, PERSON)}
    assert MACHINE.name in {name for name, _ in await told(record, PERSON, machines=True)}


async def test_a_software_through_which_somebody_came_is_named(record: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    async def named(_: Context, ids: Collection[str]) -> dict[str, str]:
        return {id: "Carnet de suivi" for id in ids if id == "app-1"}

    monkeypatch.setattr(software, "_TOLD", [named])
    through = {"scopes": frozenset({"user/*.rs"})}
    for actor, client in ((DOCTOR, "app-1"), (DOCTOR, "app-2"), (PERSON, "app-1")):
        async with record.act(replace(actor, client=client, **through), read_only=True, door="fhir") as ctx:
            await ctx.records.read("DocumentReference", "letter")
            assert ctx.door == "fhir"
    async with record.act(PERSON, read_only=True) as ctx:
        found = await public.who_looked(ctx, "p")
    told = {(visit.name, found.software.get(visit.software or "")) for visit in found.visits}
    assert {(DOCTOR.name, "Carnet de suivi"), (DOCTOR.name, "app-2"), (DOCTOR.name, None)} < told
    assert (rules.THEMSELVES, "Carnet de suivi") in told, "what a software does in their name is shown to the person"


@pytest.mark.parametrize("scopes", ["user/Consent.u", "user/Consent.u user/Consent.r?status=inactive", "user/*.cruds"])
async def test_what_a_software_may_not_read_is_guarded_all_the_same(record: Access, scopes: str) -> None:
    """The guard of a person's choice looks with the doctor's rights: scopes that hide the choice do not open it to be written over."""
    choice = {
        "resourceType": "Consent", "id": "choice", "status": "active", "category": [{"text": "x"}], "patient": {"reference": "Patient/p"},
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "policyRule": {"text": "x"}, "performer": [{"reference": "Patient/p"}],
    }  # fmt: skip
    async with record.act(SEED) as ctx:
        await ctx.records.write(choice)
    through = replace(DOCTOR, client="app-1", scopes=frozenset(scopes.split()))
    with pytest.raises(Forbidden, match="only they take it back"):
        async with record.act(through, door="fhir") as ctx:
            await ctx.records.write({**choice, "status": "inactive"})


async def test_the_trail_is_read_page_by_page(record: Access) -> None:
    seen, before = [], None
    async with record.act(PERSON, read_only=True) as ctx:
        while True:
            found = await public.who_looked(ctx, "p", before=before, lines=1)
            seen += [visit.name for visit in found.visits]
            before = found.next
            if before is None:
                break
    assert seen == ["Lise MAQUETTE", "Dr Camille EXEMPLE", "Dr Camille EXEMPLE", "Dr Zoé CALIBRE"]


async def test_the_person_reads_who_opened_one_document(record: Access) -> None:
    async with record.act(PERSON, read_only=True) as ctx:
        opened = await public.who_opened(ctx, "p", "letter")
    assert [visit.name for visit in opened if not visit.refused] == ["Lise MAQUETTE", "Dr Camille EXEMPLE"]


async def test_another_patient_is_not_named(record: Access) -> None:
    with pytest.raises(NotFound):
        async with record.act(patient("q"), read_only=True) as ctx:
            await ctx.records.read("DocumentReference", "letter")
    assert (await told(record, PERSON))[0] == ("Une autre personne suivie", "A voulu ouvrir le dossier : l'accès a été refusé")


async def test_a_carer_is_told_that_the_person_looked_themselves(record: Access) -> None:
    async with record.act(PERSON, read_only=True) as ctx:
        await ctx.records.read("DocumentReference", "letter")
    assert (await told(record, DAUGHTER))[0] == ("La personne elle-même", "A consulté « Lettre de sortie »")


async def test_a_carer_sees_it_too_and_their_own_visits_are_left_out(record: Access) -> None:
    async with record.act(DAUGHTER, read_only=True) as ctx:
        assert await public.person_of(ctx) == "p"
    assert DAUGHTER.name not in {name for name, _ in await told(record, DAUGHTER)}
    assert DAUGHTER.name in {name for name, _ in await told(record, PERSON)}


async def test_nobody_else_reads_the_trail(record: Access) -> None:
    for actor, refused in ((DOCTOR, Forbidden), (OUTSIDER, Forbidden), (patient("q"), NotFound)):
        with pytest.raises(refused):
            await told(record, actor)


async def test_a_cursor_that_is_not_ours_is_refused(record: Access) -> None:
    with pytest.raises(Invalid):
        await told(record, PERSON, before="nonsense")


@pytest.fixture
def application(record: Access, clock: FixedClock, database: Database, tmp_path: Any) -> Starlette:
    files = LocalFiles(tmp_path)
    platform = Platform(Config(base_url="http://maillage.test"), clock, database, files, record)
    return create_app(platform, routes, render=render, static=BUILD)


async def page_for(application: Starlette, record: Access, actor: Actor, accept: str = "text/html") -> httpx.Response:
    token = await record.issue_token(actor, lifetime=timedelta(hours=1))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://maillage.test")
    async with client:
        return await client.get("/qui-a-vu", headers={"authorization": f"Bearer {token}", "accept": accept})


async def test_the_page_says_who_what_when_and_why(record: Access, application: Starlette) -> None:
    answer = await page_for(application, record, PERSON)
    assert answer.status_code == 200
    for words in ("Lise MAQUETTE", "Maison de santé des Essais", "Pour coordonner les soins", "Lettre de sortie", "Accès refusé"):
        assert words in answer.text
    assert "réservé" not in answer.text


async def test_the_page_is_not_for_professionals(record: Access, application: Starlette) -> None:
    assert (await page_for(application, record, DOCTOR, accept="application/json")).status_code == 403


async def test_a_record_nobody_opened_says_so(access: Access, record: Access, application: Starlette) -> None:
    answer = await page_for(application, record, patient("q"))
    page = fromstring(answer.text)
    [said] = page.xpath("//*[contains(@class, 'm-reg')]//*[@class='m-empty']/strong")
    assert said.text == "Personne n’a encore consulté votre dossier."


@pytest.mark.browser
async def test_the_page_has_no_accessibility_fault_and_needs_no_script(
    browser: Browser, record: Access, application: Starlette
) -> None:
    token = await record.issue_token(PERSON, lifetime=timedelta(hours=1))
    window = await screen(browser, application, headers=[("Authorization", f"Bearer {token}")], scripts=True)
    await window.open("/qui-a-vu")
    await window.check("qui-a-vu")
    assert "Avec les logiciels" in await window.tab_order()
