"""« Depuis votre visite »: what others changed, in words, until one says « vu »; what one may not see leaves no trace of it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.clock import Clock, SystemClock
from maillage.db import Database, count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.resources.changes import Fact
from maillage.services.coordination.resources.constants import MEASURES, threshold_for
from maillage.services.coordination.resources.telling import Told
from maillage.ui.words import clock_time
from tests.support.browser import PHONE, screen
from tests.support.followed import ABOUT, GP, LISE, NURSE, THEO, Enter, Resource, form_of, write
from tests.support.pages import Visit
from tests.support.people import SEED, care_team

STATEMENTS = 18
"""Of a summary where something changed, session and audit included."""


@pytest.fixture
def clock() -> Clock:
    """The machine's: the log has the time of the database."""
    return SystemClock()


def treatment(dosage: str = "1 comprimé le matin", drug: str = "Bisoprolol 2,5 mg", **more: Any) -> Resource:
    return {
        "resourceType": "MedicationStatement", "id": "biso", "status": "active", **ABOUT, "medicationCodeableConcept": {"text": drug},
        "dosage": [{"text": dosage}], "informationSource": {"reference": "Practitioner/nora", "display": "Nora FICTIVE"}, **more,
    }  # fmt: skip


@pytest.fixture
async def people(followed: None, access: Access) -> None:
    """Whom everybody follows, with a treatment."""
    await write(access, SEED, treatment())


def since(page: str) -> str:
    """The words of the section, without its markup."""
    section = page.split('id="depuis"')[1].split("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", section).replace("\u00a0", " ").replace("\u202f", " ").split())


async def test_visits_that_come_back_are_one_line_and_the_words_of_the_person_come_before_goals(
    people: None, access: Access, enter: Enter
) -> None:
    gp = await enter(GP)

    def visit_of(day: int, words: str) -> Resource:
        people_of = [
            {"actor": {"reference": one, "display": name}, "status": "accepted"}
            for one, name in (("Patient/p", "Dominique"), ("Practitioner/nora", "Nora FICTIVE"))
        ]
        at = f"2099-11-{day:02}T08:00:00+01:00"
        return {
            "resourceType": "Appointment",
            "status": "booked",
            "description": words,
            "start": at,
            "end": at,
            "participant": people_of,
        }

    def goal(words: str, **more: Any) -> Resource:
        return {
            "resourceType": "Goal",
            "lifecycleStatus": "active",
            **ABOUT,
            "description": {"text": words},
            "expressedBy": {"reference": "Patient/p"},
            **more,
        }

    own = {"category": [{"coding": [{"system": "urn:maillage:goal", "code": "own-words"}]}]}
    await write(
        access,
        SEED,
        *(visit_of(day, "Insuline") for day in (24, 26, 25)),
        visit_of(27, "Pansement"),
        goal("Revoir la mer", **own),
    )
    await write(access, SEED, goal("Marcher 10 minutes"))
    page = (await gp.get("/patients/p")).text
    lines = since(page)
    assert "Insuline : Nora FICTIVE, 3 fois, du 24 nov. au 26 nov." in lines
    assert lines.count("Insuline") == 1
    assert "Pansement : Nora FICTIVE" in lines
    assert "fois" not in lines.split("Pansement")[1].split("Insuline")[0]
    ahead = " ".join(page.split("À venir")[1].split("</section>")[0].split())
    assert ahead.count("Insuline") == 1
    assert "puis 2 autres fois" in ahead
    assert "Revoir la mer" in page.split("Ce qui compte")[1]


async def say_seen(client: AsyncClient, page: str) -> None:
    answer = await client.post("/patients/p/vu", data=form_of(page, "/patients/p/vu"))
    assert answer.status_code == 303, answer.text


async def shown(client: AsyncClient) -> str:
    answer = await client.get("/patients/p")
    assert answer.status_code == 200, answer.text
    return since(answer.text)


