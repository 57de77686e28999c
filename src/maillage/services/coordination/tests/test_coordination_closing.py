"""The end of a support, handing it over, taking it up again, a death: what is left behind, and who sees what from that instant on."""

import base64
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination import pages
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import closing, plans, support
from maillage.services.coordination.service.closing import ARCHIVED, DROPPED, HANDED, KEPT, Ending
from maillage.services.coordination.service.support import Person
from maillage.services.documents import pages as document_pages
from maillage.services.messaging import pages as message_pages
from maillage.services.messaging.events import MatterTold
from maillage.services.messaging.jobs import put_before
from maillage.services.rights import public as rights
from tests.support.browser import HERE
from tests.support.people import NOON, SEED
from tests.support.teams import (
    DOMINIQUE,
    GP,
    LISE,
    NEED,
    OTHER,
    OUTSIDER,
    P,
    answer,
    by_outsider,
    news,
    react,
    sees,
    state_of,
    works,
    write_teams,
)

PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
REPORT = "Aides en place trois fois par semaine, appeler le médecin traitant."


STATEMENTS = 30
STATEMENTS_OF_THE_DESK = 5
MOMENT = timedelta(milliseconds=1)


@pytest.fixture
async def request_id(access: Access) -> str:
    """A support that goes on, with one task of the team."""
    await write_teams(access)
    id = await by_outsider(access)
    await answer(access, LISE, id, State.ACCEPTED)
    async with access.act(SEED) as ctx:
        task = {
            "resourceType": "Task", "id": "call", "status": "requested", "intent": "plan", "for": {"reference": "Patient/p"},
            "owner": {"reference": "Organization/dac"}, "code": {"text": "Appeler"},
        }  # fmt: skip
        person = await ctx.records.read("Patient", "p")
        await ctx.records.write(
            task,
            {
                **person,
                "generalPractitioner": [{"reference": "Practitioner/gp"}],
                "telecom": [{"system": "email", "value": "p@exemple.fr"}],
            },
        )
    return id


