"""Who does what this week: one page across professions and resources, for those who follow a person, and for the person and carers by their rights."""

from datetime import date
from typing import Any

import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.db import count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.resources import week as weeks
from tests.support.browser import screen
from tests.support.followed import ABOUT, GP, LISE, THEO, Enter, write
from tests.support.pages import Visit
from tests.support.people import SEED, carer, patient, professional

DOMINIQUE, CLAUDE, OUTSIDER = patient("p"), carer("claude"), professional("out", Role.NURSE)
STATEMENTS = 30
MONDAY = date(2026, 11, 23)
CARE_ONLY = {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}}
TASK = {"resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": "Patient/p"}}
AID = {
    "resourceType": "ServiceRequest", "status": "active", "intent": "order", **ABOUT, "category": [{"coding": [{"system": "urn:maillage:request", "code": "aid"}]}],
}  # fmt: skip


def appointment(start: str, words: str, who: str, *, status: str = "booked") -> dict[str, Any]:
    people = [{"actor": {"reference": one}, "status": "accepted"} for one in ("Patient/p", who)]
    return {
        "resourceType": "Appointment",
        "status": status,
        "description": words,
        "start": start,
        "end": start,
        "participant": people,
    }


@pytest.fixture
async def filled(followed: None, access: Access) -> None:
    await write(
        access, SEED,
        appointment("2026-11-24T08:30:00+01:00", "Pansement du pied", "Practitioner/nora"),
        appointment("2026-12-02T08:30:00+01:00", "Pansement d’après", "Practitioner/nora"),
        appointment("2026-11-26T10:00:00+01:00", "Séance annulée", "Practitioner/nora", status="cancelled"),
        TASK | {"code": {"text": "Renouveler l’ordonnance"}, "owner": {"reference": "Practitioner/gp"},
                "restriction": {"period": {"end": "2026-11-27T18:00:00+01:00"}}},
        TASK | {"code": {"text": "Dossier APA"}, "owner": {"display": "Mairie"}, "restriction": {"period": {"end": "2026-11-10"}}},
        AID | {"code": {"text": "Portage de repas"}, "performer": [{"display": "Service Bon Plat"}], "patientInstruction": "midi"},
        AID | {"code": {"text": "Aide finie"}, "occurrencePeriod": {"end": "2026-11-01"}},
        AID | {"code": {"text": "Aide à la toilette"}, "performer": [{"display": "Aide Essai"}],
               "occurrenceTiming": {"repeat": {"dayOfWeek": ["mon", "thu"], "timeOfDay": ["08:00:00"]}}},
        AID | {"code": {"text": "Affaire de soin"}, **CARE_ONLY},
        {"resourceType": "CarePlan", "status": "active", "intent": "plan", **ABOUT, "category": [{"coding": [{"system": "urn:maillage:plan", "code": "ppcs"}]}],
         "activity": [{"detail": {"status": "not-started", "code": {"text": "Marcher au parc"}, "scheduledPeriod": {"end": "2026-11-28"}}}]},
    )  # fmt: skip


async def shown(enter: Enter, actor: Actor, path: str = "/patients/p/semaine?jour=2026-11-25") -> str:
    answer = await (await enter(actor)).get(path)
    assert answer.status_code == 200, answer.text
    return answer.text.split("<main")[1].split("</main>")[0]


def day(page: str, words: str) -> str:
    """What stands under the heading of a day."""
    return page.split(words, 1)[1].split("</section>")[0]


async def test_everything_that_is_done_stands_on_its_day(filled: None, enter: Enter) -> None:
    page = await shown(enter, GP)
    hard = "\u00a0"
    assert "Pansement du pied" in day(page, f"Mardi 24{hard}novembre")
    assert "Nora FICTIVE" in day(page, f"Mardi 24{hard}novembre")
    assert "Aide à la toilette" in day(page, f"Jeudi 26{hard}novembre")
    assert page.count("Aide à la toilette") == 2
    friday = day(page, f"Vendredi 27{hard}novembre")
    assert "Renouveler l’ordonnance" in friday
    assert "Vous" in friday
    assert "À pourvoir" in day(page, f"Samedi 28{hard}novembre")
    assert "Portage de repas" in day(page, "Chaque semaine")
    assert "Dossier APA" in day(page, "Attendu avant cette semaine")
    for words in ("Pansement d’après", "Séance annulée", "Aide finie"):
        assert words not in page, words
    following = await shown(enter, GP, "/patients/p/semaine?jour=2026-12-01")
    assert "Pansement d’après" in following
    assert "Dossier APA" not in following
    assert "Qui fait quoi" in await shown(enter, GP, "/patients/p/semaine?jour=bientôt")


