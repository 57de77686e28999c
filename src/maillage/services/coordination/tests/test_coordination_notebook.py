"""The liaison notebook and the round: what passes from one to the next, and a day's visits."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.erasing import Erased
from maillage.db import count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.resources import note as resources
from maillage.services.coordination.resources.note import KINDS, TYPES, note_for, thread
from maillage.services.coordination.resources.task import todo_for
from maillage.services.coordination.service import note_reading, notebook
from maillage.services.messaging.events import MatterTold
from maillage.services.messaging.resources.wording import words_of
from tests.support.browser import HERE, PHONE, screen
from tests.support.people import NOON, SEED, care_team, professional

NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
OTHER = professional("other", Role.NURSE)
LISE = Actor(
    id="psc:lise",
    kind=ActorKind.PROFESSIONAL,
    name="Lise MAQUETTE",
    roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise",
)
BOOK = "/patients/p/cahier"
STATEMENTS = 13


def person(id: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": id, "name": [{"use": "official", "family": f"CANEVAS-{id}", "given": ["ROGER"]}], "gender": "male",
        "birthDate": "1945-02-02", "telecom": [{"system": "phone", "value": "0102030405"}], "address": [{"line": ["1 chemin du Haut"], "city": "Essai"}],
    }  # fmt: skip


def visit_of(id: str, patient: str, *, hours: float, by: str = "nora", status: str = "booked") -> dict[str, Any]:
    start = NOON + timedelta(hours=hours)
    actors = [{"actor": {"reference": one}, "status": "accepted"} for one in (f"Patient/{patient}", f"Practitioner/{by}")]
    return {
        "resourceType": "Appointment", "id": id, "status": status, "start": start.isoformat(), "end": (start + timedelta(minutes=20)).isoformat(),
        "description": "Pansement du talon", "participant": actors,
    }  # fmt: skip


@pytest.fixture
async def territory(access: Access) -> None:
    async with access.act(SEED) as ctx:
        people = [
            {"resourceType": "Practitioner", "id": one, "name": [{"family": one.upper()}]}
            for one in ("nora", "gp", "other", "lise")
        ]
        await ctx.records.write(*people, person("p"), person("q"), person("r"))
        await ctx.records.write(
            *(care_team(one, "Practitioner/nora", "Practitioner/gp", "Practitioner/lise") for one in ("p", "q"))
        )
        await ctx.records.write(
            visit_of("second", "q", hours=2), visit_of("first", "p", hours=-3), visit_of("tomorrow", "p", hours=24), visit_of("gone", "q", hours=1, status="cancelled"),
            visit_of("theirs", "p", hours=1, by="gp"),
        )  # fmt: skip


class Visitor:
    """Somebody at the pages, who sends what stands in the first form of a page."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def send(self, address: str, page: str = BOOK, **fields: str) -> Response:
        text = (await self.client.get(page)).text
        tokens = dict(reversed(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', text)))
        return await self.client.post(address, data={**tokens, **fields})


@pytest.fixture
def visit(application, signed_in):
    async def client(actor: Actor) -> Visitor:
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        transport = ASGITransport(app=application(pages))
        return Visitor(AsyncClient(transport=transport, base_url=HERE, headers={"accept": "text/html"}, cookies=cookies))

    return client


async def notes(access: Access) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find("DocumentReference", {"patient": "Patient/p", "type": f"{TYPES}|"})


# --- the notebook


async def test_what_one_writes_all_of_the_circle_read_and_answer(territory: None, visit: Any) -> None:
    nora, gp, lise = await visit(NORA), await visit(GP), await visit(LISE)
    written = await nora.send(BOOK, texte="Talon plus rouge ce matin.", type="OBS", important="1")
    assert written.headers["location"] == f"{BOOK}?fait=note"
    page = (await gp.client.get(BOOK)).text
    assert "Talon plus rouge ce matin." in page
    assert "Important" in page
    [first] = re.findall(r'name="reponse" value="([\w-]+)"', page)
    await gp.send(BOOK, texte="Je passe demain.", reponse=first)
    page = (await lise.client.get(BOOK)).text
    assert page.index("Talon plus rouge") < page.index("Je passe demain.")
    assert len(re.findall(r'name="reponse"', page)) == 1, "the answer stands under its note"


async def test_nobody_from_outside_reads_or_writes(territory: None, visit: Any, access: Access) -> None:
    nora, other = await visit(NORA), await visit(OTHER)
    await nora.send(BOOK, texte="Bonjour", type="GEN")
    assert "Bonjour" in (await nora.client.get(BOOK)).text
    assert (await other.client.get(BOOK)).status_code == 404
    assert (await other.send(BOOK, "/tournee", texte="Je regarde")).status_code in (403, 404)
    assert len(await notes(access)) == 1


async def test_who_left_the_circle_reads_no_more(territory: None, visit: Any, access: Access) -> None:
    gp = await visit(GP)
    assert (await gp.client.get(BOOK)).status_code == 200
    async with access.act(SEED) as ctx:
        team = await ctx.records.read("CareTeam", "team-p")
        await ctx.records.write({**team, "participant": team["participant"][:1]})
        theirs = await ctx.records.read("Appointment", "theirs")
        await ctx.records.write({**theirs, "status": "cancelled"})
    assert (await gp.client.get(BOOK)).status_code == 404


async def test_a_masked_note_is_not_there_for_professionals(territory: None, visit: Any, access: Access) -> None:
    masked = note_for("Ce que je garde", kind="GEN", patient="p", by="Patient/p", name="Roger", at=NOON)
    plain = note_for("Ce que je dis", kind="GEN", patient="p", by="Patient/p", name="Roger", at=NOON)
    system = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    async with access.act(SEED) as ctx:
        await ctx.records.write(plain, {**masked, "securityLabel": [{"coding": [{"system": system, "code": "MASQUE_PS"}]}]})
    page = (await (await visit(NORA)).client.get(BOOK)).text
    assert "Ce que je dis" in page
    assert "Ce que je garde" not in page


async def test_only_its_author_withdraws_a_note_and_its_trace_stays(territory: None, visit: Any, access: Access) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    await nora.send(BOOK, texte="Erreur de patient", type="GEN")
    [one] = await notes(access)
    assert (await gp.send(f"{BOOK}/{one['id']}/retirer")).status_code == 403
    assert (await nora.send(f"{BOOK}/{one['id']}/retirer", version="7")).status_code == 412
    assert (await nora.send(f"{BOOK}/{one['id']}/retirer", version="1")).status_code == 303
    assert "Erreur de patient" not in (await gp.client.get(BOOK)).text
    assert [after["status"] for after in await notes(access)] == ["entered-in-error"]


async def test_its_author_corrects_a_note_and_what_it_said_stays(territory: None, visit: Any, access: Access) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    await nora.send(BOOK, texte="Talon gauche", type="OBS")
    [note] = await notes(access)
    correct = f"{BOOK}/{note['id']}/corriger"
    assert (await gp.send(correct, texte="Rien", version="1")).status_code == 403
    sent = await nora.send(correct, texte="Talon droit", version="1")
    assert sent.headers["location"] == f"{BOOK}?fait=correction"
    page = (await gp.client.get(BOOK)).text
    assert "Talon droit" in page
    assert "Talon gauche" not in page
    late = await nora.send(correct, texte="Talon du milieu", version="1")
    assert late.status_code == 412
    async with access.act(SEED) as ctx:
        history = await ctx.records.history("DocumentReference", note["id"])
    assert len(history.versions) == 2


@pytest.mark.parametrize(("important", "told"), [(True, True), (False, False)])
async def test_an_important_note_is_put_before_the_circle(territory: None, access: Access, important: bool, told: bool) -> None:
    async with access.act(NORA) as ctx:
        written = await notebook.write(ctx, patient="p", text="Fièvre à 39", kind="OBS", important=important, answers="")
        announced = [one for one in ctx.announced if isinstance(one, MatterTold)]
    assert bool(announced) is told
    if told:
        assert announced[0].about == f"DocumentReference/{written['id']}"
        assert {"Practitioner/gp", "Practitioner/lise"} <= set(announced[0].recipients)
        assert "Practitioner/other" not in announced[0].recipients
        words = words_of("note-important", written, patient="p")
        assert (words.detail, words.address, words.urgent) == ("Fièvre à 39", BOOK, True)


async def test_an_empty_note_is_asked_again(territory: None, visit: Any, access: Access) -> None:
    answer = await (await visit(NORA)).send(BOOK, texte="  ", type="GEN")
    assert answer.status_code == 422
    assert "Écrivez la note" in answer.text
    assert await notes(access) == []


async def test_what_an_editor_wrote_as_in_the_official_example_is_read(
    territory: None, visit: Any, access: Access, shared_data: Path
) -> None:
    bundle = json.loads((shared_data / "fr-profiles-examples/cdl/Bundle-cdl-bundle-creation-note.json").read_text("utf-8"))
    note = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "DocumentReference")
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {
                **note,
                "subject": {"reference": "Patient/p"},
                "author": [{"reference": "Practitioner/gp"}, {"display": "Mme Sophie Brooks (infirmier)"}],
            }
        )
    page = (await (await visit(NORA)).client.get(BOOK)).text
    assert "Maman est fatiguée." in page
    assert "Demande d’avis" in page
    assert "Mme Sophie Brooks (infirmier)" in page
    assert set(KINDS) == {"DEM-AVIS", "GEN", "INST", "INTERV", "OBS"}