async def episode(access: Access) -> dict[str, Any]:
    async with access.act(SEED) as ctx:
        return (await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p", "_sort": "-date"}))[0]


async def close(
    access: Access, actor: Actor = LISE, *, reason: str = "goals-met", report: str = REPORT, task: str = HANDED, **more: Any
) -> None:
    held = await episode(access)
    async with access.act(actor) as ctx:
        said = Ending(reason=reason, report=report, tasks={"call": task} if task else {}, **more)
        await closing.close(ctx, "p", held["id"], said)
    await react(access)


async def test_a_support_that_ends_leaves_a_report_and_nobody_of_the_team_in_the_record(
    request_id: str, access: Access, clock: FixedClock
) -> None:
    assert await sees(access, LISE, "Patient", "p")
    await close(access)
    clock.advance(MOMENT)
    for kind, id in (("Patient", "p"), ("Condition", "secret"), ("EpisodeOfCare", (await episode(access))["id"])):
        assert not await sees(access, LISE, kind, id), kind
    assert (await episode(access))["status"] == "finished"
    async with access.act(GP, read_only=True) as ctx:
        (report,) = await ctx.records.find("DocumentReference", {"patient": "Patient/p"})
        task = await ctx.records.read("Task", "call")
    assert REPORT in base64.b64decode(report["content"][0]["attachment"]["data"]).decode()
    assert task["owner"]["reference"] == "Practitioner/gp"
    assert await state_of(access, request_id) is State.CLOSED


async def test_nothing_ends_while_a_task_or_a_reason_or_the_report_is_open(request_id: str, access: Access) -> None:
    for wrong in ({"reason": "because"}, {"report": "fini"}, {"task": ""}):
        with pytest.raises(Invalid):
            await close(access, **wrong)
    assert (await episode(access))["status"] == "active"
    await close(access, task=DROPPED)
    assert (await episode(access))["status"] == "finished"


async def test_a_support_is_ended_by_its_team_alone(request_id: str, access: Access) -> None:
    with pytest.raises(NotFound):
        await close(access, OTHER)
    assert (await episode(access))["status"] == "active"
    await close(access)


async def test_a_support_is_taken_up_again_by_its_team(request_id: str, access: Access) -> None:
    await close(access)
    with pytest.raises(NotFound):
        async with access.act(OTHER) as ctx:
            await closing.reopen(ctx, request_id)
    async with access.act(LISE) as ctx:
        await closing.reopen(ctx, request_id)
    await react(access)
    assert await sees(access, LISE, "Patient", "p")
    assert (await episode(access))["status"] == "active"


async def test_another_team_takes_over_when_it_accepts_and_not_before(request_id: str, access: Access, clock: FixedClock) -> None:
    async with access.act(LISE) as ctx:
        new = await support.ask(
            ctx,
            access,
            Person(patient="p", traits=DOMINIQUE),
            NEED,
            how="spoken",
            team="Organization/autre",
            key="relay",
            follows=request_id,
        )
    await react(access)
    assert await sees(access, LISE, "Patient", "p")
    assert not await sees(access, OTHER, "Patient", "p")
    await answer(access, OTHER, new, State.ACCEPTED)
    await react(access)
    clock.advance(MOMENT)
    assert await sees(access, OTHER, "Patient", "p")
    assert not await sees(access, LISE, "Patient", "p")
    assert await state_of(access, request_id) is State.CLOSED


async def test_nobody_ends_the_support_of_a_team_by_asking_another(request_id: str, access: Access) -> None:
    for actor, follows in ((GP, request_id), (LISE, request_id)):
        async with access.act(actor) as ctx:
            person = Person(patient="p", traits=DOMINIQUE)
            asking = support.ask(ctx, access, person, NEED, how="spoken", team="Organization/autre", key="x", follows=follows)
            if actor is GP:
                with pytest.raises(Forbidden):
                    await asking
            else:
                assert await asking


async def test_a_death_is_noted_and_nobody_is_written_to_any_more(request_id: str, access: Access) -> None:
    async with access.act(SEED) as ctx:
        assert await rights.address_to_write(ctx, "p") == "p@exemple.fr"
    await close(access, reason="death")
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Patient", "p"))["deceasedBoolean"] is True
        assert await rights.address_to_write(ctx, "p") is None


async def test_a_software_of_the_team_ends_a_support_by_its_task(request_id: str, access: Access, clock: FixedClock) -> None:
    async with access.act(LISE, door="fhir") as ctx:
        (task,) = await ctx.records.find("Task", {"focus": f"ServiceRequest/{request_id}"})
        ended = resources.closed(task, reason="moved", words="Déménagement", by="Practitioner/lise", name="Lise", at=NOON)
        await ctx.records.write(ended)
    await react(access)
    clock.advance(MOMENT)
    assert not await sees(access, LISE, "Patient", "p")
    assert (await episode(access))["status"] == "finished"
    async with access.act(GP, read_only=True) as ctx:
        call = await ctx.records.read("Task", "call")
    assert (call["status"], call["statusReason"]["text"]) == ("cancelled", "Fin de l’appui à la coordination")


@pytest.fixture
async def plan(request_id: str, access: Access) -> dict[str, str]:
    """A plan of the team with two goals; their ids by words."""
    async with access.act(LISE) as ctx:
        id = await plans.start(ctx, patient="p", model="blank", key="plan")
        for words in ("Marcher", "Dormir"):
            await plans.add_goal(
                ctx, patient="p", plan=id, words=words, measure="", target="", due="", by_the_person=False, key=words
            )
        held = (await plans.read(ctx, patient="p")).current
    assert held is not None
    return {goal.words: goal.id for goal in held.pursued} | {"plan": id}


async def test_nothing_ends_while_a_goal_or_the_plan_is_left_without_a_word(plan: dict[str, str], access: Access) -> None:
    both = {plan["Marcher"]: "achieved", plan["Dormir"]: "not-achieved"}
    for wrong, place in (
        ({}, "plan"), ({"plan": ARCHIVED}, "objectifs"), ({"plan": ARCHIVED, "goals": {plan["Marcher"]: "achieved"}}, "objectifs"),
        ({"plan": ARCHIVED, "goals": both | {plan["Dormir"]: "active"}}, "plan"), ({"plan": KEPT, "goals": both | {plan["Dormir"]: "forgotten"}}, "objectifs"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as fault:
            await close(access, **wrong)  # type: ignore[arg-type]
        assert fault.value.issues[0].expression == place
    assert (await episode(access))["status"] == "active"
    await close(access, plan=ARCHIVED, goals=both)
    async with access.act(SEED) as ctx:
        found = {one["description"]["text"]: one for one in await ctx.records.find("Goal", {"patient": "Patient/p"})}
        kept = await ctx.records.read("CarePlan", plan["plan"])
        (report,) = await ctx.records.find("DocumentReference", {"patient": "Patient/p"})
    assert [found[one]["lifecycleStatus"] for one in ("Marcher", "Dormir")] == ["completed", "completed"]
    assert found["Dormir"]["statusReason"].startswith("Fin de l’appui")
    assert kept["status"] == "completed"
    assert "- Marcher : atteint\n- Dormir : non atteint" in base64.b64decode(report["content"][0]["attachment"]["data"]).decode()


async def test_a_plan_that_the_circle_goes_on_with_stays_open_to_it(
    plan: dict[str, str], access: Access, clock: FixedClock
) -> None:
    await close(access, plan=KEPT, goals={plan["Marcher"]: "achieved", plan["Dormir"]: "active"})
    clock.advance(MOMENT)
    async with access.act(GP, read_only=True) as ctx:
        held = (await plans.read(ctx, patient="p")).current
    assert held is not None
    assert [goal.words for goal in held.pursued] == ["Dormir"]
    assert not await sees(access, LISE, "CarePlan", plan["plan"])


async def test_a_death_is_dated_where_its_day_is_known(request_id: str, access: Access) -> None:
    for wrong in (
        {"reason": "moved", "died": date(2026, 11, 20)},
        {"reason": "death", "died": date(2026, 11, 24)},
        {"reason": "death", "died": date(1979, 1, 1)},
    ):
        with pytest.raises(Invalid) as fault:
            await close(access, **wrong)  # type: ignore[arg-type]
        assert fault.value.issues[0].expression == "deces"
    await close(access, reason="death", died=date(2026, 11, 20))
    async with access.act(SEED) as ctx:
        person = await ctx.records.read("Patient", "p")
        assert (person["deceasedDateTime"], "deceasedBoolean" in person) == ("2026-11-20", False)
        assert await rights.address_to_write(ctx, "p") is None


async def test_a_date_of_death_that_is_known_is_not_written_over(request_id: str, access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({**await ctx.records.read("Patient", "p"), "deceasedDateTime": "2026-11-19"})
    await close(access, reason="death", died=date(2026, 11, 20))
    async with access.act(SEED) as ctx:
        assert (await ctx.records.read("Patient", "p"))["deceasedDateTime"] == "2026-11-19"


async def test_the_report_is_put_before_the_circle_and_no_one_else(request_id: str, access: Access) -> None:
    held = await episode(access)
    async with access.act(SEED) as ctx:
        gp = await ctx.records.read("Practitioner", "gp")
        await ctx.records.write(gp | {"qualification": [{"code": {"coding": [{"system": PROFESSIONS, "code": "10"}]}}]})
    async with access.act(LISE) as ctx:
        await closing.close(ctx, "p", held["id"], Ending(reason="goals-met", report=REPORT, tasks={"call": DROPPED}))
        told = [one for one in ctx.announced if isinstance(one, MatterTold)]
    async with access.act(SEED) as ctx:
        for one in told:
            await put_before.handler(ctx, one)
    assert "Fin de l’appui à la coordination" in await news(access, GP)
    for other in (LISE, OTHER, OUTSIDER):
        assert "Fin de l’appui à la coordination" not in await news(access, other)


async def test_who_reads_the_record_of_a_closed_support_and_for_how_long(
    request_id: str, access: Access, clock: FixedClock
) -> None:
    marc = replace(LISE, id="psc:marc", name="Marc", reference="Practitioner/marc")
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "marc", "name": [{"text": "marc"}]}, works("marc", "dac"))
    assert await sees(access, marc, "Condition", "secret"), "while it goes on, a colleague sees by the team"
    await close(access)
    async with access.act(SEED) as ctx:
        (report,) = await ctx.records.find("DocumentReference", {"patient": "Patient/p"})
        (task,) = await ctx.records.find("Task", {"focus": f"ServiceRequest/{request_id}"})
    records = {
        "record": ("Condition", "secret"), "report": ("DocumentReference", report["id"]), "request": ("ServiceRequest", request_id),
        "answer": ("Task", task["id"]), "handed": ("Task", "call"), "episode": ("EpisodeOfCare", (await episode(access))["id"]),
    }  # fmt: skip
    expected = {
        GP: {"record", "report", "request", "answer", "handed", "episode"},
        LISE: {"report", "request", "answer"},  # what she signed, and what her team was asked
        marc: {"request", "answer"},
        OTHER: set(),
        OUTSIDER: {"request", "answer"},  # he asked
        P: {"record", "report", "request", "answer", "handed", "episode"},
    }
    for later in (MOMENT, timedelta(days=1), timedelta(days=3650)):
        clock.advance(later)
        for actor, names in expected.items():
            assert {name for name, (kind, id) in records.items() if await sees(access, actor, kind, id)} == names, (
                actor.id,
                later,
            )


# --- the page


async def client_of(application: Any, signed_in: Any, actor: Actor) -> httpx.AsyncClient:
    headers = [("accept", "text/html"), *await signed_in(actor)]
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(pages)), base_url=HERE, headers=headers)