async def test_what_was_accepted_or_is_asked_of_others_elsewhere_is_no_duty_of_the_week(
    filled: None, enter: Enter, access: Access
) -> None:
    due = {"restriction": {"period": {"end": "2026-11-25T18:00:00+01:00"}}}
    kinds = (("urn:maillage:request", "support"), ("urn:maillage:circle-invitation", "invitation"), ("urn:maillage:task", "todo"))
    await write(
        access, SEED,
        *(TASK | due | {"status": "accepted", "code": {"coding": [{"system": system, "code": code}], "text": f"Affaire {code}"}} for system, code in kinds),
    )  # fmt: skip
    page = await shown(enter, GP)
    assert "Affaire todo" in page
    assert "Affaire support" not in page
    assert "Affaire invitation" not in page


async def test_what_one_may_not_see_is_not_in_the_week(filled: None, enter: Enter, access: Access) -> None:
    assert "Affaire de soin" in await shown(enter, GP)
    for actor in (LISE, THEO):
        page = await shown(enter, actor)
        assert "Portage de repas" in page
        assert "Affaire de soin" not in page
    assert (await (await enter(OUTSIDER)).get("/patients/p/semaine")).status_code == 404
    async with access.act(SEED) as ctx:
        team = await ctx.records.read("CareTeam", "team-p")
        left = [one for one in team["participant"] if one["member"]["reference"] != "Practitioner/theo"]
        assert len(left) < len(team["participant"])
        await ctx.records.write(team | {"participant": left})
    assert (await (await enter(THEO)).get("/patients/p/semaine")).status_code == 404


async def test_the_person_and_a_carer_see_their_week_by_their_rights(filled: None, enter: Enter, access: Access) -> None:
    page = await shown(enter, DOMINIQUE, "/ma-semaine?jour=2026-11-25")
    assert "Pansement du pied" in page
    assert "Portage de repas" in page
    for scope, sees in (("follow", True), ("agenda", False)):
        relation = {"resourceType": "RelatedPerson", "id": "claude", "active": True, "patient": {"reference": "Patient/p"}}
        await write(access, SEED, relation | {"extension": [{"url": CARER_SCOPE, "valueCode": scope}]})
        page = await shown(enter, CLAUDE, "/ma-semaine?jour=2026-11-25")
        assert "Pansement du pied" in page, scope
        assert ("Portage de repas" in page) is sees, scope


async def test_the_number_of_statements_does_not_grow_with_the_week(filled: None, enter: Enter, access: Access) -> None:
    gp = await enter(GP)
    with count_statements() as counted:
        await gp.get("/patients/p/semaine?jour=2026-11-25")
    before = counted.statements
    assert before <= STATEMENTS
    await write(
        access, SEED, *(appointment(f"2026-11-24T{hour:02}:00:00+01:00", "Passage", "Practitioner/nora") for hour in range(9, 19))
    )
    with count_statements() as counted:
        page = (await gp.get("/patients/p/semaine?jour=2026-11-25")).text
    assert page.count("Passage") == 10
    assert counted.statements <= before


def test_days_of_a_timing_stay_within_its_bounds_and_strange_ones_are_passed_over() -> None:
    timing = {"repeat": {"dayOfWeek": ["mon", "fri", "?"], "boundsPeriod": {"start": "2026-11-25"}}}
    found = weeks.services([AID | {"code": {"text": "x"}, "occurrenceTiming": timing}], monday=MONDAY)
    assert [one.day for one in found] == [date(2026, 11, 27)]
    assert weeks.appointments([{"status": "booked"}, {"status": "booked", "start": "demain"}]) == []
    assert weeks.deadlines([{"status": "requested", "restriction": {"period": {"end": "2026-11"}}}]) == []


@pytest.mark.browser
async def test_the_week_is_whole_on_every_screen(filled: None, browser: Browser, application: Any, signed_in: Visit) -> None:
    for actor, path, name in ((GP, "/patients/p/semaine", "semaine"), (DOMINIQUE, "/ma-semaine", "ma-semaine")):
        window = await screen(browser, application(pages), headers=await signed_in(actor))
        await window.open(f"{path}?jour=2026-11-25")
        await window.check(name)
