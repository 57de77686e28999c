"""The planning of a team and its absences: given together or not at all, and what changed meanwhile is told on return."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.services.coordination import pages
from tests.support.browser import screen
from tests.support.pages import Visit, client_of
from tests.support.people import NOON, SEED, care_team, professional

GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
STATEMENTS = 14
DAY = "2026-11-26"


def coordinator(id: str, team: str = "dac") -> Actor:
    return Actor(
        id=f"psc:{id}", kind=ActorKind.PROFESSIONAL, name=id.upper(), roles=frozenset({Role.COORDINATOR}), reference=f"Practitioner/{id}",
        organizations=(f"Organization/{team}",),
    )  # fmt: skip


LISE, PAUL, EVE = coordinator("lise"), coordinator("paul"), coordinator("eve", "other")


@pytest.fixture(autouse=True)
async def territory(access: Access) -> None:
    """Anne is followed by Lise and Paul's team; Ève is of another."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "anne", "name": [{"family": "ESSAI", "given": ["Anne"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Organization", "id": id, "name": f"Équipe {id}"} for id in ("dac", "other")),
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": id.upper(), "family": id.upper()}]} for id in ("gp", "lise", "paul", "eve")),
            *({"resourceType": "PractitionerRole", "id": f"role-{id}", "active": True, "practitioner": {"reference": f"Practitioner/{id}"},
               "organization": {"reference": f"Organization/{team}"}} for id, team in (("lise", "dac"), ("paul", "dac"), ("eve", "other"))),
            care_team("anne", "Practitioner/gp", "Practitioner/lise", "Organization/dac"),
        )  # fmt: skip


@pytest.fixture
def enter(application: Any, access: Access) -> Any:
    async def client(actor: Actor) -> AsyncClient:
        return await client_of(application(pages), access, actor)

    return client


async def task(client: AsyncClient, title: str, owner: str = "lise", due: str = DAY) -> str:
    sent = {
        "cle": str(uuid4()),
        "patient": "anne",
        "titre": title,
        "echeance": due,
        "priorite": "routine",
        "pour": f"Practitioner/{owner}",
    }
    answer = await client.post("/taches", data=sent)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("/")[2].split("?")[0])


async def visit(client: AsyncClient, what: str, hour: str, owner: str = "lise") -> None:
    sent = {"motif": what, "jour": DAY, "heure": hour, "duree": "60", "lieu": "", "qui": f"Practitioner/{owner}"}
    answer = await client.post("/patients/anne/visites", data=sent)
    assert answer.status_code == 303, answer.text


def row_of(page: str, name: str) -> str:
    return page.split(f'role="rowheader"><b>{name}</b>')[1].split("</tr>")[0]


def keys_of(page: str, name: str) -> list[str]:
    return [one.split('"')[0] for one in row_of(page, name).split('name="quoi"')[1:] for one in [one.split('value="')[1]]]


async def test_what_is_ticked_is_given_to_a_colleague_all_of_it_or_none(enter: Any) -> None:
    lise = await enter(LISE)
    await task(lise, "Appeler la mairie")
    await visit(lise, "Revoir le plan", "10:00")
    page = (await lise.get(f"/planning?jour={DAY}")).text
    assert "Appeler la mairie" in row_of(page, "LISE")
    assert "Appeler la mairie" not in row_of(page, "PAUL")
    keys = keys_of(page, "LISE")
    assert len(keys) == 2
    await visit(lise, "Ailleurs", "10:30", owner="paul")
    refused = await lise.post("/planning/confier", data={"quoi": keys, "a": "Practitioner/paul", "mot": "Merci", "jour": DAY})
    assert refused.status_code == 409
    assert "Ailleurs" in refused.text
    assert 'value="Merci"' in refused.text
    assert refused.text.count(" checked") == 2
    assert keys_of(refused.text, "LISE") == keys
    only_task = [one for one in keys if one.startswith("Task/")]
    given = await lise.post("/planning/confier", data={"quoi": only_task, "a": "Practitioner/paul", "mot": "", "jour": DAY})
    assert given.status_code == 303, given.text
    page = (await lise.get(given.headers["location"])).text
    assert "1 élément confié" in page.replace("\u00a0", " ")
    assert "Appeler la mairie" in row_of(page, "PAUL")
    stale = await lise.post("/planning/confier", data={"quoi": only_task, "a": "Practitioner/lise", "mot": "", "jour": DAY})
    assert stale.status_code == 409


async def test_a_form_that_makes_no_sense_gives_nothing(enter: Any) -> None:
    lise = await enter(LISE)
    await task(lise, "Appeler la mairie")
    keys = keys_of((await lise.get(f"/planning?jour={DAY}")).text, "LISE")
    for data in (
        {"a": "Practitioner/paul"},
        {"quoi": keys, "a": "Practitioner/eve"},
        {"quoi": keys, "a": ""},
        {"quoi": ["Patient/anne:1"], "a": "Practitioner/paul"},
    ):
        answer = await lise.post("/planning/confier", data={"jour": DAY, **data})
        assert answer.status_code == 422, data
        assert "Appeler la mairie" in row_of(answer.text, "LISE")
    assert (
        await (await enter(EVE)).post("/planning/confier", data={"quoi": keys, "a": "Practitioner/eve", "jour": DAY})
    ).status_code == 404
    assert "Appeler la mairie" not in (await (await enter(EVE)).get(f"/planning?jour={DAY}")).text