async def test_the_page_asks_what_is_open_in_few_statements_and_keeps_what_was_said(
    request_id: str, plan: dict[str, str], access: Access, application: Any, signed_in: Any
) -> None:
    held = await episode(access)
    async with await client_of(application, signed_in, LISE) as lise:
        with count_statements() as counted:
            shown = await lise.get("/patients/p/appui")
        assert counted.statements <= STATEMENTS
        assert len(shown.content) < 60_000
        assert all(words in shown.text for words in ("Marcher", "Dormir", "Le plan personnalisé", "Appeler"))
        token = re.findall(r'name="csrf" value="(\w+)"', shown.text)[-1]
        end, sent = (
            f"/patients/p/appui/{held['id']}/fin",
            {"csrf": token, "motif": "death", "deces": "2026-12-01", "bilan": REPORT},
        )
        wrong = await lise.post(end, data=sent)
        assert (wrong.status_code, "Vérifiez la date" in wrong.text, REPORT in wrong.text) == (422, True, True)
        rest = {
            "tache-call": DROPPED, "plan": ARCHIVED, f"objectif-{plan['Marcher']}": "achieved", f"objectif-{plan['Dormir']}": "not-undertaken",
            "deces": "2026-11-20",
        }  # fmt: skip
        assert (await lise.post(end, data=sent | rest)).status_code == 303
    await react(access)
    assert (await episode(access))["status"] == "finished"


