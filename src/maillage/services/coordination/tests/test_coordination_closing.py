"""The end of a support, handing it over, taking it up again, a death: what is left behind, and who sees what from that instant on."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.clock import FixedClock
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import closing, support
from maillage.services.coordination.service.closing import DROPPED, HANDED
from maillage.services.coordination.service.support import Person
from maillage.services.rights import public as rights
from tests.support.people import NOON, SEED
from tests.support.teams import DOMINIQUE, GP, LISE, NEED, OTHER, answer, by_outsider, react, sees, state_of, write_teams

REPORT = "Aides en place trois fois par semaine, appeler le médecin traitant."


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
    access: Access, actor: Actor = LISE, *, reason: str = "goals-met", report: str = REPORT, task: str = HANDED
) -> None:
    held = await episode(access)
    async with access.act(actor) as ctx:
        await closing.close(ctx, "p", held["id"], reason=reason, report=report, decided={"call": task} if task else {})
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