async def test_a_changed_dose_is_said_in_words_until_one_says_that_it_is_seen(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    await say_seen(gp, (await gp.get("/patients/p")).text)
    assert "Rien de nouveau" in await shown(gp)
    await write(access, NURSE, treatment(drug="Bisoprolol 5 mg"))
    first = (await gp.get("/patients/p")).text
    assert "Traitement : Bisoprolol : 2,5 mg → 5 mg" in since(first)
    assert "Nora FICTIVE" in since(first)
    assert "Modifié" in first.split('id="traitements"')[1].split("</ul>")[0]
    assert "2,5 mg → 5 mg" in await shown(gp), "opening is not « vu »"
    await say_seen(gp, first)
    assert "Rien de nouveau" in await shown(gp)


async def test_what_was_measured_before_it_came_says_both_times(people: None, access: Access, enter: Enter) -> None:
    now = SystemClock().now()
    taken = (now - timedelta(days=3)).replace(hour=7, minute=5)
    hot = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}], "text": "Température"}
    await write(access, NURSE, {
        "resourceType": "Observation", "status": "final", "code": hot, **ABOUT, "effectiveDateTime": taken.isoformat(), "valueQuantity": {"value": 38, "unit": "°C"},
    })  # fmt: skip
    said = " ".join((await shown(await enter(GP))).split("38 °C")[1].split("</li>")[0].split())
    assert f"{clock_time(taken)}, reçu le " in said


def test_what_came_on_the_day_it_was_measured_says_its_own_time_alone() -> None:
    measured = Told("Observation/o", "care", "Température", at="2026-11-24T07:05:00+01:00")
    later = datetime(2026, 11, 24, 9, tzinfo=UTC)
    for mark, at, came_later in (("Ajouté", measured.at, False), ("Modifié", later, False)):
        fact = Fact(measured, later, mark)
        assert (fact.at, fact.came_later) == (at, came_later)
    assert Fact(measured, later + timedelta(days=1), "Ajouté").came_later
    assert Fact(replace(measured, reference="Task/t"), later, "Ajouté").at == later, "a task is told when it was written"


async def test_bounds_are_told_as_bounds_and_not_as_an_aim(people: None, access: Access, enter: Enter) -> None:
    goal = threshold_for(
        MEASURES["poids"], patient="p", low=None, high=Decimal("78.5"), by="Practitioner/nora", at=SystemClock().now()
    )
    await write(access, NURSE, goal)
    page = await shown(await enter(GP))
    assert "Seuils : Poids" in page
    assert "au plus 78,5 kg" in page
    assert "Objectif : Seuils" not in page


