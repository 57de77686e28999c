"""Tasks that people give each other: once however often they are sent, answered, never lost between two, and never another team's."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.errors import Conflict, Forbidden, Invalid, NotFound
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.events import ReminderSet, TaskGiven
from maillage.services.coordination.forms.task import task_form
from maillage.services.coordination.resources.task import checks_of
from maillage.services.coordination.rules import tasks as rules
from maillage.services.coordination.service import work
from maillage.services.messaging.events import MatterTold
from tests.support.browser import DESK, PHONE, screen
from tests.support.pages import client_of
from tests.support.people import NOON, SEED, care_team, professional

SECTOR = {
    "coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "code": "SA57"}]
}
GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")


def coordinator(id: str, team: str = "dac", role: Role = Role.COORDINATOR) -> Actor:
    return Actor(
        id=f"psc:{id}", kind=ActorKind.PROFESSIONAL, name=id.upper(), roles=frozenset({role}), reference=f"Practitioner/{id}",
        organizations=(f"Organization/{team}",),
    )  # fmt: skip


LISE, PAUL, EVE = coordinator("lise"), coordinator("paul"), coordinator("eve", "other")


@pytest.fixture
async def territory(access: Access) -> None:
    """Anne is followed by her GP, Lise and Paul's team, and another team, of Ève."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "anne", "name": [{"family": "ESSAI", "given": ["Anne"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Organization", "id": id, "name": f"Équipe {id}", "type": [SECTOR]} for id in ("dac", "other")),
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": id.upper(), "family": id.upper()}]} for id in ("gp", "lise", "paul", "eve")),
            *({"resourceType": "PractitionerRole", "id": f"role-{id}", "active": True, "practitioner": {"reference": f"Practitioner/{id}"},
               "organization": {"reference": f"Organization/{team}"}} for id, team in (("lise", "dac"), ("paul", "dac"), ("eve", "other"))),
            care_team("anne", "Practitioner/gp", "Organization/dac", "Organization/other"),
        )  # fmt: skip


@pytest.fixture
def visit(application: Any, access: Access) -> Any:
    async def client(actor: Actor) -> AsyncClient:
        return await client_of(application(pages), access, actor)

    return client


def filled(**other: str) -> dict[str, str]:
    due = (NOON + timedelta(days=3)).date().isoformat()
    values = {
        "cle": str(uuid4()),
        "patient": "anne",
        "titre": "Appeler la pharmacie",
        "echeance": due,
        "priorite": "routine",
        "pour": "Practitioner/lise",
    }
    return values | other


async def created(client: AsyncClient, **other: str) -> str:
    answer = await client.post("/taches", data=filled(**other))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("/")[2].split("?")[0])


async def stored(access: Access, task: str) -> dict[str, Any]:
    async with access.act(SEED) as ctx:
        return await ctx.records.read("Task", task)


async def test_a_form_that_is_sent_twice_is_one_task_even_at_the_same_time(territory: None, access: Access, visit: Any) -> None:
    lise, form = await visit(LISE), filled(pour="Practitioner/paul")
    answers = await asyncio.gather(*(lise.post("/taches", data=form) for _ in range(4)))
    answers.append(await lise.post("/taches", data=form))
    assert {(one.status_code, one.headers["location"]) for one in answers} == {(303, f"/taches/{form['cle']}?fait=creee")}
    async with access.act(SEED) as ctx:
        [task] = await ctx.records.find("Task")
    assert (task["id"], task["status"], task["meta"]["versionId"]) == (form["cle"], "requested", "1")
    page = (await lise.get(f"/taches/{task['id']}")).text
    assert "Appeler la pharmacie" in page
    assert "ESSAI" in page


async def test_what_is_not_filled_in_is_said_and_kept(territory: None, access: Access, visit: Any) -> None:
    lise = await visit(LISE)
    answer = await lise.post("/taches", data=filled(titre="", details="Garder ces mots", echeance="2020-01-01"))
    assert answer.status_code == 422
    for words in ("Dites en quelques mots", "Cette date est passée", "Garder ces mots"):
        assert words in answer.text
    async with access.act(SEED) as ctx:
        assert await ctx.records.find("Task") == []