async def test_who_read_a_note_and_when_is_seen_by_the_circle(territory: None, visit: Any, access: Access) -> None:
    nora, gp, lise = await visit(NORA), await visit(GP), await visit(LISE)
    await nora.send(BOOK, texte="Talon plus rouge.", type="OBS")
    page = (await gp.client.get(BOOK)).text
    assert "J’ai lu" in page
    assert "Personne n’a encore dit l’avoir lue." in (await nora.client.get(BOOK)).text, "opening it says nothing"
    [until] = re.findall(r'name="jusqua" value="([^"]+)"', page)
    await nora.send(BOOK, texte="Et chaud.", type="OBS")
    for reader in (gp, lise, lise):
        assert (await reader.send(f"{BOOK}/lu", jusqua=until)).headers["location"] == f"{BOOK}?fait=lu"
    pages = [" ".join((await one.client.get(BOOK)).text.split()) for one in (nora, gp)]
    read = re.findall(r"Lu par ([^<]+)", pages[0])
    assert len(read) == 1, "the second was not on the page that they read"
    assert [read[0].count(name) for name in ("Dr Camille EXEMPLE", "Lise MAQUETTE", "Nora")] == [1, 1, 0]
    assert "J’ai lu" in pages[1], "what came after is new"
    [first] = [one for one in await notes(access) if resources.text_of(one) == "Talon plus rouge."]
    await nora.send(f"{BOOK}/{first['id']}/corriger", texte="Talon gauche plus rouge.", version="1")
    assert "Lu par" not in (await nora.client.get(BOOK)).text, "it was read before it was corrected"
    for bad in ("", "hier", "2026-11-23"):
        assert (await gp.send(f"{BOOK}/lu", jusqua=bad)).status_code == 400, bad