async def test_what_came_while_the_page_was_open_stays_new(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    read = (await gp.get("/patients/p")).text
    await write(access, NURSE, treatment("1 comprimé le soir"))
    await say_seen(gp, read)
    assert "1 comprimé le matin → 1 comprimé le soir" in await shown(gp)


async def test_a_write_that_was_under_way_when_the_page_was_read_is_not_lost(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    async with access.act(NURSE, door="fhir") as ctx:
        await ctx.records.write(treatment("1 comprimé le soir"))
        read = (await gp.get("/patients/p")).text
        await say_seen(gp, read)
    assert "1 comprimé le soir" not in since(read)
    assert "1 comprimé le matin → 1 comprimé le soir" in await shown(gp)


async def test_seen_can_be_taken_back(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    await say_seen(gp, (await gp.get("/patients/p")).text)
    await write(access, NURSE, treatment("1 comprimé le soir"))
    await say_seen(gp, (await gp.get("/patients/p")).text)
    page = (await gp.get("/patients/p")).text
    assert "Rien de nouveau" in since(page)
    answer = await gp.post("/patients/p/vu/annuler", data=form_of(page, "/patients/p/vu/annuler"))
    assert answer.status_code == 303
    assert "1 comprimé le matin → 1 comprimé le soir" in await shown(gp)


async def test_the_mark_is_of_each_person(people: None, access: Access, enter: Enter) -> None:
    gp, nurse = await enter(GP), await enter(NURSE)
    await write(
        access, LISE, {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "Remarcher"}, **ABOUT}
    )
    await say_seen(gp, (await gp.get("/patients/p")).text)
    assert "Rien de nouveau" in await shown(gp)
    assert "Objectif : Remarcher" in await shown(nurse)


async def test_what_one_changed_oneself_is_no_news(people: None, access: Access, enter: Enter) -> None:
    gp, nurse = await enter(GP), await enter(NURSE)
    for client in (gp, nurse):
        await say_seen(client, (await client.get("/patients/p")).text)
    await write(access, NURSE, treatment("1 comprimé le soir"))
    assert "Rien de nouveau" in await shown(nurse)
    assert "1 comprimé le soir" in await shown(gp)
    await write(access, GP, treatment("½ comprimé le soir"))
    assert "½ comprimé le soir" in await shown(nurse), "of what both changed, the other's stays"


async def test_every_author_and_type_is_there(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    await say_seen(gp, (await gp.get("/patients/p")).text)
    await write(
        access, NURSE,
        {"resourceType": "Observation", "status": "final", **ABOUT, "code": {"text": "CRP"}, "effectiveDateTime": "2026-11-22T07:55:00+01:00",
         "valueQuantity": {"value": 84, "unit": "mg/L"}, "interpretation": [{"coding": [{"code": "H"}]}]},
        {"resourceType": "CarePlan", "status": "active", "intent": "plan", "title": "Plan de retour à domicile", **ABOUT},
        {"resourceType": "Task", "status": "requested", "intent": "order", "code": {"text": "Rappeler la fille"}, "for": {"reference": "Patient/p"}},
        {"resourceType": "Communication", "status": "completed", **ABOUT, "sender": {"reference": "Practitioner/nora", "display": "Nora FICTIVE"},
         "payload": [{"contentString": "Berges plus rouges ce matin"}]},
        {"resourceType": "Flag", "status": "active", "code": {"text": "Risque de chute"}, **ABOUT},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "Aide à domicile"}, **ABOUT},
        {"resourceType": "Coverage", "status": "active", "type": {"text": "APA"}, "beneficiary": {"reference": "Patient/p"},
         "payor": [{"display": "Département"}]},
        care_team("p", "Practitioner/gp", "Practitioner/nora", "Practitioner/lise", "Practitioner/theo", participant=[
            {"member": {"reference": f"Practitioner/{id}", "display": id}} for id in ("gp", "nora", "lise", "theo")]),
    )  # fmt: skip
    async with access.act(SEED) as ctx:
        person = await ctx.records.read("Patient", "p")
        await ctx.records.write({**person, "address": [{"text": "3 rue des Essais, Reims"}]})
    told = await shown(gp)
    for words in (
        "CRP , 84 mg/L ↑", "Plan de retour à domicile", "Tâche : Rappeler la fille", "Berges plus rouges ce matin", "Risque de chute",
        "Aide à domicile", "APA : Département", "Cercle de soins", "adresse : 3 rue des Essais, Reims",
    ):  # fmt: skip
        assert words.replace(" ,", " :") in told or words in told, (words, told)


async def test_what_is_taken_out_of_the_record_is_said(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    await say_seen(gp, (await gp.get("/patients/p")).text)
    async with access.act(SEED) as ctx:
        await ctx.records.delete("MedicationStatement", "biso")
    assert "retiré du dossier" in await shown(gp)


async def test_what_came_and_went_meanwhile_is_not_told_and_breaks_no_page(people: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    written = {"resourceType": "Goal", "id": "brief", "lifecycleStatus": "active", "description": {"text": "Voler"}, **ABOUT}
    await write(access, LISE, written)
    assert "Objectif : Voler" in await shown(gp)
    async with access.act(LISE, door="fhir") as ctx:
        await ctx.records.delete("Goal", "brief")
    page = await gp.get("/patients/p")
    assert (page.status_code, "Voler" in page.text) == (200, False)


async def test_what_is_hidden_from_somebody_did_not_change_for_them(people: None, access: Access, enter: Enter) -> None:
    gp, lise = await enter(GP), await enter(LISE)
    before = await shown(lise)
    audience = {"coding": [{"system": "urn:maillage:audience", "code": "care-only"}]}
    message = {
        "resourceType": "Communication", "status": "completed", **ABOUT, "category": [audience], "topic": {"text": "Entre soignants"},
        "sender": {"reference": "Practitioner/nora"}, "payload": [{"contentString": "Propos réservés"}],
    }  # fmt: skip
    await write(access, NURSE, message)
    assert "Propos réservés" in await shown(gp)
    assert await shown(lise) == before
    whole = (await lise.get("/patients/p")).text
    assert "Propos réservés" not in whole
    assert "Entre soignants" not in whole


async def test_who_does_not_read_clinical_data_is_not_even_told_that_nothing_is_known(
    people: None, access: Access, enter: Enter
) -> None:
    theo, gp = await enter(THEO), await enter(GP)
    await write(access, NURSE, treatment(drug="Bisoprolol 5 mg"))
    assert "Bisoprolol" in (await gp.get("/patients/p")).text
    page = (await theo.get("/patients/p")).text
    assert "Cercle de soins" in page
    assert "Bisoprolol" not in page
    assert "Traitements" not in page


async def test_a_record_that_is_not_theirs_takes_no_mark(people: None, access: Access, enter: Enter, database: Database) -> None:
    gp = await enter(GP)
    page = (await gp.get("/patients/p")).text
    form = form_of(page, "/patients/p/vu")
    assert (await gp.post("/patients/q/vu", data=form)).status_code == 404
    assert (await gp.post("/patients/p/vu", data=form | {"jusqua": "hier~x"})).status_code == 400
    assert (await gp.post("/patients/p/vu", data=form | {"jusqua": "2099-01-01T00:00:00+00:00~1"})).status_code == 303
    assert "encore marqué" in (await gp.get("/patients/p")).text, "nobody has seen what is to come"
    assert (await gp.post("/patients/p/vu", data=form)).status_code == 303
    async with database.transaction() as conn:
        marks = await (await conn.execute("select reader, patient from coordination_seen")).fetchall()
    assert marks == [{"reader": "Practitioner/gp", "patient": "p"}]


async def test_a_summary_with_changes_takes_few_statements_however_many_there_are(
    people: None, access: Access, enter: Enter
) -> None:
    gp = await enter(GP)
    await say_seen(gp, (await gp.get("/patients/p")).text)
    told: list[int] = []
    for count in (1, 150):
        await write(access, NURSE, *(
            {"resourceType": "Observation", "status": "final", **ABOUT, "code": {"text": f"Mesure {rank}"}, "valueString": "x",
             "effectiveDateTime": "2026-11-01"} for rank in range(count)
        ))  # fmt: skip
        with count_statements() as counted:
            assert (await gp.get("/patients/p")).status_code == 200
        told.append(counted.statements)
    assert told[0] == told[1] <= STATEMENTS, told
    assert "Il y en a davantage" in (await gp.get("/patients/p")).text


@pytest.mark.browser
async def test_what_changed_is_seen_in_one_tap_and_the_page_is_whole(
    people: None, access: Access, browser: Browser, application: Any, signed_in: Visit
) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(GP), width=PHONE)
    await window.open("/patients/p")
    await window.page.get_by_role("button", name="Tout marquer comme vu").click()
    await expect(window.page.get_by_role("status")).to_contain_text("Marqué comme vu")
    await write(access, NURSE, treatment(drug="Bisoprolol 5 mg"))
    await window.open("/patients?q=PAT-TROIS")
    await window.page.get_by_role("link", name=re.compile("PAT-TROIS")).first.click()  # the one tap
    await expect(window.page.locator("#depuis")).to_be_in_viewport()
    await expect(window.page.locator("#depuis")).to_contain_text("2,5 mg → 5 mg")
    await window.check("dossier-depuis")
    await window.page.get_by_role("button", name="Tout marquer comme vu").click()
    await expect(window.page.get_by_role("status")).to_contain_text("Marqué comme vu")
    await window.page.get_by_role("button", name=re.compile("Annuler")).click()
    await expect(window.page.locator("#depuis")).to_contain_text("2,5 mg → 5 mg")