async def test_a_task_that_is_given_is_accepted_or_refused_and_who_asked_is_told(
    territory: None, access: Access, visit: Any
) -> None:
    lise, paul = await visit(LISE), await visit(PAUL)
    task = await created(lise, pour="Practitioner/paul")
    page = (await paul.get(f"/taches/{task}")).text
    assert "Accepter" in page
    assert (await paul.post(f"/taches/{task}/refuser", data={"version": "1", "motif": ""})).status_code == 422
    await paul.post(f"/taches/{task}/refuser", data={"version": "1", "motif": "Je suis absent"})
    assert (await stored(access, task))["status"] == "rejected"
    assert "Je suis absent" in (await lise.get(f"/taches/{task}")).text
    assert "Refusée" in (await lise.get("/taches?vue=demandees")).text
    async with access.act(LISE) as ctx:
        await work.give(ctx, task=task, version="2", to="Practitioner/paul", words="Merci")
        [given] = [one for one in ctx.announced if isinstance(one, TaskGiven)]
        assert given.owner == "Practitioner/paul"
    async with access.act(PAUL) as ctx:
        await work.answer(ctx, task=task, version="3", accepts=True)
        told = [one for one in ctx.announced if isinstance(one, MatterTold) and not one.settled]
        assert [one.recipients for one in told] == [("Practitioner/lise",)]
    async with access.act(PAUL) as ctx:
        await work.finish(ctx, task=task, version="4", words="Livrée demain")
    assert "Livrée demain" in (await lise.get(f"/taches/{task}")).text


async def test_two_who_write_at_once_lose_nothing(territory: None, access: Access, visit: Any) -> None:
    lise, paul = await visit(LISE), await visit(PAUL)
    task = await created(lise)
    first = filled(titre="Appeler la pharmacie du Centre", version="1")
    second = filled(titre="Appeler l’infirmière", details="Passage du soir", version="1")
    assert (await lise.post(f"/taches/{task}/modifier", data=first)).status_code == 303
    answer = await paul.post(f"/taches/{task}/modifier", data=second)
    assert answer.status_code == 409
    shown = answer.text.split('aria-label="Modifié entre-temps"')[1].split("</section>")[0]
    for words in ("Appeler la pharmacie du Centre", "Appeler l’infirmière", "Rien n’est perdu", "LISE"):
        assert words in shown, words
    assert "Précisions" not in shown, "the first did not touch them"
    assert "Passage du soir" in answer.text, "they are in the form"
    assert (await stored(access, task))["code"]["text"] == "Appeler la pharmacie du Centre"
    assert (await paul.post(f"/taches/{task}/modifier", data=second | {"version": "2"})).status_code == 303
    assert (await stored(access, task))["code"]["text"] == "Appeler l’infirmière"


async def test_a_task_is_put_off_cancelled_and_opened_again_with_its_reasons(territory: None, access: Access, visit: Any) -> None:
    lise = await visit(LISE)
    task = await created(lise)
    later = (NOON + timedelta(days=10)).date().isoformat()
    assert (
        await lise.post(f"/taches/{task}/reporter", data={"version": "1", "jusqu": "2020-01-01", "motif": "x"})
    ).status_code == 422
    await lise.post(f"/taches/{task}/reporter", data={"version": "1", "jusqu": later, "motif": "Pharmacie fermée"})
    await lise.post(f"/taches/{task}/annuler", data={"version": "2", "motif": "Faite par la famille"})
    held = await stored(access, task)
    assert (held["status"], held["restriction"]["period"]["end"][:10]) == ("cancelled", later)
    await lise.post(f"/taches/{task}/a-faire", data={"version": "3"})
    page = (await lise.get(f"/taches/{task}")).text
    for words in ("Pharmacie fermée", "Faite par la famille", "Rouverte"):
        assert words in page


async def test_the_steps_of_a_task_are_ticked_and_kept_when_its_words_change(territory: None, access: Access, visit: Any) -> None:
    lise, paul, eve = await visit(LISE), await visit(PAUL), await visit(EVE)
    task = await created(lise, etapes="Appeler la mairie\n\n  Envoyer le dossier \nVérifier la réponse")
    [chip] = re.findall(r"(\d)\sétapes?\ssur\s(\d)", (await lise.get("/taches")).text)
    assert chip == ("0", "3")
    assert (await eve.post(f"/taches/{task}/etapes", data={"version": "1", "etape": ["0"]})).status_code == 403
    assert (await paul.post(f"/taches/{task}/etapes", data={"version": "1", "etape": ["0", "2", "99"]})).status_code == 303
    late = await lise.post(f"/taches/{task}/etapes", data={"version": "1", "etape": ["1"]})
    assert late.status_code == 409
    assert "Étapes faites : 2 sur 3" in late.text.replace("\u00a0", " ")
    words = filled(etapes="Vérifier la réponse\nAppeler la mairie\nClasser", version="2")
    assert (await lise.post(f"/taches/{task}/modifier", data=words)).status_code == 303
    assert checks_of(await stored(access, task)) == (
        ("Vérifier la réponse", True),
        ("Appeler la mairie", True),
        ("Classer", False),
    )
    assert (await lise.post(f"/taches/{task}/modifier", data=filled(etapes="x" * 201, version="3"))).status_code == 422
    assert (await lise.post(f"/taches/{task}/modifier", data=filled(version="3", rappel="2026-11-25"))).status_code == 303
    assert checks_of(await stored(access, task)) == ()
    assert (await stored(access, task))["extension"][0]["url"] == "urn:maillage:task-reminder"


