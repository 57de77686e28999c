"""What was asked of somebody who leaves the circle goes back to who asked, at every door, and is told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.clock import FixedClock
from maillage.services.coordination import jobs, public
from maillage.services.coordination.events import MemberLeft
from maillage.services.coordination.resources import work_notices
from maillage.services.coordination.resources.circle import leaving
from maillage.services.coordination.service import handing_back, work
from maillage.services.coordination.service.work import Asked
from maillage.services.messaging.events import MatterTold
from maillage.services.messaging.jobs import put_before
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.service import asking, inbox, messages
from tests.support.people import NOON, SEED, care_team, professional
from tests.support.teams import GP, LISE, write_teams

NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
DUE = NOON + timedelta(days=2)
BEFORE = ("Practitioner/gp", "Practitioner/nora", "Organization/dac")
assert public.ask


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    await write_teams(access)
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "nora", "name": [{"text": "Nora FICTIVE"}]})
        await ctx.records.write(care_team("p", *BEFORE))


async def asked(access: Access, owner: str = "Practitioner/nora", *, by: Actor = GP, readers: Readers = Readers()) -> str:  # noqa: B008 - frozen
    """The id of the task that a message asks for."""
    key = str(uuid4())
    wish = asking.Wish(
        task=asking.task_of(key),
        kind="measure",
        patient="p",
        owner=owner,
        due=DUE,
        message=key,
        words="Peser Ana",
        readers=readers,
    )
    async with access.act(by) as ctx:
        await messages.begin(
            ctx, patient="p", key=key, topic="Poids", text="Peser Ana", readers=readers, asked=[f"Task/{wish.task}"]
        )
        await asking.ask(ctx, wish, among={owner})
    return wish.task


async def circle_of(access: Access, *members: str, door: str = "page") -> list[MemberLeft]:
    async with access.act(SEED, door=door) as ctx:
        await ctx.records.write(care_team("p", *members))
        return [one for one in ctx.announced if isinstance(one, MemberLeft)]


async def handed_back(access: Access) -> None:
    """What the worker does."""
    async with access.act(SEED) as ctx:
        await jobs.hand_back_their_tasks.handler(ctx, MemberLeft(patient="p"))
        told = [one for one in ctx.announced if isinstance(one, MatterTold)]
    for one in told:
        async with access.act(SEED) as ctx:
            await put_before.handler(ctx, one)


async def task_of(access: Access, id: str) -> dict[str, Any]:
    async with access.act(SEED) as ctx:
        return await ctx.records.read("Task", id)


async def news(access: Access, actor: Actor) -> list[str]:
    async with access.act(actor, read_only=True) as ctx:
        held = await inbox.inbox(ctx)
        return [one.kind for one in held.notices if one.about in held.matters]


@pytest.mark.parametrize("door", ["page", "fhir"])
async def test_a_request_to_who_left_goes_back_to_who_asked_and_is_told(access: Access, door: str) -> None:
    task = await asked(access)
    async with access.act(NORA) as ctx:
        assert await ctx.records.find("Task", {"_id": task})
    assert await circle_of(access, "Practitioner/gp", "Organization/dac", door=door) == [
        MemberLeft(patient="p", who=("Practitioner/nora",))
    ]
    for _ in range(2):
        await handed_back(access)
    after = await task_of(access, task)
    assert (after["owner"]["reference"], after["status"], after["requester"]["reference"]) == ("Practitioner/gp", "requested", "Practitioner/gp")  # fmt: skip
    assert after["meta"]["versionId"] == "2", "handed back once"
    assert after["note"][-1]["text"] == "Nora FICTIVE ne suit plus la personne : revient à Dr Camille EXEMPLE"
    assert await news(access, GP) == [handing_back.BACK]
    async with access.act(NORA) as ctx:
        assert await ctx.records.find("Task", {"_id": task}) == [], "who left sees it no more"
    words = work_notices.back_words(after)
    assert (words.title, words.address) == ("Vous revient : Mesure demandée", f"/taches/{task}")


async def test_who_stays_or_sees_the_person_through_their_team_keeps_what_they_have(access: Access) -> None:
    task = await asked(access)
    async with access.act(LISE) as ctx:
        todo = Asked(title="Appeler", description="", due=DUE, priority="routine", owner="Practitioner/lise", remind=None)
        own = (await work.create(ctx, id=str(uuid4()), patient="p", asked=todo))["id"]
    assert await circle_of(access, *BEFORE) == [], "nobody left"
    await handed_back(access)
    assert (await task_of(access, task))["owner"]["reference"] == "Practitioner/nora"
    assert (await task_of(access, own))["owner"]["reference"] == "Practitioner/lise"
    assert await news(access, GP) == []


async def test_where_who_asked_left_too_the_team_has_it_unless_it_is_kept_from_the_team(access: Access) -> None:
    task, secret = await asked(access), await asked(access, readers=Readers(care_only=True, professionals=True))
    await circle_of(access, "Organization/dac")
    await handed_back(access)
    assert (await task_of(access, task))["owner"]["reference"] == "Organization/dac"
    assert (await task_of(access, secret))["owner"]["reference"] == "Practitioner/nora", "nobody else may have it"
    assert await news(access, LISE) == [handing_back.BACK]


async def test_what_is_done_stays_with_who_did_it(access: Access) -> None:
    task = await asked(access)
    async with access.act(NORA) as ctx:
        await asking.answer(ctx, task, "62,4 kg")
    await circle_of(access, "Practitioner/gp")
    await handed_back(access)
    after = await task_of(access, task)
    assert (after["owner"]["reference"], after["status"]) == ("Practitioner/nora", "completed")


def team(*ends: tuple[str, str], status: str = "active") -> dict[str, Any]:
    return {
        "status": status,
        "participant": [{"member": {"reference": f"Practitioner/{who}"}, "period": {"start": "2026-01-01"} | ({"end": end} if end else {})} for who, end in ends],
    }  # fmt: skip


def test_who_leaves_now_or_after_a_last_day_is_known_by_the_change(clock: FixedClock) -> None:
    both = team(("a", ""), ("b", "2026-12-01"))
    assert leaving(both, both, NOON) == {}
    assert leaving({}, both, NOON) == {}
    assert leaving(both, team(("a", "")), NOON) == {NOON: {"Practitioner/b"}}
    assert leaving(both, team(("a", ""), ("b", "2026-11-23T11:00:00Z")), NOON) == {NOON: {"Practitioner/b"}}
    assert leaving(both, team(("a", ""), ("b", ""), status="inactive"), NOON) == {NOON: {"Practitioner/a", "Practitioner/b"}}
    assert leaving(both, {}, NOON) == {NOON: {"Practitioner/a", "Practitioner/b"}}
    assert leaving(both, team(("a", "2026-11-30"), ("b", "2026-12-01")), NOON) == {
        datetime(2026, 11, 30, 23, tzinfo=UTC): {"Practitioner/a"}
    }, "in Paris"
    assert leaving(both, team(("a", "9999-12-31"), ("b", "2026-12-01")), NOON) == {}


async def test_a_last_day_hands_back_when_it_is_over(access: Access) -> None:
    ending = care_team("p", *BEFORE)
    for one in ending["participant"]:
        if one["member"]["reference"] == "Practitioner/nora":
            one["period"] = {"start": "2026-01-01", "end": "2026-11-24"}
    async with access.act(SEED) as ctx:
        await ctx.records.write(ending)
        [left] = [one for one in ctx.announced if isinstance(one, MemberLeft)]
    assert left.at.startswith("2026-11-24T23:00")