async def test_who_comes_back_reads_what_changed_meanwhile(enter: Any, access: Access, clock: FixedClock) -> None:
    lise, paul = await enter(LISE), await enter(PAUL)
    kept, done = await task(lise, "Reste à faire"), await task(lise, "Rendre l’appareil")
    today = NOON.date() + timedelta(days=1)
    days = {"du": today.isoformat(), "au": (today + timedelta(days=2)).isoformat(), "remplacant": "Practitioner/paul"}
    assert (await lise.post("/absences", data=days)).status_code == 303
    assert "Vous avez été en absence" not in (await lise.get("/agenda")).text
    assert "En absence" in row_of((await paul.get("/planning")).text, "LISE")
    clock.advance(timedelta(days=2))
    paul, gp = await enter(PAUL), await enter(GP)
    version = (await paul.get(f"/taches/{done}")).text.split('name="version" value="')[1].split('"')[0]
    assert (
        await paul.post(f"/taches/{done}/faite", data={"version": version, "resultat": "Rendu au prestataire"})
    ).status_code == 303
    await task(gp, "Question du médecin", due="2026-12-01")
    clock.advance(timedelta(days=2))
    lise = await enter(LISE)
    assert "Vous avez été en absence" in (await lise.get("/agenda")).text
    page = (await lise.get("/absences")).text.split('id="retour"')[1].split("</section>")[0]
    assert "Rendu au prestataire" in page
    assert "PAUL" in page
    assert "Question du médecin" in page
    assert "Reste à faire" not in page, kept
    assert 'id="retour"' not in (await (await enter(PAUL)).get("/absences")).text
    clock.advance(timedelta(days=20))
    assert 'id="retour"' not in (await (await enter(LISE)).get("/absences")).text


async def test_who_gives_work_reads_who_is_away(enter: Any) -> None:
    lise, paul = await enter(LISE), await enter(PAUL)
    given = await task(lise, "Appeler la mairie")
    places = (f"/taches/{given}", "/taches/nouvelle?patient=anne", "/patients/anne/visites/nouvelle")
    for path in places:
        shown = (await lise.get(path)).text
        assert ('value="Practitioner/paul"' in shown, "en absence" in shown) == (True, False), path
    since = NOON.date() + timedelta(days=3)
    days = {"du": since.isoformat(), "au": (since + timedelta(days=2)).isoformat(), "remplacant": "Practitioner/lise"}
    assert (await paul.post("/absences", data=days)).status_code == 303
    for path in places:
        shown = (await lise.get(path)).text.replace("\u00a0", " ")
        (option,) = re.findall(r'<option value="Practitioner/paul"[^>]*>([^<]*)', shown)
        assert "en absence du 26 nov. 2026 au 28 nov. 2026" in option, path


async def test_an_absence_is_ones_own_and_makes_sense(enter: Any) -> None:
    lise, today = await enter(LISE), NOON.date()
    good = {"du": today.isoformat(), "au": today.isoformat(), "remplacant": ""}
    for wrong in (
        {"du": ""},
        {"au": "hier"},
        {"au": "2026-01-01"},
        {"remplacant": "Practitioner/eve"},
        {"remplacant": "Practitioner/lise"},
    ):
        assert (await lise.post("/absences", data=good | wrong)).status_code == 422, wrong
    assert (await lise.post("/absences", data=good)).status_code == 303
    where = (await lise.get("/absences")).text.split('action="/absences/')[1].split('"')[0]
    await (await enter(PAUL)).post(f"/absences/{where}", data={})
    assert "Sans remplaçant" in (await lise.get("/absences")).text
    assert (await lise.post("/absences/rien/retirer", data={})).status_code == 404
    assert (await lise.post(f"/absences/{where}", data={})).status_code == 303
    assert "Sans remplaçant" not in (await lise.get("/absences")).text


async def test_the_number_of_statements_does_not_grow_with_the_team(enter: Any, access: Access) -> None:
    lise = await enter(LISE)
    await task(lise, "Une tâche")
    with count_statements() as counted:
        await lise.get(f"/planning?jour={DAY}")
    before = counted.statements
    assert before <= STATEMENTS
    async with access.act(SEED) as ctx:
        for n in range(8):
            await ctx.records.write(
                {"resourceType": "Practitioner", "id": f"new{n}", "name": [{"text": f"Nouveau {n}"}]},
                {"resourceType": "PractitionerRole", "id": f"role-new{n}", "active": True, "practitioner": {"reference": f"Practitioner/new{n}"},
                 "organization": {"reference": "Organization/dac"}},
            )  # fmt: skip
    for n in range(8):
        await visit(lise, f"Visite {n}", "09:00", owner=f"new{n}")
    with count_statements() as counted:
        page = (await lise.get(f"/planning?jour={DAY}")).text
    assert page.count("Visite ") >= 8
    assert counted.statements <= before


@pytest.mark.browser
async def test_the_planning_is_whole_on_every_screen(enter: Any, browser: Browser, application: Any, signed_in: Visit) -> None:
    lise = await enter(LISE)
    await task(lise, "Appeler la mairie")
    await visit(lise, "Revoir le plan", "10:00")
    await lise.post("/absences", data={"du": "2026-11-23", "au": "2026-11-24", "remplacant": "Practitioner/paul"})
    window = await screen(browser, application(pages), headers=await signed_in(LISE))
    for path, name in ((f"/planning?jour={DAY}", "planning"), ("/absences", "absences")):
        await window.open(path)
        await window.check(name)