async def test_nobody_is_said_to_have_read_what_is_kept_from_them(territory: None, visit: Any, access: Access) -> None:
    nora, gp, lise = await visit(NORA), await visit(GP), await visit(LISE)
    await nora.send(BOOK, texte="Pour tous.", type="OBS")
    await nora.send(BOOK, texte="Entre soignants.", type="OBS", lecteurs="care", important="1")
    page = (await gp.client.get(BOOK)).text
    assert "Soignants seulement" in page
    [first, _] = sorted(await notes(access), key=lambda one: "category" in one, reverse=True)
    await gp.send(BOOK, texte="Vu, merci.", reponse=first["id"])
    pages = [(await one.client.get(BOOK)).text for one in (gp, lise)]
    assert ["Pour tous." in one for one in pages] == [True, True]
    assert [[words in one for words in ("Entre soignants.", "Vu, merci.")] for one in pages] == [[True, True], [False, False]]
    for reader in (gp, lise):
        await reader.send(f"{BOOK}/lu", jusqua="2027-01-01T00:00:00+00:00")
    by_note = re.findall(r"Lu par ([^<]+)", (await nora.client.get(BOOK)).text)
    assert sorted(one.count("Lise MAQUETTE") for one in by_note) == [0, 1]
    async with access.act(SEED) as ctx:
        told = await ctx.records.find("Communication", {"_count": "50"})
    assert all("Practitioner/lise" not in json.dumps(one.get("recipient", [])) for one in told if first["id"] in json.dumps(one))