async def test_the_general_practitioner_reads_the_report_from_what_is_new(
    request_id: str, access: Access, application: Any, signed_in: Any
) -> None:
    async with access.act(SEED) as ctx:
        gp = await ctx.records.read("Practitioner", "gp")
        await ctx.records.write(gp | {"qualification": [{"code": {"coding": [{"system": PROFESSIONS, "code": "10"}]}}]})
    held = await episode(access)
    async with access.act(LISE) as ctx:
        await closing.close(ctx, "p", held["id"], Ending(reason="goals-met", report=REPORT, tasks={"call": DROPPED}))
        told = [one for one in ctx.announced if isinstance(one, MatterTold)]
    async with access.act(SEED) as ctx:
        for one in told:
            await put_before.handler(ctx, one)
    await react(access)
    headers = [("accept", "text/html"), *await signed_in(GP)]
    served = application(pages, document_pages, message_pages)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url=HERE, headers=headers) as gp_client:
        news_page = (await gp_client.get("/nouveautes")).text
        (path,) = set(re.findall(r'href="(/documents/[\w-]+)"', news_page))
        assert REPORT in (await gp_client.get(path)).text


async def test_a_relay_is_asked_by_the_page_and_ends_the_support_of_the_first_team(
    request_id: str, access: Access, application: Any, signed_in: Any, clock: FixedClock
) -> None:
    held = await episode(access)
    relay = f"/patients/p/appui/{held['id']}/relais"
    async with await client_of(application, signed_in, LISE) as lise:
        form = next(
            one for one in re.findall(r"<form.*?</form>", (await lise.get("/patients/p/appui")).text, re.S) if relay in one
        )
        assert "Équipe autre" in form
        assert "Équipe dac" not in form
        said = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) | {"equipe": "Organization/autre"}
        short = await lise.post(relay, data=said | {"besoin": "oui", "voie": ""})
        assert (
            short.status_code,
            "Écrivez pour l’autre équipe" in short.text,
            "sans lui, rien n’est transmis" in short.text,
        ) == (422, True, True)
        good = said | {"besoin": "La personne a déménagé dans votre territoire.", "voie": "spoken"}
        sent = [await lise.post(relay, data=good) for _ in range(2)]
        assert [one.status_code for one in sent] == [303, 303]
    await react(access)
    async with await client_of(application, signed_in, OTHER) as other:
        with count_statements() as counted:
            desk = (await other.get("/demandes-d-appui")).text
        assert counted.statements <= STATEMENTS_OF_THE_DESK
        (path,) = set(re.findall(r"/demandes-d-appui/[0-9a-f-]{36}", desk))
        shown = (await other.get(path)).text
        assert "La personne a déménagé" in shown
        form = next(one for one in re.findall(r"<form.*?</form>", shown, re.S) if 'value="accepter"' in one)
        answer_ = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)) | {
            "reponse": "accepter",
            "referent": "Practitioner/other",
        }
        assert (await other.post(path, data=answer_)).status_code == 303
        await react(access)
        await react(access)
        clock.advance(MOMENT)
        with count_statements() as counted:
            figures = (await other.get("/demandes-d-appui/chiffres")).text
        assert counted.statements <= STATEMENTS_OF_THE_DESK
        assert "Acceptée" in figures
    assert await sees(access, OTHER, "Patient", "p")
    assert not await sees(access, LISE, "Patient", "p")
    assert await state_of(access, request_id) is State.CLOSED
