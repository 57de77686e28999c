"""Calls, visits and agendas: nobody is in two places at once at any door, what was said is the last contact, and each sees a day or a week of theirs."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.db import count_statements
from maillage.errors import Conflict
from maillage.services.coordination import pages
from tests.support.browser import screen
from tests.support.followed import ABOUT, GP, LISE, NURSE, Enter, write
from tests.support.pages import Visit, client_of
from tests.support.people import SEED, professional

OUTSIDER = professional("out", Role.NURSE)
STATEMENTS = 14
DAY = "2026-11-26"
VISIT = {"motif": "Évaluer le domicile", "jour": DAY, "heure": "14:30", "duree": "60", "lieu": "", "qui": "Practitioner/lise"}
CALL = {
    "moyen": "PHONE",
    "avec": "Patient/p",
    "autre": "",
    "joint": "oui",
    "motif": "Sortie",
    "resultat": "Tout va bien, appétit revenu.",
}


@pytest.fixture
def enter(application: Any, access: Access) -> Enter:
    async def client(actor: Actor) -> AsyncClient:
        return await client_of(application(pages), access, actor)

    return client


def appointment(
    start: str, end: str, who: str = "Practitioner/lise", *, status: str = "booked", said: str = "accepted", patient: str = "p"
) -> dict[str, Any]:
    return {
        "resourceType": "Appointment", "status": status, "description": "Autre rendez-vous", "start": f"{DAY}T{start}:00+01:00", "end": f"{DAY}T{end}:00+01:00",
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}, {"actor": {"reference": who}, "status": said}],
    }  # fmt: skip


async def planned(enter: Enter, actor: Actor = LISE, **other: str) -> str:
    answer = await (await enter(actor)).post("/patients/p/visites", data=VISIT | other)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("?")[0])


async def appointments(access: Access) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find("Appointment", [("actor", "Practitioner/lise")])


async def last_contact(enter: Enter) -> str:
    """About what the last contact was, as the record says it."""
    page = (await (await enter(GP)).get("/patients/p")).text.split("Dernier contact")[1].split("</section>")[0]
    return page.split("\u00a0: ")[1].split("</p>")[0].strip()


def version_of(page: str) -> str:
    return page.split('name="version" value="')[1].split('"')[0]


async def test_a_visit_stands_in_the_agenda_of_who_makes_it_and_in_no_other(followed: None, enter: Enter) -> None:
    where = await planned(enter)
    for path in (f"/agenda?jour={DAY}", f"/agenda?vue=jour&jour={DAY}", "/patients/p/semaine?jour=2026-11-26"):
        assert "Évaluer le domicile" in (await (await enter(LISE)).get(path)).text, path
    assert "Évaluer le domicile" not in (await (await enter(LISE)).get("/agenda?vue=jour&jour=2026-11-27")).text
    assert "Évaluer le domicile" not in (await (await enter(GP)).get(f"/agenda?jour={DAY}")).text
    assert (await (await enter(OUTSIDER)).get(where)).status_code == 404
    assert (
        await (await enter(OUTSIDER)).post("/patients/p/visites", data=VISIT | {"qui": "Practitioner/out"})
    ).status_code == 404
    assert (await (await enter(LISE)).get(where)).status_code == 200


async def test_who_is_taken_is_not_taken_twice_and_both_are_shown(followed: None, enter: Enter, access: Access) -> None:
    await planned(enter)
    answer = await (await enter(NURSE)).post("/patients/p/visites", data=VISIT | {"motif": "Deuxième", "heure": "15:00"})
    assert answer.status_code == 409
    assert "Deuxième, le 26 nov. 2026, de 15" in answer.text.replace("\u00a0", " ").replace("\u202f", " ")
    assert "Évaluer le domicile" in answer.text
    assert 'value="Deuxième"' in answer.text
    assert len(await appointments(access)) == 1
    await planned(enter, heure="15:30")  # it begins when the other ends
    await planned(enter, NURSE, heure="15:00", qui="Practitioner/nora")  # by somebody else
    assert len(await appointments(access)) == 2


async def test_the_refusal_holds_over_fhir_too_and_tells_nothing_of_who_is_not_seen(
    followed: None, access: Access, enter: Enter
) -> None:
    await write(access, SEED, appointment("09:00", "10:00", patient="q"))
    with pytest.raises(Conflict) as refused:
        await write(access, GP, appointment("09:30", "10:30"))
    assert "Autre rendez-vous" not in str(refused.value.french)
    assert "un rendez-vous" in str(refused.value.french)
    await write(
        access,
        GP,
        appointment("10:00", "10:30"),
        appointment("09:30", "09:45", said="tentative"),
        appointment("09:30", "09:40", status="cancelled"),
    )
    with pytest.raises(Conflict):
        await write(access, GP, appointment("11:00", "12:00"), appointment("11:30", "12:30"))
    assert len(await appointments(access)) == 4


async def test_a_function_is_the_person_who_has_it(followed: None, access: Access) -> None:
    role = {
        "resourceType": "PractitionerRole",
        "id": "role-lise",
        "active": True,
        "practitioner": {"reference": "Practitioner/lise"},
    }
    await write(access, SEED, role)
    await write(access, GP, appointment("09:00", "10:00", "PractitionerRole/role-lise"))
    with pytest.raises(Conflict):
        await write(access, GP, appointment("09:30", "10:30"))


async def test_two_who_plan_at_the_very_same_time_are_one_after_the_other(followed: None, access: Access) -> None:
    """Both are in their transaction when they ask: whoever comes second waits for the first, and is refused."""
    both = asyncio.Barrier(2)

    async def plan(actor: Actor) -> str:
        try:
            async with access.act(actor, door="fhir") as ctx:
                await ctx.records.read("Patient", "p")
                await both.wait()
                await ctx.records.write(appointment("09:00", "10:00"))
                await asyncio.sleep(0.05)
        except Conflict:
            return "refused"
        return "planned"

    for _ in range(5):
        assert sorted(await asyncio.gather(plan(GP), plan(NURSE))) == ["planned", "refused"]
        async with access.act(SEED) as ctx:
            for one in await ctx.records.find("Appointment", [("actor", "Practitioner/lise"), ("status", "booked")]):
                await ctx.records.write(one | {"status": "cancelled"})


async def test_two_bundles_that_book_the_same_people_in_opposite_orders_both_pass(followed: None, access: Access) -> None:
    both = asyncio.Barrier(2)

    async def book(people: tuple[str, ...], hour: int) -> None:
        async with access.act(SEED) as ctx:
            await ctx.records.read("Patient", "p")
            await both.wait()
            await ctx.records.write_all(
                [appointment(f"{hour + place:02}:00", f"{hour + place:02}:30", who=one) for place, one in enumerate(people)]
            )

    people = tuple(f"Practitioner/somebody-{number}" for number in range(6))
    for turn in range(5):
        await asyncio.gather(book(people, 8), book(people[::-1], 14))
        async with access.act(SEED) as ctx:
            found = await ctx.records.find("Appointment", [("patient", "p"), ("_count", "500")])
        assert len(found) == 12 * (turn + 1)


async def test_a_visit_moves_is_cancelled_and_frees_its_time(followed: None, enter: Enter, access: Access) -> None:
    lise = await enter(LISE)
    where = await planned(enter)
    first = version_of((await lise.get(where)).text)
    moved = await lise.post(f"{where}/deplacer", data=VISIT | {"heure": "16:00", "version": first})
    assert moved.status_code == 303, moved.text
    await planned(enter, motif="À la place")
    stale = await lise.post(f"{where}/deplacer", data=VISIT | {"motif": "Autre motif", "heure": "17:00", "version": first})
    assert stale.status_code == 409
    assert "Autre motif" in stale.text
    assert "17:00" in stale.text
    assert "16:00" in stale.text
    taken = await lise.post(f"{where}/deplacer", data=VISIT | {"version": version_of(stale.text)})
    assert taken.status_code == 409
    assert "À la place" in taken.text
    assert (await lise.post(f"{where}/annuler", data={"raison": "", "version": version_of(taken.text)})).status_code == 422
    assert (
        await lise.post(f"{where}/annuler", data={"raison": "Hospitalisée", "version": version_of(taken.text)})
    ).status_code == 303
    assert "Hospitalisée" in (await lise.get(where)).text
    await planned(enter, heure="16:00")
    assert sorted(one["status"] for one in await appointments(access)) == ["booked", "booked", "cancelled"]


async def test_a_call_that_came_in_is_said_so_and_what_is_left_of_it_is_a_task_once(
    followed: None, enter: Enter, access: Access
) -> None:
    lise = await enter(LISE)
    shown = (await lise.get("/patients/p/contacts")).text
    (key,) = re.findall(r'name="cle" value="([^"]+)"', shown)
    came = CALL | {"sens": "recu", "joint": "", "autre": "La pharmacie", "avec": "", "resultat": "Plus de pansements", "suite": "Rappeler la pharmacie",
                   "pour_le": "2026-11-25", "cle": key}  # fmt: skip
    late = await lise.post("/patients/p/contacts", data=came | {"pour_le": "2026-01-02"})
    assert (late.status_code, "un jour à venir" in late.text) == (422, True)
    answer = await lise.post("/patients/p/contacts", data=came)
    assert answer.headers["location"] == "/patients/p/contacts?fait=suite"
    page = " ".join((await lise.get("/patients/p/contacts")).text.split())
    assert "Appel reçu, La pharmacie" in page
    assert "Plus de pansements" in page
    assert "Sans réponse" not in page.partition("Appels et visites</")[2]
    async with access.act(SEED) as ctx:
        (task,) = [one for one in await ctx.records.find("Task") if one["code"]["text"] == "Rappeler la pharmacie"]
        (said,) = await ctx.records.find("Communication", {"category": "urn:maillage:communication|contact"})
    assert (task["owner"]["reference"], task["id"]) == (LISE.reference, key)
    assert said["sender"]["reference"] == LISE.reference, "who noted it: whoever called reads nothing by it"


async def test_a_visit_that_is_made_and_a_call_are_the_last_contact(followed: None, enter: Enter, access: Access) -> None:
    lise = await enter(LISE)
    word = {"resourceType": "Communication", "status": "completed", **ABOUT, "sender": {"reference": "Practitioner/gp"}}
    assert "Aucun appel" in (await lise.get("/patients/p/contacts")).text
    before = CALL | {"jour": "2026-11-22", "heure": "10:00"}
    assert (await lise.post("/patients/p/contacts", data=before)).status_code == 303
    page = (await (await enter(GP)).get("/patients/p/contacts")).text
    assert "appétit revenu" in page
    assert "Lise MAQUETTE" in page
    assert await last_contact(enter) == "Sortie"
    await write(access, SEED, *(word | {"payload": [{"contentString": f"Message {n}"}]} for n in range(35)))
    assert await last_contact(enter) == "Sortie"
    where = await planned(enter)
    done = await lise.post(
        f"{where}/faite", data={"resultat": "Barre d’appui à poser", "version": version_of((await lise.get(where)).text)}
    )
    assert done.status_code == 303, done.text
    assert await last_contact(enter) == "Évaluer le domicile"
    page = (await lise.get("/patients/p/contacts")).text
    assert "Barre d’appui" in page
    assert "Visite à domicile" in page
    assert (await (await enter(OUTSIDER)).get("/patients/p/contacts")).status_code == 404
    assert (await (await enter(OUTSIDER)).post("/patients/p/contacts", data=CALL)).status_code == 404
    async with access.act(GP) as ctx:
        assert len(await ctx.records.find("Communication", {"category": "urn:maillage:communication|contact"})) == 2
    async with access.act(OUTSIDER) as ctx:
        assert await ctx.records.find("Communication", {"category": "urn:maillage:communication|contact"}) == []


async def test_a_meeting_takes_the_time_of_who_says_that_they_come(followed: None, enter: Enter, access: Access) -> None:
    lise, nurse, where = await enter(LISE), await enter(NURSE), "/patients/p/concertations"
    asked = {"question": "Peut-elle rester ?", "jour": DAY, "lieu": "", "quorum": "", "invites": ["Practitioner/nora"]}
    await planned(enter)
    await planned(enter, NURSE, motif="Pansement", heure="16:00", qui="Practitioner/nora")
    taken = await lise.post(where, data={**asked, "heure": "14:30", "cle": uuid4().hex})
    assert taken.status_code == 409
    assert "Évaluer le domicile" in taken.text
    assert "Peut-elle rester" in taken.text
    made = await lise.post(where, data={**asked, "heure": "16:00", "cle": uuid4().hex})
    assert made.status_code == 303, made.text
    meeting = made.headers["location"].split("?")[0]
    refused = await nurse.post(f"{meeting}/reponse", data={"reponse": "accepted"})
    assert refused.status_code == 409
    assert "Pansement" in refused.text
    assert "Rien n’est enregistré" in refused.text
    assert (await nurse.post(f"{meeting}/reponse", data={"reponse": "tentative"})).status_code == 303
    assert "À confirmer" in (await nurse.get(f"/agenda?vue=jour&jour={DAY}")).text


async def test_what_is_said_of_a_call_makes_sense(followed: None, enter: Enter) -> None:
    lise = await enter(LISE)
    for wrong, words in (
        ({"moyen": "FAX"}, "Choisissez comment"), ({"avec": "", "autre": ""}, "Dites avec qui"), ({"joint": ""}, "Dites si"),
        ({"resultat": ""}, "Dites ce que"), ({"jour": "2027-01-01"}, "moment passé"), ({"jour": "2026-01-01"}, "moment passé"),
    ):  # fmt: skip
        answer = await lise.post("/patients/p/contacts", data=CALL | wrong)
        assert answer.status_code == 422, wrong
        assert words in answer.text
    assert (await lise.post("/patients/p/contacts", data=CALL | {"avec": "Practitioner/out"})).status_code == 400
    nobody = CALL | {"joint": "non", "resultat": "", "avec": "", "autre": "La pharmacie"}
    assert (await lise.post("/patients/p/contacts", data=nobody)).status_code == 303
    page = (await lise.get("/patients/p/contacts")).text
    assert "Sans réponse" in page
    assert "La pharmacie" in page
    for wrong in (
        {"motif": ""},
        {"heure": ""},
        {"heure": "25:99"},
        {"jour": "2019-01-01"},
        {"duree": "-5"},
        {"duree": "90000"},
        {"qui": ""},
    ):
        assert (await lise.post("/patients/p/visites", data=VISIT | wrong)).status_code == 422, wrong
    assert (await lise.post("/patients/p/visites", data=VISIT | {"qui": "Practitioner/out"})).status_code == 400


async def test_the_number_of_statements_does_not_grow_with_the_agenda(followed: None, enter: Enter, access: Access) -> None:
    lise = await enter(LISE)
    with count_statements() as counted:
        await lise.get(f"/agenda?jour={DAY}")
    before = counted.statements
    assert before <= STATEMENTS
    await write(access, SEED, *(appointment(f"{hour:02}:00", f"{hour:02}:40") for hour in range(8, 18)))
    with count_statements() as counted:
        page = (await lise.get(f"/agenda?jour={DAY}")).text
    assert page.count("Autre rendez-vous") == 10
    assert counted.statements <= before


@pytest.mark.browser
async def test_the_agenda_is_whole_on_every_screen(
    followed: None, enter: Enter, browser: Browser, application: Any, signed_in: Visit
) -> None:
    await planned(enter)
    await (await enter(LISE)).post("/patients/p/contacts", data=CALL)
    window = await screen(browser, application(pages), headers=await signed_in(LISE))
    for path, name in ((f"/agenda?jour={DAY}", "agenda"), (f"/agenda?vue=jour&jour={DAY}", "agenda-jour"), ("/patients/p/contacts", "contacts"),
                       (await planned(enter, heure="17:00"), "visite"), ("/patients/p/visites/nouvelle", "visite-nouvelle")):  # fmt: skip
        await window.open(path)
        await window.check(name)