async def test_another_team_reads_a_task_of_the_record_and_changes_nothing_at_any_door(
    territory: None, access: Access, visit: Any
) -> None:
    lise, eve = await visit(LISE), await visit(EVE)
    task = await created(lise)
    assert (await eve.post(f"/taches/{task}/prendre", data={"version": "1"})).status_code == 403
    assert "Appeler la pharmacie" not in (await eve.get("/taches?vue=equipe")).text
    assert "Appeler la pharmacie" in (await lise.get("/taches?vue=equipe")).text
    resource = await stored(access, task)
    async with access.act(EVE, door="fhir") as ctx:
        with pytest.raises(Forbidden):
            await ctx.records.write({**resource, "status": "completed"})
    async with access.act(PAUL, door="fhir") as ctx:  # a colleague may
        await ctx.records.write({**resource, "status": "completed"})


async def test_the_moves_of_a_task_hold_at_the_fhir_door(territory: None, access: Access, visit: Any) -> None:
    task = await created(await visit(LISE))
    resource = await stored(access, task)
    for wrong, error in (
        ({"status": "draft"}, Conflict),
        ({"code": {"text": "Autre chose"}}, Invalid),
        ({"for": {"reference": "Patient/nobody"}}, Invalid),
    ):
        async with access.act(LISE, door="fhir") as ctx:
            with pytest.raises(error):
                await ctx.records.write({**resource, **wrong})
    async with access.act(LISE, door="fhir") as ctx:
        with pytest.raises(Conflict):
            await ctx.records.delete("Task", task)
    async with access.act(EVE, door="fhir") as ctx:
        with pytest.raises(Forbidden):
            await ctx.records.write(
                {
                    **{k: v for k, v in resource.items() if k not in ("id", "meta")},
                    "requester": {"reference": "Practitioner/lise"},
                }
            )
    async with access.act(LISE, door="fhir") as ctx:
        assert (await ctx.records.write({**resource, "status": "in-progress"}))["meta"]["versionId"] == "2"


async def test_who_left_the_team_and_the_circle_sees_no_task(territory: None, access: Access, visit: Any) -> None:
    lise, paul = await visit(LISE), await visit(PAUL)
    task = await created(lise)
    assert (await paul.get(f"/taches/{task}")).status_code == 200
    async with access.act(SEED) as ctx:
        role = await ctx.records.read("PractitionerRole", "role-paul")
        await ctx.records.write({**role, "active": False})
    assert (await paul.get(f"/taches/{task}")).status_code == 404
    async with access.act(PAUL) as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Task", task)


async def test_a_reminder_comes_once_and_not_for_what_was_done(
    territory: None, access: Access, visit: Any, clock: FixedClock
) -> None:
    tomorrow = (NOON + timedelta(days=1)).date().isoformat()
    form = task_form(filled(rappel=tomorrow), now=NOON)
    assert form.asked
    async with access.act(LISE) as ctx:
        written = await work.create(ctx, id=str(uuid4()), patient="anne", asked=form.asked)
        [event] = [one for one in ctx.announced if isinstance(one, ReminderSet)]
    async with access.act(SEED) as ctx:
        await jobs.remind_of_a_task.handler(ctx, about=event.task, at=event.at)
        [told] = [one for one in ctx.announced if isinstance(one, MatterTold)]
        assert (told.asks, told.recipients) == ("task-reminder", ("Practitioner/lise",))
    async with access.act(LISE) as ctx:
        await work.finish(ctx, task=written["id"], version="1")
    async with access.act(SEED) as ctx:
        await jobs.remind_of_a_task.handler(ctx, about=event.task, at=event.at)
        assert ctx.announced == ()


async def test_a_list_of_many_tasks_takes_as_many_statements_as_one_of_few(territory: None, access: Access, visit: Any) -> None:
    lise = await visit(LISE)
    await created(lise)
    with count_statements() as few:
        await lise.get("/taches?vue=equipe")
    first = await stored(access, (await created(lise)))
    async with access.act(SEED) as ctx:
        bare = {key: value for key, value in first.items() if key not in ("id", "meta")}
        await ctx.records.write_all({**bare, "code": {**bare["code"], "text": f"Tâche {n}"}} for n in range(60))
    with count_statements() as many:
        assert "Tâche 59" in (await lise.get("/taches?vue=equipe")).text
    assert many.statements == few.statements


