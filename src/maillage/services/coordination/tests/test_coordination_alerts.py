"""Alerts: raised once, put before the next when nobody takes them, once a step, and ended by who was told."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.errors import Conflict, Forbidden, PreconditionFailed
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.events import AlertEnded, AlertRaised
from maillage.services.coordination.public import Why, raise_alert
from maillage.services.coordination.resources import alert as resources
from maillage.services.coordination.rules import alerts as rules
from maillage.services.coordination.service import absences, alerts
from maillage.services.messaging.events import MatterTold
from tests.support.browser import DESK, PHONE, screen
from tests.support.pages import client_of
from tests.support.people import SEED, care_team, professional

SECTOR = {
    "coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "code": "SA57"}]
}


def coordinator(id: str, team: str = "dac") -> Actor:
    return Actor(
        id=f"psc:{id}", kind=ActorKind.PROFESSIONAL, name=id.upper(), roles=frozenset({Role.COORDINATOR}), reference=f"Practitioner/{id}",
        organizations=(f"Organization/{team}",),
    )  # fmt: skip


LISE, PAUL, EVE = coordinator("lise"), coordinator("paul"), coordinator("eve", "other")
NURSE = professional("nurse", Role.NURSE, name="Nadia MODÈLE")
WHY = Why("Poids, variation en trois jours", "2", "+ 2,4 kg depuis le 20 nov.", "Dr Camille EXEMPLE")
EPISODE = {
    "resourceType": "EpisodeOfCare", "id": "ep", "status": "active", "patient": {"reference": "Patient/anne"},
    "type": [{"coding": [{"system": "urn:maillage:episode", "code": "coordination"}]}],
    "managingOrganization": {"reference": "Organization/dac"}, "careManager": {"reference": "Practitioner/lise"},
    "period": {"start": "2026-01-01"},
}  # fmt: skip


@pytest.fixture(autouse=True)
async def territory(access: Access) -> None:
    """Anne, her nurse, Lise who is her referent, Paul of the same team who is responsible for it, and Ève of another."""
    supervisor = [{"coding": [{"system": "urn:maillage:role", "code": "supervisor"}]}]
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "anne", "name": [{"family": "ESSAI", "given": ["Anne"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Organization", "id": id, "name": f"Équipe {id}", "type": [SECTOR]} for id in ("dac", "other")),
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": id.upper(), "family": id.upper()}]} for id in ("nurse", "lise", "paul", "eve")),
            *({"resourceType": "PractitionerRole", "id": f"role-{id}", "active": True, "practitioner": {"reference": f"Practitioner/{id}"},
               "organization": {"reference": f"Organization/{team}"}, **({"code": supervisor} if id == "paul" else {})}
              for id, team in (("lise", "dac"), ("paul", "dac"), ("eve", "other"))),
            care_team("anne", "Practitioner/nurse", "Practitioner/lise", "Organization/dac", "Organization/other"),
            EPISODE,
        )  # fmt: skip


async def raised(access: Access, *, level: int = 1, to: str = "Practitioner/nurse", key: str = "weight-anne") -> str:
    """Raises an alert as a rule does, and runs what follows, twice."""
    async with access.act(NURSE) as ctx:
        flag = await raise_alert(ctx, key=key, patient="anne", code="weight", title="Poids + 2,4 kg", level=level, why=WHY, to=to)
        events = [one for one in ctx.announced if isinstance(one, AlertRaised)]
    for event in events * 2:
        async with access.act(SEED) as ctx:
            await jobs.put_the_alert_before_somebody.handler(ctx, event)
    return flag


async def steps(access: Access) -> list[tuple[str, ...]]:
    """Whom one round of the job tells."""
    async with access.act(SEED) as ctx:
        await jobs.tell_the_next.handler(ctx)
        return [one.recipients for one in ctx.announced if isinstance(one, MatterTold) and not one.settled]


async def task_of(access: Access, flag: str) -> dict[str, Any]:
    async with access.act(SEED) as ctx:
        return await ctx.records.read("Task", resources.task_id(flag))


async def test_an_alert_that_nobody_takes_goes_to_each_once_and_the_steps_stay_written(access: Access, clock: FixedClock) -> None:
    flag = await raised(access)
    assert (await task_of(access, flag))["owner"]["reference"] == "Practitioner/nurse"
    assert await steps(access) == []  # its time has not come
    told = []
    for _ in range(5):
        clock.advance(rules.LEVELS[1].delay)
        told += await steps(access)
        assert await steps(access) == []
    assert told == [("Practitioner/lise",), ("Organization/dac",), ("Practitioner/paul",)]
    task = await task_of(access, flag)
    assert resources.told_of(task) == ["Practitioner/nurse", "Practitioner/lise", "Organization/dac", "Practitioner/paul"]
    assert len(task["note"]) == 4


async def test_what_was_rolled_back_is_told_again_and_not_twice(access: Access, clock: FixedClock) -> None:
    await raised(access)
    clock.advance(rules.LEVELS[1].delay)
    with pytest.raises(RuntimeError):
        async with access.act(SEED) as ctx:
            await jobs.tell_the_next.handler(ctx)
            raise RuntimeError("killed")
    assert await steps(access) == [("Practitioner/lise",)]
    assert await steps(access) == []


async def test_the_same_alert_raised_again_is_one_and_raised_anew_once_it_is_over(access: Access, application: Any) -> None:
    flag = await raised(access)
    assert await raised(access) == flag
    async with await client_of(application(pages), access, NURSE) as nurse:
        await nurse.post(f"/alertes/{flag}/repondre", data={"mot": "Médecin appelé", "suite": "traiter"})
    assert await raised(access) != flag


async def test_who_is_away_is_not_told_but_who_stands_in_for_them(access: Access, clock: FixedClock) -> None:
    async with access.act(LISE) as ctx:
        await absences.say(ctx, since=clock.now().date(), until=clock.now().date(), substitute="Practitioner/paul")
    flag = await raised(access, to="Practitioner/lise")
    assert (await task_of(access, flag))["owner"]["reference"] == "Practitioner/paul"
    clock.advance(timedelta(days=2))
    later = await raised(access, to="Practitioner/lise", key="another")
    assert (await task_of(access, later))["owner"]["reference"] == "Practitioner/lise"


async def test_who_takes_an_alert_ends_the_telling_and_says_what_was_done(
    access: Access, clock: FixedClock, application: Any
) -> None:
    flag = await raised(access)
    clock.advance(rules.LEVELS[1].delay)
    await steps(access)
    app = application(pages)
    async with await client_of(app, access, LISE) as lise, await client_of(app, access, PAUL) as paul:
        page = (await lise.get("/alertes")).text
        for words in (
            "Poids + 2,4 kg",
            "Poids, variation en trois jours",
            "Dr Camille EXEMPLE",
            "Personne ne l’a prise",
            "Sans réponse",
        ):
            assert words in page
        assert (await lise.post(f"/alertes/{flag}/prendre", data={"version": "2"})).status_code == 303
        late = await paul.post(f"/alertes/{flag}/repondre", data={"version": "2", "mot": "Déjà vue", "suite": "ecarter"})
        assert (late.status_code, "Déjà vue" in late.text) == (409, True)
        clock.advance(timedelta(days=1))
        assert await steps(access) == []
        assert (await lise.post(f"/alertes/{flag}/repondre", data={"mot": "", "suite": "ecarter"})).status_code == 422
        await lise.post(f"/alertes/{flag}/repondre", data={"mot": "Balance fausse", "suite": "ecarter"})
        assert "Poids + 2,4 kg" not in (await lise.get("/alertes")).text
        assert "Balance fausse" in (await lise.get("/alertes?vue=terminees")).text
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Flag", flag))["status"] == "inactive"


async def test_the_summary_says_why_there_is_an_alert_and_before_whom_it_is(access: Access, application: Any) -> None:
    await raised(access, level=3, key="other", to="Practitioner/lise")
    await raised(access)
    foreign = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "Chien méchant"},
        "subject": {"reference": "Patient/anne"},
    }
    async with access.act(NURSE, door="fhir") as ctx:
        await ctx.records.write(foreign)
    app = application(pages)
    async with await client_of(app, access, NURSE) as nurse, await client_of(app, access, LISE) as lise:
        first, second = re.findall(r'<section class="m-alert.*?</section>', (await nurse.get("/patients/anne")).text, re.DOTALL)
        hers = (await lise.get("/patients/anne")).text
    assert "Pourquoi cette alerte" in first
    for words in (
        "Poids, variation en trois jours",
        "+ 2,4 kg depuis le 20 nov.",
        "Dr Camille EXEMPLE",
        "Personne ne l’a prise",
        "Répondre à cette alerte",
    ):
        assert words in first, words
    assert "Chien méchant" in second, "what says not how pressing it is stands between those of level 1 and 3"
    assert "Pourquoi cette alerte" not in second
    assert "1 autre alerte" in " ".join(hers.split())
    assert "Répondre à cette alerte" not in hers, "it is before the nurse"


async def test_of_two_who_take_an_alert_at_the_same_instant_one_has_it_and_the_other_is_told(access: Access) -> None:
    flag = await raised(access, to="Organization/dac")
    both = asyncio.Barrier(2)

    async def taking(actor: Actor) -> str:
        async with access.act(actor) as ctx:
            version = (await ctx.records.read("Task", resources.task_id(flag)))["meta"]["versionId"]
            await both.wait()
            await alerts.take(ctx, flag=flag, version=version)
        return str(actor.reference)

    won = await asyncio.gather(taking(LISE), taking(PAUL), return_exceptions=True)
    refused = [one for one in won if not isinstance(one, str)]
    assert [type(one) for one in refused] == [PreconditionFailed]
    async with access.act(SEED) as ctx:
        task = await ctx.records.read("Task", resources.task_id(flag))
    assert [task["owner"]["reference"]] == [one for one in won if isinstance(one, str)]


async def test_another_team_neither_finds_an_alert_in_its_list_nor_ends_it_at_any_door(access: Access, application: Any) -> None:
    flag = await raised(access)
    app = application(pages)
    async with await client_of(app, access, EVE) as eve:
        assert "Poids" not in (await eve.get("/alertes")).text
        assert (await eve.post(f"/alertes/{flag}/prendre", data={})).status_code == 403
    async with access.act(SEED) as ctx:
        stored = await ctx.records.read("Flag", flag)
    async with access.act(EVE, door="fhir") as ctx:
        with pytest.raises(Forbidden):
            await ctx.records.write({**stored, "status": "inactive"})
    async with access.act(NURSE, door="fhir") as ctx:
        with pytest.raises(Conflict):
            await ctx.records.write({**stored, "code": {"text": "Rien de grave"}})
    async with access.act(NURSE, door="fhir") as ctx:  # whom it was put before may
        await ctx.records.write({**stored, "status": "inactive"})
        [event] = [one for one in ctx.announced if isinstance(one, AlertEnded)]
    async with access.act(SEED) as ctx:
        await jobs.leave_the_alert.handler(ctx, event)
    assert (await task_of(access, flag))["status"] == "cancelled"


async def test_an_alert_that_an_editor_wrote_is_put_before_the_referent(access: Access) -> None:
    flag = {
        "resourceType": "Flag", "status": "active", "category": [{"coding": [{"system": "urn:maillage:alert", "code": "alert"}]}],
        "code": {"text": "Chute détectée"}, "subject": {"reference": "Patient/anne"},
    }  # fmt: skip
    async with access.act(NURSE, door="fhir") as ctx:
        written = await ctx.records.write(flag)
        [event] = [one for one in ctx.announced if isinstance(one, AlertRaised)]
    async with access.act(SEED) as ctx:
        await jobs.put_the_alert_before_somebody.handler(ctx, event)
    assert (await task_of(access, written["id"]))["owner"]["reference"] == "Practitioner/lise"


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, DESK])
async def test_the_page_of_alerts_is_whole(
    access: Access, browser: Browser, application: Any, signed_in: Any, width: int
) -> None:
    await raised(access)
    await raised(access, level=2, key="other", to="Practitioner/lise")
    window = await screen(browser, application(pages), headers=await signed_in(LISE), width=width)
    page = await window.open("/alertes")
    await window.check(f"alertes-{width}")
    assert await page.get_by_role("button", name="Je la prends").count() >= 1