async def test_who_read_is_forgotten_with_the_record(territory: None, visit: Any, access: Access) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    await nora.send(BOOK, texte="Pour tous.", type="OBS")
    await gp.send(f"{BOOK}/lu", jusqua="2027-01-01T00:00:00+00:00")
    for erased, left in (("q", True), ("p", False)):
        async with access.act(SEED) as ctx:
            await note_reading.forget_readings(ctx, [Erased("Patient", erased, None)])
        assert ("Lu par" in (await nora.client.get(BOOK)).text) is left


async def test_outsiders_read_nothing_and_say_nothing(territory: None, visit: Any) -> None:
    nora, other = await visit(NORA), await visit(OTHER)
    await nora.send(BOOK, texte="Pour tous.", type="OBS")
    assert (await other.send(f"{BOOK}/lu", "/tournee", jusqua="2027-01-01T00:00:00+00:00")).status_code == 404
    assert "Lu par" not in (await nora.client.get(BOOK)).text


def test_a_note_that_answers_one_that_is_not_there_stands_by_itself() -> None:
    alone = note_for("Oui", kind="GEN", patient="p", by="Practitioner/gp", name="", at=NOON, answers="hidden") | {"id": "1"}
    assert [one.text for one in thread([alone])] == ["Oui"]


# --- the round


async def test_the_round_is_the_visits_of_today_in_their_order(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    await nora.send(BOOK, texte="Talon plus rouge.", type="OBS")
    with count_statements() as counted:
        answer = await nora.client.get("/tournee")
    page = " ".join(answer.text.split())
    assert counted.statements <= STATEMENTS
    assert len(answer.content) < 60_000
    assert (
        page.index("CANEVAS-P") < page.index("CANEVAS-Q")
        if "CANEVAS-P" in page
        else page.index("CANEVAS-p") < page.index("CANEVAS-q")
    )
    assert len(re.findall(r"/faite\"", page)) == 2
    assert "Talon plus rouge." in page
    assert 'href="tel:0102030405"' in page


async def test_the_round_says_how_one_gets_in_and_which_visit_waits(territory: None, visit: Any, access: Access) -> None:
    async with access.act(SEED) as ctx:
        for patient, status in (("p", "completed"), ("q", "entered-in-error")):
            answer = {"linkId": "acces", "answer": [{"valueString": f"Code 12A{patient}, 2e étage"}]}
            await ctx.records.write(
                {"resourceType": "QuestionnaireResponse", "status": status, "questionnaire": "urn:maillage:questionnaire|home",
                 "subject": {"reference": f"Patient/{patient}"}, "item": [answer]},
            )  # fmt: skip
    nora = await visit(NORA)
    page = (await nora.client.get("/tournee")).text
    assert "Code 12Ap" in page
    assert "Code 12Aq" not in page, "it was taken back"
    assert "À faire encore : celle de" in page
    await nora.send("/tournee/first/faite", "/tournee")
    page = (await nora.client.get("/tournee")).text
    assert "Code 12Ap" not in page, "one was there already"
    assert "Prochaine à" in page


def task_of(id: str, patient: str, what: str, *, hours: float, owner: str = "nora") -> dict[str, Any]:
    return todo_for(
        id=id, patient=patient, title=what, description="", due=NOON + timedelta(hours=hours), priority="routine",
        owner={"reference": f"Practitioner/{owner}"}, requester={"reference": "Practitioner/gp"}, at=NOON - timedelta(days=2), remind=None,
    )  # fmt: skip


async def test_each_stop_says_what_is_to_be_done_there(territory: None, visit: Any, access: Access) -> None:
    action = task_of("gait", "q", "Marcher avec lui", hours=100) | {"intent": "plan", "basedOn": [{"reference": "CarePlan/1"}]}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "CarePlan", "id": "1", "status": "active", "intent": "plan", "subject": {"reference": "Patient/q"}}
        )
        await ctx.records.write(care_team("r", "Practitioner/nora"))
        await ctx.records.write(
            task_of("late", "p", "Prendre la tension", hours=-30), action, task_of("far", "q", "Bilan annuel", hours=24 * 30),
            task_of("call", "r", "Appeler la pharmacie", hours=3), task_of("later", "r", "Autre semaine", hours=48),
            task_of("theirs", "p", "Renouveler", hours=1, owner="gp"),
        )  # fmt: skip
    nora = await visit(NORA)
    page = " ".join((await nora.client.get("/tournee")).text.split())
    order = [page.index(words) for words in ("Prendre la tension", "Marcher avec lui", "Appeler la pharmacie")]
    assert order == sorted(order), "in the order of the visits, then what has none"
    assert page.count("En retard") == 1
    for words in ("Bilan annuel", "Autre semaine", "Renouveler"):
        assert words not in page, words
    done = await nora.send("/tournee/taches/late/faite", "/tournee")
    assert done.headers["location"] == "/tournee?fait=tache&tache=late"
    assert "Prendre la tension" not in (await nora.client.get("/tournee")).text
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Task", "late"))["status"] == "completed"
    assert "/tournee/taches/late/a-faire" in (await nora.client.get(done.headers["location"])).text
    await nora.send("/tournee/taches/late/a-faire", "/tournee")
    assert "Prendre la tension" in (await nora.client.get("/tournee")).text
    assert (await (await visit(OTHER)).send("/tournee/taches/late/faite", "/tournee")).status_code == 404
    assert (await nora.send("/tournee/taches/far/faite", "/tournee")).status_code == 303, "one's own, wherever it is shown"