def test_no_move_leads_out_of_an_error_and_what_ended_can_be_opened_again() -> None:
    assert not any(rules.may_become(rules.ERROR, state) for state in rules.STATES if state != rules.ERROR)
    assert all(rules.may_become(state, rules.REQUESTED) for state in rules.ENDED)
    assert not rules.may_become(rules.DONE, rules.CANCELLED)


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, DESK])
async def test_the_pages_of_tasks_are_whole(
    territory: None, access: Access, visit: Any, browser: Browser, application: Any, signed_in: Any, width: int
) -> None:
    task = await created(await visit(LISE), pour="Practitioner/paul", details="Demander les piluliers", priorite="urgent")
    window = await screen(browser, application(pages), headers=await signed_in(PAUL), width=width)
    for address, name in (
        ("/taches", "taches"),
        ("/taches/nouvelle?patient=anne", "tache-nouvelle"),
        (f"/taches/{task}", "tache"),
    ):
        await window.open(address)
        await window.check(f"{name}-{width}")


@pytest.mark.browser
async def test_two_coordinators_who_edit_one_task_in_their_windows_lose_nothing(
    territory: None, access: Access, visit: Any, browser: Browser, application: Any, signed_in: Any
) -> None:
    """Given two windows on the same task, when both write, then the second sees both texts and writes over on purpose."""
    task = await created(await visit(LISE))
    app = application(pages)
    windows = [await screen(browser, app, headers=await signed_in(actor), scripts=False) for actor in (LISE, PAUL)]
    for window in windows:
        page = await window.open(f"/taches/{task}")
        await page.locator("summary", has_text="Modifier").click()
    first, second = (window.page for window in windows)
    await first.get_by_label("À faire").fill("Appeler la pharmacie du Centre")
    await first.get_by_role("button", name="Enregistrer").click()
    await expect(first.get_by_role("status")).to_contain_text("Tâche modifiée")
    await second.get_by_label("À faire").fill("Appeler l’infirmière")
    await second.get_by_label("Précisions").fill("Passage du soir")
    await second.get_by_role("button", name="Enregistrer").click()
    both = second.get_by_role("alert")
    for words in ("LISE", "Appeler la pharmacie du Centre", "Appeler l’infirmière"):
        await expect(both).to_contain_text(words)
    await expect(second.get_by_label("Précisions")).to_have_value("Passage du soir")
    await windows[1].picture("tache-conflit")
    await expect(second.get_by_label("À faire")).to_have_value("Appeler l’infirmière")
    await second.get_by_role("button", name="Enregistrer").click()
    await expect(second.get_by_role("status")).to_contain_text("Tâche modifiée")
    held = await stored(access, task)
    assert (held["code"]["text"], held["description"], held["meta"]["versionId"]) == (
        "Appeler l’infirmière",
        "Passage du soir",
        "3",
    )


async def test_a_call_that_a_protocol_asked_for_is_written_once(territory: None, access: Access, visit: Any) -> None:
    planned = {
        "resourceType": "Task", "id": "call", "status": "requested", "intent": "plan", "for": {"reference": "Patient/anne"}, "authoredOn": NOON.isoformat(),
        "code": {"coding": [{"system": "urn:maillage:task", "code": "return-home/call-within-48h"}], "text": "Appel de retour à domicile"},
        "owner": {"reference": "Organization/dac"}, "restriction": {"period": {"end": NOON.isoformat()}},
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([planned, planned | {"id": "silent"}])
    lise = await visit(LISE)
    page = (await lise.get("/taches/call")).text
    assert "Noter aussi l’appel dans le dossier" in page
    sent = {"version": "1", "resultat": "Va bien, repas livrés", "appel": "1"}
    assert (await lise.post("/taches/call/faite", data=sent)).status_code == 303
    assert (await lise.post("/taches/call/faite", data=sent)).status_code == 409
    assert (await lise.post("/taches/silent/faite", data={"version": "1", "resultat": "Sans réponse"})).status_code == 303
    said = (await lise.get("/patients/anne/contacts")).text.split("Appels et visites")[-1]
    assert said.count("Va bien, repas livrés") == 1
    assert "Sans réponse" not in said
    assert "Noter aussi l’appel" not in (await lise.get("/taches/" + await created(lise, titre="Rappeler sa fille"))).text
