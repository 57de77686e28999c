"""Opening a record in an emergency, through its pages and in a browser: found exactly or not at all, told to the person, closed by hand."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.services.coordination import pages
from maillage.services.coordination.forms.emergency import emergency_form
from maillage.services.identity import public as identity
from maillage.services.rights import pages as rights_pages
from maillage.services.rights.public import Reason
from tests.support.browser import PHONE, screen
from tests.support.people import SEED, care_team, professional

DOCTOR = professional("emergency", Role.HOSPITAL, name="Dr Alix URGENCE")
COORDINATOR = professional("lise", Role.COORDINATOR, name="Lise MAQUETTE")
WHOLE = {
    "nom": "Pat-Trois", "prenom": "Dominique", "naissance": "28/03/1979", "sexe": "female", "motif": "unable",
    "explication": "Coma, transport par le SAMU", "atteste": "1",
}  # fmt: skip


def person(id: str, *, birth: str = "1979-03-28", regional: bool = True, ins: str = "") -> dict[str, Any]:
    name = {"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}
    found: dict[str, Any] = {"resourceType": "Patient", "id": id, "name": [name], "gender": "female", "birthDate": birth}
    if ins:
        found["identifier"] = [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins}]
    return identity.as_regional(found, f"M-{id}") if regional else found


@pytest.fixture
async def people(access: Access) -> None:
    """Somebody who can be known by their traits and their INS; a namesake whose traits are those of another."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            person("p", ins=identity.with_key("2790351215189")), person("twin", birth="1980-01-01"), person("twin2", birth="1980-01-01"),
            person("source", birth="1981-01-01", regional=False), person("waiting", regional=False), care_team("p", "Practitioner/gp"),
        )  # fmt: skip


def test_a_whole_form_says_who_and_why() -> None:
    form = emergency_form(WHOLE)
    assert (form.faults, form.reason, form.traits.birth_date) == ({}, Reason.UNABLE, "1979-03-28")


@pytest.mark.parametrize("without", ["nom", "prenom", "naissance", "sexe", "motif", "explication", "atteste"])
def test_each_answer_is_needed(without: str) -> None:
    assert list(emergency_form({**WHOLE, without: ""}).faults) == [without]


@pytest.mark.parametrize("born", ["30/02/1979", "1979", "28/03/79", "28-3"])
def test_a_birth_date_is_a_day_of_the_calendar(born: str) -> None:
    assert list(emergency_form({**WHOLE, "naissance": born}).faults) == ["naissance"]


def test_an_ins_stands_for_the_traits() -> None:
    only = {name: value for name, value in WHOLE.items() if name in ("motif", "explication", "atteste")}
    form = emergency_form({**only, "ins": "2 79 03 51 215 189 89"})
    assert (form.faults, form.matricule) == ({}, "279035121518989")
    assert list(emergency_form({**only, "ins": "2790351"}).faults) == ["ins"]


@pytest.mark.parametrize(
    "traits, matricule, record",
    [
        (("Pat-Trois", "Dominique", "1979-03-28", "female"), "", "p"),
        (("PAT-TROIS", "DOMINIQUE", "1979-03-29", "female"), "", None),
        (("PAT-TROIS", "DOMINIQUE", "1979-03-28", "male"), "", None),
        (("PAT-TROIS", "DOMINIQUE", "1980-01-01", "female"), "", None),
        (("PAT-TROIS", "DOMINIQUE", "1981-01-01", "female"), "", None),
        (("PAT-TROIS", "", "1979-03-28", ""), "", None),
        (("", "", "", ""), identity.with_key("2790351215189"), "p"),
        (("", "", "", ""), "279035121518901", None),
    ],
)
async def test_one_record_is_meant_or_none(
    people: None, access: Access, traits: tuple[str, ...], matricule: str, record: str | None
) -> None:
    name, given, birth, sex = traits
    said = identity.Traits(birth_name=name, first_given=given, birth_date=birth, sex=sex)
    async with access.act(DOCTOR, read_only=True) as ctx:
        assert await identity.record_known_by(ctx, said, matricule=matricule) == record


@pytest.mark.browser
async def test_a_record_is_opened_read_and_closed_without_javascript(
    people: None, browser: Browser, application: Any, signed_in: Any
) -> None:
    app = application(pages, rights_pages)
    window = await screen(browser, app, headers=await signed_in(DOCTOR), scripts=False, width=PHONE)
    page = await window.open("/patients")
    await page.get_by_role("link", name="Ouvrir un dossier en urgence").click()
    await page.get_by_role("button", name="Ouvrir le dossier").click()
    await expect(page.get_by_role("heading", name="réponses à corriger")).to_be_visible()
    for name in ("nom", "prenom", "naissance"):
        await page.locator(f"#{name}").fill(WHOLE[name])
    await page.get_by_label("Féminin").check()
    await page.get_by_label("Personne hors d’état").check()
    await page.get_by_label("Ce qui se passe").fill("Coma, transport par le SAMU")
    await page.get_by_label("J’interviens auprès").check()
    await page.get_by_role("button", name="Ouvrir le dossier").click()
    await expect(page.get_by_text("Accès d’urgence ouvert jusqu’à")).to_be_visible()
    await expect(page.get_by_role("heading", name="PAT-TROIS")).to_be_visible()
    await page.get_by_role("button", name="Refermer le dossier").click()
    await expect(page.get_by_text("Dossier refermé")).to_be_visible()
    closed = await page.goto("http://maillage.test/patients/p")
    assert closed is not None
    assert closed.status == 404


@pytest.mark.browser
async def test_its_pages_are_accessible(people: None, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages, rights_pages), headers=await signed_in(DOCTOR))
    page = await window.open("/urgence")
    await window.check("urgence")
    await page.get_by_role("button", name="Ouvrir le dossier").click()
    await expect(page.get_by_role("heading", name="réponses à corriger")).to_be_visible()
    await window.check("urgence-a-corriger")
    await page.get_by_label("INS").fill(identity.with_key("2790351215189"))
    await page.get_by_label("Danger immédiat").check()
    await page.get_by_label("Ce qui se passe").fill("Malaise sur la voie publique")
    await page.get_by_label("J’interviens auprès").check()
    await page.get_by_role("button", name="Ouvrir le dossier").click()
    await expect(page.get_by_text("Accès d’urgence ouvert jusqu’à")).to_be_visible()
    await window.check("dossier-en-urgence")


async def test_a_coordinator_has_no_such_door(people: None, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(COORDINATOR))
    page = await window.open("/patients")
    assert "urgence" not in await page.content()
    refused = await page.goto("http://maillage.test/urgence")
    assert refused is not None
    assert refused.status == 403