async def test_a_long_day_stays_small_and_costs_no_more(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    await nora.client.get("/tournee")
    async with access.act(SEED) as ctx:
        await ctx.records.write(*(visit_of(f"v{n}", "pq"[n % 2], hours=n / 4) for n in range(20)))
        await ctx.records.write(*(task_of(f"t{n}", "pq"[n % 2], f"Soin numéro {n}", hours=n) for n in range(20)))
    with count_statements() as counted:
        answer = await nora.client.get("/tournee")
    assert answer.text.count("Soin numéro") > 19
    assert counted.statements <= STATEMENTS
    assert len(answer.content) < 60_000


async def test_a_visit_is_ticked_with_one_tap_and_taken_back(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    assert (await nora.send("/tournee/first/faite", "/tournee")).headers["location"] == "/tournee?fait=visite"
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Appointment", "first"))["status"] == "fulfilled"
    assert len(re.findall(r"/faite\"", (await nora.client.get("/tournee")).text)) == 1
    await nora.send("/tournee/first/a-faire", "/tournee")
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Appointment", "first"))["status"] == "booked"


async def test_the_visit_of_somebody_else_is_not_hers(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    assert (await nora.send("/tournee/theirs/faite", "/tournee")).status_code == 404
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Appointment", "theirs"))["status"] == "booked"


@pytest.mark.browser
async def test_the_round_and_the_notebook_hold_on_a_phone_without_script(
    territory: None, access: Access, browser: Browser, application: Any, signed_in: Any
) -> None:
    """A constant from the round is three taps: « Saisir », the measure where it is not the first, « Enregistrer »."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("r", "Practitioner/nora"))
        await ctx.records.write(
            task_of("there", "q", "Marcher avec lui", hours=-30), task_of("call", "r", "Appeler la pharmacie", hours=3)
        )
    plain = await screen(browser, application(pages), headers=await signed_in(NORA), scripts=False)
    page = await plain.open(f"{BOOK}?tournee=1")
    await page.get_by_label("Ce que vous avez vu ou fait").fill("Talon plus rouge ce matin.")
    await page.get_by_role("button", name="Écrire au cahier").click()
    await expect(page.get_by_text("Note enregistrée.")).to_be_visible()
    taps = 0
    for name in ("Saisir pour", "Tension", "Enregistrer"):
        if name == "Enregistrer":
            await page.get_by_label("Systolique").fill("135")
            await page.get_by_label("Diastolique").fill("80")
        await page.get_by_role("button" if name == "Enregistrer" else "link", name=name).first.click()
        taps += 1
    await expect(page.get_by_text("Constante enregistrée.")).to_be_visible()
    assert taps <= 3
    window = await screen(browser, application(pages), headers=await signed_in(NORA))
    page = await window.open(f"{BOOK}?tournee=1")
    await expect(page.get_by_role("paragraph").filter(has_text="Talon plus rouge ce matin.")).to_be_visible()
    await window.check("cahier")
    await window.open("/tournee")
    await window.check("tournee")
    await page.set_viewport_size({"width": PHONE, "height": 844})
    small = await page.evaluate(
        "() => [...document.querySelectorAll('main a, main button')].filter(e => e.getBoundingClientRect().height < 48).map(e => e.outerHTML.slice(0, 90))"
    )
    assert small == []
